import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import { HeaderFold } from "./header-fold.ts";
import { EPOCHS_MAX, PRODUCER_BATCHES_MAX, PRODUCERS_MAX } from "./limits.ts";
import { ProducerState } from "./producer-state.ts";

const VERSION = 1;
const FLAG_INCOMPLETE = 1;
const FLAG_RECORDS = 2;
const HEADER_BYTES = 40;
const EPOCH_BYTES = 12;
const PRODUCER_BYTES = 20;
const BATCH_BYTES = 24;

/** Bytes of docs/formats/fold.md. The records' fold is part of it where that reaches to `nextOffset`. */
export function encodeHeaderFold(fold: HeaderFold): Uint8Array {
  let batches = 0;
  for (const producer of fold.producers.values()) batches += producer.batchCount;
  const records = fold.recordsEnd === fold.nextOffset ? fold.records : undefined;
  const bytes = Buffer.alloc(
    HEADER_BYTES +
      fold.epochs.length * EPOCH_BYTES +
      fold.producers.size * PRODUCER_BYTES +
      batches * BATCH_BYTES +
      (records?.byteLength ?? 0),
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint8(0, VERSION);
  view.setUint8(1, (fold.incomplete ? FLAG_INCOMPLETE : 0) | (records === undefined ? 0 : FLAG_RECORDS));
  view.setUint16(2, fold.epochs.length);
  view.setUint32(4, fold.producers.size);
  putInt64(view, 8, fold.nextOffset);
  putInt64(view, 16, fold.lastAppendTimeMs);
  putInt64(view, 24, fold.maxTimestampMs);
  putInt64(view, 32, fold.maxTimestampOffset);
  let at = HEADER_BYTES;
  for (const [i, epoch] of fold.epochs.entries()) {
    view.setInt32(at, epoch);
    putInt64(view, at + 4, fold.epochStarts[i] ?? 0);
    at += EPOCH_BYTES;
  }
  for (const [producerId, producer] of fold.producers) at = putProducer(view, at, producerId, producer);
  if (records !== undefined) Buffer.from(records.buffer, records.byteOffset, records.byteLength).copy(bytes, at);
  return bytes;
}

function putProducer(view: DataView, start: number, producerId: number, producer: ProducerState): number {
  putInt64(view, start, producerId);
  putInt64(view, start + 8, producer.lastAppendTimeMs);
  view.setInt16(start + 16, producer.producerEpoch);
  view.setUint8(start + 18, producer.batchCount);
  let at = start + PRODUCER_BYTES;
  for (let i = 0; i < producer.batchCount; i++) {
    view.setInt32(at, producer.firstSequences[i] ?? 0);
    view.setInt32(at + 4, producer.lastDeltas[i] ?? 0);
    putInt64(view, at + 8, producer.baseOffsets[i] ?? 0);
    putInt64(view, at + 16, producer.maxTimestampsMs[i] ?? 0);
    at += BATCH_BYTES;
  }
  return at;
}

/** @throws QueueError CORRUPT_RECORD when the bytes are not exactly one fold. */
export function decodeHeaderFold(bytes: Uint8Array): HeaderFold {
  const reader = new FoldReader(bytes);
  reader.check(bytes.byteLength >= HEADER_BYTES, "shorter than its header");
  const view = reader.view;
  reader.check(view.getUint8(0) === VERSION, `unknown version ${view.getUint8(0)}`);
  const flags = view.getUint8(1);
  reader.check((flags & ~(FLAG_INCOMPLETE | FLAG_RECORDS)) === 0, `unknown flags ${flags}`);
  const epochCount = view.getUint16(2);
  const producerCount = view.getUint32(4);
  reader.check(epochCount <= EPOCHS_MAX && producerCount <= PRODUCERS_MAX, "too many entries");
  const fold = new HeaderFold(reader.offset(8));
  fold.incomplete = (flags & FLAG_INCOMPLETE) !== 0;
  fold.lastAppendTimeMs = reader.int64(16);
  fold.maxTimestampMs = reader.int64(24);
  fold.maxTimestampOffset = reader.int64(32);
  let at = HEADER_BYTES;
  for (let i = 0; i < epochCount; i++) at = reader.epoch(fold, at);
  for (let i = 0; i < producerCount; i++) at = reader.producer(fold, at);
  if ((flags & FLAG_RECORDS) !== 0) {
    fold.records = new Uint8Array(bytes.subarray(at));
    fold.recordsEnd = fold.nextOffset;
  } else reader.check(at === bytes.byteLength, "bytes behind the last entry");
  return fold;
}

class FoldReader {
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  check(condition: boolean, problem: string): void {
    if (!condition) throw new QueueError("CORRUPT_RECORD", `corrupt fold. problem=${problem}`);
  }

  room(at: number, length: number): void {
    this.check(at + length <= this.view.byteLength, "entries run past the end");
  }

  int64(at: number): number {
    const value = this.view.getInt32(at) * 2 ** 32 + this.view.getUint32(at + 4);
    this.check(Number.isSafeInteger(value) && value >= -1, "a number outside its range");
    return value;
  }

  offset(at: number): number {
    const value = this.int64(at);
    this.check(value >= 0, "a negative offset");
    return value;
  }

  epoch(fold: HeaderFold, at: number): number {
    this.room(at, EPOCH_BYTES);
    const epoch = this.view.getInt32(at);
    const start = this.offset(at + 4);
    const last = fold.epochs.length - 1;
    const ascends = last < 0 || (epoch > (fold.epochs[last] ?? 0) && start > (fold.epochStarts[last] ?? 0));
    this.check(ascends && start <= fold.nextOffset, "epochs do not ascend");
    fold.epochs.push(epoch);
    fold.epochStarts.push(start);
    return at + EPOCH_BYTES;
  }

  producer(fold: HeaderFold, start: number): number {
    this.room(start, PRODUCER_BYTES);
    const producerId = this.offset(start);
    const producer = new ProducerState(this.view.getInt16(start + 16), this.int64(start + 8));
    const batchCount = this.view.getUint8(start + 18);
    this.check(producer.producerEpoch >= 0, "a negative producer epoch");
    this.check(batchCount >= 1 && batchCount <= PRODUCER_BATCHES_MAX, `${batchCount} batches of one producer`);
    this.check(!fold.producers.has(producerId), "a producer twice");
    this.room(start + PRODUCER_BYTES, batchCount * BATCH_BYTES);
    let at = start + PRODUCER_BYTES;
    let below = -1;
    for (let i = 0; i < batchCount; i++) {
      const firstSequence = this.view.getInt32(at);
      const lastDelta = this.view.getInt32(at + 4);
      const baseOffset = this.offset(at + 8);
      this.check(firstSequence >= 0 && lastDelta >= 0 && baseOffset > below, "batches do not ascend");
      below = baseOffset + lastDelta;
      this.check(below < fold.nextOffset, "a batch at or above nextOffset");
      producer.remember(firstSequence, lastDelta, baseOffset, this.int64(at + 16));
      at += BATCH_BYTES;
    }
    fold.producers.set(producerId, producer);
    return at;
  }
}

function putInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}
