import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import {
  type ClientAttribute,
  type ClientMatch,
  clientMetricsOption,
  PUSH_INTERVAL_MS_DEFAULT,
  parseClientMatch,
} from "../config/client-metrics-options.ts";

/** What is known of a client, as subscriptions match it. */
export type ClientAttributes = Readonly<Record<ClientAttribute, string>>;

/** What a client is to push. `id` names exactly this, for this client; `metrics`: prefixes, `*` alone for all. */
export type ClientSubscription = Readonly<{ id: number; intervalMs: number; metrics: readonly string[] }>;

type Subscription = Readonly<{ metrics: readonly string[]; intervalMs: number; match: ClientMatch }>;

const ALL = "*";

/** The subscriptions of the cluster's state, ready to be matched. */
export class Subscriptions {
  readonly #state: ClusterState;
  #all: readonly Subscription[] = [];
  /** Another one after every change. */
  version = 0;

  constructor(state: ClusterState) {
    this.#state = state;
    this.refresh();
  }

  /** They have changed. */
  refresh(): void {
    this.#all = [...this.#state.clientMetrics.values()].flatMap(({ configs }) => compiled(configs));
    this.version += 1;
  }

  /** All that concern the client in one: the union of metrics, the shortest interval. */
  of(client: ClientAttributes): ClientSubscription {
    const matching = this.#all.filter(({ match }) => matches(match, client));
    const union = new Set(matching.flatMap(({ metrics }) => metrics));
    const metrics = union.has(ALL) ? [ALL] : [...union].sort();
    const intervalMs = matching.length === 0 ? PUSH_INTERVAL_MS_DEFAULT : Math.min(...matching.map((one) => one.intervalMs));
    const content = crc32c(Buffer.from(`${metrics.join()}/${intervalMs}`));
    return { id: content ^ crc32c(Buffer.from(client.client_instance_id)), intervalMs, metrics };
  }
}

function compiled(configs: ReadonlyMap<string, string>): Subscription[] {
  const value = (name: string): string => configs.get(name) ?? clientMetricsOption(name)?.default ?? "";
  const match = parseClientMatch(value("match"));
  // Of software with other rules: it concerns nobody, rather than everybody.
  if (match === undefined) return [];
  const metrics = value("metrics")
    .split(",")
    .filter((prefix) => prefix !== "");
  return [{ metrics, intervalMs: Number(value("interval.ms")), match }];
}

function matches(match: ClientMatch, client: ClientAttributes): boolean {
  for (const [attribute, pattern] of match) if (!pattern.matches(client[attribute])) return false;
  return true;
}
