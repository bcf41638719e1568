import { Buffer } from "node:buffer";
import { compressionCodec } from "@tidemq/protocol/compression.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { type ErrorCode, QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { Effect } from "../cluster/effects.ts";
import type { Clock } from "../io/clock.ts";
import { type Random, uuid4 } from "../io/random.ts";
import type { LabelValues } from "../telemetry/metrics.ts";
import { type KnownClient, KnownClients } from "./known-clients.ts";
import { TELEMETRY_BYTES_MAX } from "./limits.ts";
import { type DecodedMetrics, decodeMetrics } from "./otlp-decoder.ts";
import { type ClientAttributes, type ClientSubscription, Subscriptions } from "./subscriptions.ts";

/** A client as its connection shows it, without the id that it was given here. */
export type ClientSource = Omit<ClientAttributes, "client_instance_id">;

export type TelemetryPush = Readonly<{
  clientInstanceId: string;
  subscriptionId: number;
  isTerminating: boolean;
  /** As in a batch's attributes. */
  compression: number;
  metrics: Uint8Array;
}>;

const ZERO_ID = "AAAAAAAAAAAAAAAAAAAAAA";
/** Ids that Kafka has given another meaning. */
const RESERVED_IDS: ReadonlySet<string> = new Set([ZERO_ID, "AAAAAAAAAAAAAAAAAAAAAQ"]);

const REMEDIED_BY_ASKING: ReadonlySet<ErrorCode> = new Set(["UNKNOWN_SUBSCRIPTION_ID", "UNSUPPORTED_COMPRESSION"]);

/**
 * Metrics that clients push (KIP-714): says which are wanted, by the subscriptions in the cluster's state, takes them in, and
 * keeps of each client what it pushed last. Everything is bounded; nothing outlives the process.
 */
export class ClientTelemetry {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #subscriptions: Subscriptions;
  readonly #clients: KnownClients;
  /** Read when metrics are scraped. */
  pushes = 0;
  pointsUnread = 0;

  constructor({ clock, random, state }: Readonly<{ clock: Clock; random: Random; state: ClusterState }>) {
    this.#clock = clock;
    this.#random = random;
    this.#subscriptions = new Subscriptions(state);
    this.#clients = new KnownClients(clock, this.#subscriptions);
  }

  /** In the turn in which the metadata changed. */
  applied(effects: readonly Effect[]): void {
    if (effects.some(({ kind }) => kind === "client-metrics-changed")) this.#subscriptions.refresh();
  }

  /**
   * What the client is to push; a client without an id is given one. Asked again within the interval, it is refused, unless
   * the subscription changed or its last push was refused for a reason that asking again removes.
   * @throws {QueueError} THROTTLED
   */
  subscriptionOf(clientInstanceId: string, source: ClientSource): ClientSubscription & Readonly<{ clientInstanceId: string }> {
    const id = clientInstanceId === ZERO_ID ? Buffer.from(uuid4(this.#random)).toString("base64url") : clientInstanceId;
    const client = this.#clients.of({ ...source, client_instance_id: id });
    const nowMs = this.#clock.monotonicMs();
    const isDue = nowMs - Math.max(client.lastGetMs, client.lastPushMs) >= client.subscription.intervalMs;
    if (!isDue && !client.mayAskAgain) throw throttled(id);
    client.lastGetMs = nowMs;
    client.askedSincePush = true;
    client.mayAskAgain = false;
    return { ...client.subscription, clientInstanceId: id };
  }

  /** @throws {QueueError} INVALID_REQUEST, THROTTLED, UNKNOWN_SUBSCRIPTION_ID, UNSUPPORTED_COMPRESSION, TELEMETRY_TOO_LARGE, INVALID_RECORD */
  push(push: TelemetryPush, source: ClientSource): void {
    const { clientInstanceId: id } = push;
    if (RESERVED_IDS.has(id))
      throw new QueueError("INVALID_REQUEST", `Invalid request from the client [${id}], invalid client instance id`);
    const client = this.#clients.of({ ...source, client_instance_id: id });
    const wasTerminating = client.isTerminating;
    client.isTerminating = push.isTerminating;
    client.mayAskAgain = false;
    if (wasTerminating) throw new QueueError("INVALID_REQUEST", `Client [${id}] sent another push after a terminating one`);
    const isDue = client.pushIsDue(this.#clock.monotonicMs());
    if (!isDue && !push.isTerminating) throw throttled(id);
    try {
      if (push.subscriptionId !== client.subscription.id)
        throw new QueueError("UNKNOWN_SUBSCRIPTION_ID", `Unknown client subscription id for the client [${id}]`);
      this.#take(client, push);
    } catch (error) {
      client.mayAskAgain = error instanceof QueueError && REMEDIED_BY_ASKING.has(error.code);
      throw error;
    }
  }

  #take(client: KnownClient, push: TelemetryPush): void {
    const metrics = decoded(push);
    this.pushes += 1;
    if (metrics === undefined) return;
    this.pointsUnread += metrics.unread;
    this.#clients.show(client, metrics.points);
  }

  get clientCount(): number {
    this.#clients.forgetSilent();
    return this.#clients.count;
  }

  /** Numbers that gave way to those of others. */
  get seriesDropped(): number {
    return this.#clients.seriesDropped;
  }

  /** What clients pushed last: id of the instance, client id, name, attributes. */
  *series(): Iterable<readonly [labels: LabelValues, value: number]> {
    this.#clients.forgetSilent();
    for (const { attributes: client, points } of this.#clients.all())
      for (const { name, attributes, value } of points) yield [[client.client_instance_id, client.client_id, name, attributes], value];
  }
}

function throttled(id: string): QueueError {
  return new QueueError("THROTTLED", `Request from the client [${id}] arrived before the next push interval time`);
}

/** undefined: the push carries nothing. */
function decoded({ compression, metrics }: TelemetryPush): DecodedMetrics | undefined {
  try {
    const codec = compressionCodec(compression);
    if (metrics.byteLength > TELEMETRY_BYTES_MAX) throw tooLarge(metrics.byteLength);
    if (metrics.byteLength === 0) return undefined;
    return decodeMetrics(codec.decompress(metrics, TELEMETRY_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code === "UNSUPPORTED_COMPRESSION") throw new QueueError("UNSUPPORTED_COMPRESSION", error.message);
    if (error.code === "TOO_LARGE") throw tooLarge(undefined);
    throw new QueueError("INVALID_RECORD", `the metrics cannot be read. problem=${error.message}`);
  }
}

function tooLarge(bytes: number | undefined): QueueError {
  const found = bytes === undefined ? "decompressed" : String(bytes);
  return new QueueError("TELEMETRY_TOO_LARGE", `the metrics are too large. bytes=${found} max=${TELEMETRY_BYTES_MAX}`);
}
