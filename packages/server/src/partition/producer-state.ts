import { PRODUCER_BATCHES_MAX } from "./limits.ts";

const SEQUENCE_MASK = 0x7fff_ffff;

/** The last batches of one idempotent producer, newest last. One object per producer, nothing per batch. */
export class ProducerState {
  producerEpoch: number;
  lastAppendTimeMs: number;
  batchCount = 0;
  readonly firstSequences = new Int32Array(PRODUCER_BATCHES_MAX);
  readonly lastDeltas = new Int32Array(PRODUCER_BATCHES_MAX);
  readonly baseOffsets = new Float64Array(PRODUCER_BATCHES_MAX);
  readonly maxTimestampsMs = new Float64Array(PRODUCER_BATCHES_MAX);

  constructor(producerEpoch: number, lastAppendTimeMs: number) {
    this.producerEpoch = producerEpoch;
    this.lastAppendTimeMs = lastAppendTimeMs;
  }

  copy(): ProducerState {
    const copy = new ProducerState(this.producerEpoch, this.lastAppendTimeMs);
    for (let i = 0; i < this.batchCount; i++) {
      copy.remember(this.firstSequences[i] ?? 0, this.lastDeltas[i] ?? 0, this.baseOffsets[i] ?? 0, this.maxTimestampsMs[i] ?? 0);
    }
    return copy;
  }

  /** Index of the remembered batch with exactly these sequences, or -1. */
  find(firstSequence: number, lastDelta: number): number {
    for (let i = this.batchCount - 1; i >= 0; i--) {
      if (this.firstSequences[i] === firstSequence && this.lastDeltas[i] === lastDelta) return i;
    }
    return -1;
  }

  get lastSequence(): number {
    const newest = this.batchCount - 1;
    return addSequence(this.firstSequences[newest] ?? 0, this.lastDeltas[newest] ?? 0);
  }

  /** Behind the newest batch. */
  get endOffset(): number {
    const newest = this.batchCount - 1;
    return (this.baseOffsets[newest] ?? -1) + (this.lastDeltas[newest] ?? 0) + 1;
  }

  get lastTimestampMs(): number {
    return this.maxTimestampsMs[this.batchCount - 1] ?? -1;
  }

  remember(firstSequence: number, lastDelta: number, baseOffset: number, maxTimestampMs: number): void {
    if (this.batchCount === PRODUCER_BATCHES_MAX) {
      this.firstSequences.copyWithin(0, 1);
      this.lastDeltas.copyWithin(0, 1);
      this.baseOffsets.copyWithin(0, 1);
      this.maxTimestampsMs.copyWithin(0, 1);
      this.batchCount -= 1;
    }
    const i = this.batchCount;
    this.firstSequences[i] = firstSequence;
    this.lastDeltas[i] = lastDelta;
    this.baseOffsets[i] = baseOffset;
    this.maxTimestampsMs[i] = maxTimestampMs;
    this.batchCount += 1;
  }
}

/** Sequences count records from 0 and wrap after 2^31 - 1. */
export function addSequence(sequence: number, count: number): number {
  return (sequence + count) & SEQUENCE_MASK;
}

/** Steps from `from` forward to `to`; more than half of the circle means that `to` lies behind. */
export function sequenceDistance(from: number, to: number): number {
  return (to - from) & SEQUENCE_MASK;
}
