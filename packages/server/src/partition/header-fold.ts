import * as batch from "@tidemq/protocol/record-batch.ts";
import { assert, must } from "../base/assert.ts";
import { EPOCHS_MAX, PRODUCER_EXPIRY_MS, PRODUCERS_MAX } from "./limits.ts";
import { addSequence, ProducerState, sequenceDistance } from "./producer-state.ts";

/** What a batch with a producer id is to this partition. */
export type SequenceVerdict = "next" | "duplicate" | "old-duplicate" | "out-of-order" | "old-epoch";

/**
 * What a partition remembers of batches that its log no longer holds: their headers (docs/formats/fold.md), and for an internal
 * partition the bytes of a fold of their records. Deterministic: the same batches with the same append times give the same fold on every replica.
 */
export class HeaderFold {
  /** Every batch below this offset is in the fold, none from it on. */
  nextOffset: number;
  incomplete = false;
  lastAppendTimeMs = -1;
  maxTimestampMs = -1;
  maxTimestampOffset = -1;
  /** Ascending; `epochStarts[i]` is the base offset of the first batch of `epochs[i]`. */
  readonly epochs: number[] = [];
  readonly epochStarts: number[] = [];
  /** By producer id, in order of last use. */
  readonly producers = new Map<number, ProducerState>();
  /** Of producers; the partitions of a broker share it. */
  limit: Readonly<{ max: number }> = { max: PRODUCERS_MAX };
  /** Of an internal partition: the fold of the records below `recordsEnd`, encoded. */
  records: Uint8Array | undefined;
  /** Behind `nextOffset` until somebody has read the records between. */
  recordsEnd = -1;
  #newestProducerId = -1;

  constructor(nextOffset: number) {
    this.nextOffset = nextOffset;
  }

  /** The batch at `position` of `bytes`, of which only the 61-byte header is read. Must not begin below `nextOffset`. */
  apply(bytes: Uint8Array, position: number, appendTimeMs: number): void {
    const baseOffset = batch.baseOffset(bytes, position);
    assert(baseOffset >= this.nextOffset, `batch ${baseOffset} is below the fold's next offset ${this.nextOffset}`);
    const lastDelta = batch.lastOffsetDelta(bytes, position);
    const maxTimestampMs = batch.maxTimestamp(bytes, position);
    this.nextOffset = baseOffset + lastDelta + 1;
    this.lastAppendTimeMs = appendTimeMs;
    if (maxTimestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = maxTimestampMs;
      this.maxTimestampOffset = baseOffset;
    }
    this.#addEpoch(batch.leaderEpoch(bytes, position), baseOffset);
    const producerId = batch.producerId(bytes, position);
    if (producerId >= 0) {
      const producer = this.#use(producerId, batch.producerEpoch(bytes, position), appendTimeMs);
      producer.remember(batch.baseSequence(bytes, position), lastDelta, baseOffset, maxTimestampMs);
    }
    this.#expire(appendTimeMs);
  }

  /** An independent fold of the same content. */
  copy(): HeaderFold {
    const copy = new HeaderFold(this.nextOffset);
    copy.limit = this.limit;
    copy.incomplete = this.incomplete;
    copy.lastAppendTimeMs = this.lastAppendTimeMs;
    copy.maxTimestampMs = this.maxTimestampMs;
    copy.maxTimestampOffset = this.maxTimestampOffset;
    copy.records = this.records;
    copy.recordsEnd = this.recordsEnd;
    copy.epochs.push(...this.epochs);
    copy.epochStarts.push(...this.epochStarts);
    for (const [producerId, producer] of this.producers) copy.producers.set(producerId, producer.copy());
    return copy;
  }

  /** The range from `nextOffset` to `offset` is lost: what follows may come from producers that it introduced. */
  skipTo(offset: number): void {
    assert(offset >= this.nextOffset, "a fold never goes back");
    this.nextOffset = offset;
    this.incomplete = true;
  }

  /** Who led when, up to `nextOffset`, as the other fold has it: so much is known of batches that this one has skipped. */
  takeEpochs({ epochs, epochStarts }: HeaderFold): void {
    const count = epochStarts.filter((start) => start < this.nextOffset).length;
    this.epochs.splice(0, this.epochs.length, ...epochs.slice(0, count));
    this.epochStarts.splice(0, this.epochStarts.length, ...epochStarts.slice(0, count));
  }

  /**
   * How the sequences of a batch relate to what its producer appended before. An unknown producer may begin anywhere,
   * as with Kafka: its state may have expired. A batch below the remembered ones is a duplicate, never out of order.
   */
  judge(producerId: number, producerEpoch: number, firstSequence: number, lastDelta: number): SequenceVerdict {
    const producer = this.producers.get(producerId);
    if (producer === undefined) return "next";
    if (producerEpoch < producer.producerEpoch) return "old-epoch";
    if (producerEpoch > producer.producerEpoch) return firstSequence === 0 ? "next" : "out-of-order";
    if (producer.find(firstSequence, lastDelta) >= 0) return "duplicate";
    const newest = producer.lastSequence;
    if (addSequence(newest, 1) === firstSequence) return "next";
    if (sequenceDistance(addSequence(firstSequence, lastDelta), newest) < 2 ** 30) return "old-duplicate";
    return "out-of-order";
  }

