import type { Compression } from "@tidemq/protocol/compression.ts";
import { detached } from "./callbacks.ts";
import { ClientError } from "./errors.ts";
import { PRODUCE_IN_FLIGHT_MAX } from "./limits.ts";
import type { BatchReport } from "./producer-batch.ts";

export type ProducerOptions = Readonly<{
  /** Who must have a batch before it counts as delivered: all in-sync replicas, the leader, or nobody (0: no offsets, losses go unnoticed). */
  acks: "all" | 1 | 0;
  /** Each record is stored once whatever is retried. Needs acks "all"; default: on with it. */
  idempotence: boolean;
  compression: Compression;
  /** How long an unfilled batch waits for more records. */
  lingerMs: number;
  /** A batch this large (before compression) is sent at once. */
  batchBytesMax: number;
  /** Batches of one request, unless a single one is larger. */
  requestBytesMax: number;
  /** Records not delivered yet; beyond it `enqueue` asks to wait, beyond four times it refuses. */
  bufferBytesMax: number;
  /** Produce requests under way per broker, 1–5. */
  inFlightMax: number;
  /** From `enqueue` to the final answer; then DELIVERY_TIMED_OUT. */
  deliveryTimeoutMs: number;
  /** How long brokers may wait for replicas before they answer REQUEST_TIMED_OUT. */
  brokerTimeoutMs: number;
  /** Told of each batch once it is delivered or has failed. */
  onBatch: ((report: BatchReport) => void) | undefined;
  /** Told of failures that it tries again after. */
  onRetry: ((error: ClientError) => void) | undefined;
}>;

export const PRODUCER_DEFAULTS: ProducerOptions = {
  acks: "all",
  idempotence: true,
  compression: "none",
  lingerMs: 5,
  batchBytesMax: 64 * 1024,
  requestBytesMax: 1024 * 1024,
  bufferBytesMax: 32 * 1024 * 1024,
  inFlightMax: PRODUCE_IN_FLIGHT_MAX,
  deliveryTimeoutMs: 120_000,
  brokerTimeoutMs: 30_000,
  onBatch: undefined,
  onRetry: undefined,
};

/** Fills in defaults and checks relations. @throws {ClientError} INVALID_ARGUMENT */
export function producerOptions(given: Partial<ProducerOptions>): ProducerOptions {
  const options = { ...PRODUCER_DEFAULTS, idempotence: (given.acks ?? "all") === "all", ...given };
  if (options.idempotence && options.acks !== "all") throw invalid("an idempotent producer needs acks=all");
  if (options.inFlightMax < 1 || options.inFlightMax > PRODUCE_IN_FLIGHT_MAX) throw invalid(`inFlightMax is 1 to ${PRODUCE_IN_FLIGHT_MAX}`);
  if (options.lingerMs < 0 || options.batchBytesMax < 1 || options.bufferBytesMax < 1) throw invalid("a limit is negative");
  return { ...options, onBatch: detached(options.onBatch), onRetry: detached(options.onRetry) };
}

function invalid(text: string): ClientError {
  return new ClientError("INVALID_ARGUMENT", text);
}
