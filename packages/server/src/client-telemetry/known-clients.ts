import type { Clock } from "../io/clock.ts";
import { CLIENTS_MAX, SERIES_MAX, SILENT_INTERVALS_MAX, SILENT_MS_MIN } from "./limits.ts";
import type { MetricPoint } from "./otlp-decoder.ts";
import type { ClientAttributes, ClientSubscription, Subscriptions } from "./subscriptions.ts";

/** A client that asked or pushed; the times decide whether its next request is too early. */
export class KnownClient {
  readonly attributes: ClientAttributes;
  readonly subscription: ClientSubscription;
  readonly version: number;
  lastGetMs = Number.NEGATIVE_INFINITY;
  lastPushMs = Number.NEGATIVE_INFINITY;
  /** The subscription was given to it after its last push. */
  askedSincePush = false;
  heardMs = 0;
  isTerminating = false;
  /** Its last push was refused, and asking for the subscription again is the remedy. */
  mayAskAgain = false;
  points: readonly MetricPoint[] = [];

  constructor(attributes: ClientAttributes, subscription: ClientSubscription, version: number) {
    this.attributes = attributes;
    this.subscription = subscription;
    this.version = version;
  }

  /** The first push after asking may come early: clients vary their interval, so as not to push all at once. */
  pushIsDue(nowMs: number): boolean {
    const isDue = this.askedSincePush || nowMs - this.lastPushMs >= this.subscription.intervalMs;
    if (!isDue) return false;
    this.lastPushMs = nowMs;
    this.askedSincePush = false;
    return true;
  }
}

/** Clients and what they pushed, the ones that were silent longest in front: they give way when there is no room. */
export class KnownClients {
  readonly #clock: Clock;
  readonly #subscriptions: Subscriptions;
  readonly #byId = new Map<string, KnownClient>();
  #series = 0;
  seriesDropped = 0;

  constructor(clock: Clock, subscriptions: Subscriptions) {
    this.#clock = clock;
    this.#subscriptions = subscriptions;
  }

  get count(): number {
    return this.#byId.size;
  }

  all(): Iterable<KnownClient> {
    return this.#byId.values();
  }

  /** The client with its subscription as it is now; from now on it was heard of last. */
  of(attributes: ClientAttributes): KnownClient {
    const id = attributes.client_instance_id;
    const known = this.#byId.get(id);
    this.#byId.delete(id);
    const client = known?.version === this.#subscriptions.version ? known : this.#anew(attributes, known);
    client.heardMs = this.#clock.monotonicMs();
    this.#byId.set(id, client);
    while (this.#byId.size > CLIENTS_MAX) this.#dropFirst();
    return client;
  }

  /** These and no others are shown of the client from now on. */
  show(client: KnownClient, points: readonly MetricPoint[]): void {
    const before = new Map(client.points.map((point) => [keyOf(point), point.value]));
    this.#series += points.length - client.points.length;
    client.points = points.map((point) => (point.isDelta ? { ...point, value: point.value + (before.get(keyOf(point)) ?? 0) } : point));
    for (const other of this.#byId.values()) {
      if (this.#series <= SERIES_MAX) return;
      if (other !== client) this.#drop(other);
    }
  }

  forgetSilent(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { heardMs, subscription, points }] of this.#byId) {
      if (nowMs - heardMs <= Math.max(SILENT_INTERVALS_MAX * subscription.intervalMs, SILENT_MS_MIN)) continue;
      this.#series -= points.length;
      this.#byId.delete(id);
    }
  }

  /** Its subscription may have changed, so it may ask at once; what it pushed stays. */
  #anew(attributes: ClientAttributes, known: KnownClient | undefined): KnownClient {
    const client = new KnownClient(attributes, this.#subscriptions.of(attributes), this.#subscriptions.version);
    client.points = known?.points ?? [];
    return client;
  }

  #dropFirst(): void {
    for (const [id, client] of this.#byId) {
      this.#drop(client);
      this.#byId.delete(id);
      return;
    }
  }

  #drop(client: KnownClient): void {
    this.seriesDropped += client.points.length;
    this.#series -= client.points.length;
    client.points = [];
  }
}

function keyOf({ name, attributes }: MetricPoint): string {
  return `${name}\n${attributes}`;
}
