import { ClientError } from "./errors.ts";
import type { FetchedBatch } from "./fetched-batch.ts";
import type { OffsetSpec } from "./list-offsets.ts";

/** Where to read: an offset, or a place that the broker finds. */
export type Position = number | OffsetSpec;

/** One partition that a consumer reads: how far it is asked for, and what has come. */
export class ConsumerPartition {
  readonly topic: string;
  readonly index: number;
  /** Next offset to hand out; undefined until `sought` is found. */
  position: number | undefined;
  /** Next offset to ask for: ahead of `position` by what is buffered. */
  fetchOffset = -1;
  /** A place still to be found. */
  sought: OffsetSpec | undefined;
  isPaused = false;
  /** Raised by every seek: answers to older questions are dropped. */
  generation = 0;
  /** Reading has ended with this error until the next seek. */
  failure: ClientError | undefined;
  /** The broker to read from instead of the leader, until then; monotonic milliseconds. */
  nearest: Readonly<{ nodeId: number; untilMs: number }> | undefined;
  /** The broker that was asked last: what one before it answers still says nothing any more. */
  askedOf = -1;
  /** Nothing is asked before; monotonic milliseconds. */
  notBeforeMs = 0;
  failures = 0;
  bufferedBytes = 0;
  highWatermark = -1;
  logStart = -1;
  readonly #buffer: FetchedBatch[] = [];

  constructor(topic: string, index: number, position: Position) {
    this.topic = topic;
    this.index = index;
    this.seek(position);
  }

  /** @throws {ClientError} INVALID_ARGUMENT */
  seek(position: Position): void {
    if (typeof position === "number" && (!Number.isSafeInteger(position) || position < 0)) {
      throw new ClientError("INVALID_ARGUMENT", `an offset is a whole number from 0, not ${position}`);
    }
    this.generation += 1;
    this.#buffer.length = 0;
    this.bufferedBytes = 0;
    this.failure = undefined;
    this.failures = 0;
    this.notBeforeMs = 0;
    this.sought = typeof position === "number" ? undefined : position;
    this.position = typeof position === "number" ? position : undefined;
    this.fetchOffset = this.position ?? -1;
  }

  /** The place that was sought. */
  found(offset: number): void {
    this.sought = undefined;
    this.position = offset;
    this.fetchOffset = offset;
  }

  /** Whether more may be asked for now. */
  isFetchable(nowMs: number, bytesMax: number): boolean {
    return (
      this.position !== undefined &&
      this.failure === undefined &&
      !this.isPaused &&
      nowMs >= this.notBeforeMs &&
      this.bufferedBytes < bytesMax
    );
  }

  get hasData(): boolean {
    return this.#buffer.length > 0;
  }

  push(batch: FetchedBatch): void {
    this.#buffer.push(batch);
    this.bufferedBytes += batch.bytes.byteLength;
    this.fetchOffset = batch.endOffset;
  }

  /** The next batch; the position moves behind it. */
  shift(): FetchedBatch | undefined {
    const batch = this.#buffer.shift();
    if (batch === undefined) return undefined;
    this.bufferedBytes -= batch.bytes.byteLength;
    this.position = batch.endOffset;
    return batch;
  }
}