  /** Base offset that a remembered batch got; only after `judge` answered "duplicate". */
  duplicateOffset(producerId: number, firstSequence: number, lastDelta: number): number {
    const producer = must(this.producers.get(producerId), "the producer of a duplicate");
    return must(producer.baseOffsets[producer.find(firstSequence, lastDelta)], "the offset of a duplicate");
  }

  /** Behind the newest batch that is remembered of a producer; only of one that `judge` knew. */
  producerEnd(producerId: number): number {
    return must(this.producers.get(producerId), "the producer of a duplicate").endOffset;
  }

  /**
   * Where `epoch` ended: the start of the next epoch, or undefined when none follows; with the largest epoch at or
   * below the one asked for. Undefined as a whole when every epoch known is above it.
   */
  epochEnd(epoch: number): Readonly<{ epoch: number; endOffset: number | undefined }> | undefined {
    let i = this.epochs.length - 1;
    while (i >= 0 && (this.epochs[i] ?? 0) > epoch) i -= 1;
    if (i < 0) return undefined;
    return { epoch: this.epochs[i] ?? -1, endOffset: this.epochStarts[i + 1] };
  }

  /** The leader epoch in which `offset` was written, -1 when no batch before it is known. */
  epochAt(offset: number): number {
    let i = this.epochs.length - 1;
    while (i >= 0 && (this.epochStarts[i] ?? 0) > offset) i -= 1;
    return i < 0 ? -1 : (this.epochs[i] ?? -1);
  }

  /**
   * Forgets the epochs that ended at or below the new start of the log. That may lie above the end of this fold (when it
   * cuts the batch behind it): the fold then knows of nothing that is left but the epoch that may go on.
   */
  setLogStart(logStart: number): void {
    const offset = Math.min(logStart, this.nextOffset);
    while (this.epochs.length > 1 && (this.epochStarts[1] ?? 0) <= offset) {
      this.epochs.shift();
      this.epochStarts.shift();
    }
    if (this.epochs.length > 0 && (this.epochStarts[0] ?? 0) < offset) this.epochStarts[0] = offset;
  }

  /** False: it came from a leader that had applied a later log start, and does not say what lay before that. */
  isKnownFrom(logStart: number): boolean {
    return (this.epochStarts[0] ?? 0) <= logStart;
  }

  #addEpoch(epoch: number, startOffset: number): void {
    const newest = this.epochs[this.epochs.length - 1];
    if (newest !== undefined && newest >= epoch) return;
    // Nothing is left of the epoch before: the log starts where it ended.
    if (this.epochStarts.at(-1) === startOffset) this.#dropNewestEpoch();
    if (this.epochs.length === EPOCHS_MAX) {
      this.epochs.shift();
      this.epochStarts.shift();
    }
    this.epochs.push(epoch);
    this.epochStarts.push(startOffset);
  }

  #dropNewestEpoch(): void {
    this.epochs.pop();
    this.epochStarts.pop();
  }

  #use(producerId: number, producerEpoch: number, appendTimeMs: number): ProducerState {
    let producer = this.producers.get(producerId);
    if (producer === undefined || producer.producerEpoch !== producerEpoch) {
      producer = new ProducerState(producerEpoch, appendTimeMs);
      this.producers.delete(producerId);
      this.producers.set(producerId, producer);
    } else if (producerId !== this.#newestProducerId) {
      // A Map keeps the order of insertion: taken out and put back, it is the most recently used.
      this.producers.delete(producerId);
      this.producers.set(producerId, producer);
    }
    this.#newestProducerId = producerId;
    producer.lastAppendTimeMs = appendTimeMs;
    return producer;
  }

  #expire(appendTimeMs: number): void {
    for (const [producerId, producer] of this.producers) {
      const expired = producer.lastAppendTimeMs < appendTimeMs - PRODUCER_EXPIRY_MS;
      if (!expired && this.producers.size <= this.limit.max) return;
      this.producers.delete(producerId);
      if (producerId === this.#newestProducerId) this.#newestProducerId = -1;
    }
  }

  /** Keeps no more producers than the limit is now. */
  keepToLimit(): void {
    this.#expire(this.lastAppendTimeMs);
  }
}

/** The batch of this stored header, unless the fold holds it already; a gap in front of it is a loss. */
export function applyBehind(fold: HeaderFold, header: Uint8Array, appendTimeMs: number): void {
  const start = batch.baseOffset(header, 0);
  if (start < fold.nextOffset) return;
  if (start > fold.nextOffset) fold.skipTo(start);
  fold.apply(header, 0, appendTimeMs);
}
