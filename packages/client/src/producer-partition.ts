import type { Compression } from "@tidemq/protocol/compression.ts";
import type { ClientError } from "./errors.ts";
import { SEQUENCE_MAX } from "./limits.ts";
import type { ProducerBatch, Stamp } from "./producer-batch.ts";
import type { Identity } from "./producer-identity.ts";

/** Kafka's numbers of errors about sequence numbers and producers. */
const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
const INVALID_PRODUCER_EPOCH = 47;
const UNKNOWN_PRODUCER_ID = 59;

/**
 * The batches of one partition, from the open one to those under way, and their sequence numbers.
 *
 * Order is kept whatever fails: after a failure nothing more is sent until all batches under way have come back; then
 * the failed ones go first, in their old order, one at a time until one succeeds. If the *first* of them was refused
 * for its sequence number, the broker misses something that will never come (or forgot the producer): the partition
 * goes on under a new epoch, with sequence 0.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly index: number;
  readonly #sequenced: boolean;
  readonly #inFlightMax: number;
  open: ProducerBatch | undefined;
  readonly #ready: ProducerBatch[] = [];
  readonly #inFlight: ProducerBatch[] = [];
  #failed: ProducerBatch[] = [];
  #identity: Identity | undefined;
  #nextSequence = 0;
  #nextOrder = 0;
  #oneAtATime = false;
  #needsEpoch = false;
  #needsProducerId = false;
  /** Failures since the last success. */
  failures = 0;
  /** Nothing is sent before; monotonic. */
  notBeforeMs = 0;

  /**
   * @param sequenced Whether batches bear sequence numbers. Without them only one is under way at a time: that too keeps the order.
   */
  constructor(topic: string, index: number, sequenced: boolean, inFlightMax: number) {
    this.topic = topic;
    this.index = index;
    this.#sequenced = sequenced;
    this.#inFlightMax = inFlightMax;
  }

  /** Nothing open, waiting or under way. */
  get isIdle(): boolean {
    return this.open === undefined && this.#ready.length === 0 && this.#inFlight.length === 0 && this.#failed.length === 0;
  }

  /** All batches, oldest first. */
  batches(): ProducerBatch[] {
    const closed = [...this.#inFlight, ...this.#failed].sort((a, b) => a.order - b.order);
    return [...closed, ...this.#ready, ...(this.open === undefined ? [] : [this.open])];
  }

  /** The batch whose time is over first, those under way excepted; undefined when none waits. */
  oldestWaiting(): ProducerBatch | undefined {
    let oldest = this.#ready[0] ?? this.open;
    for (const batch of this.#failed) if (oldest === undefined || batch.deadlineMs < oldest.deadlineMs) oldest = batch;
    return oldest;
  }

  /** The open batch takes no more records. */
  closeOpen(): void {
    if (this.open === undefined) return;
    this.open.order = this.#nextOrder;
    this.#nextOrder += 1;
    this.#ready.push(this.open);
    this.open = undefined;
  }

  /** The batch to send next; undefined when there is none, or earlier ones must come back first. */
  sendable(nowMs: number): ProducerBatch | undefined {
    if (this.#failed.length > 0 || nowMs < this.notBeforeMs || this.needs !== undefined) return undefined;
    const limit = this.#oneAtATime || !this.#sequenced ? 1 : this.#inFlightMax;
    return this.#inFlight.length < limit ? this.#ready[0] : undefined;
  }

  /** Whether a batch waits for nothing but its turn (and for `notBeforeMs`). */
  get hasReady(): boolean {
    return this.#ready.length > 0 && this.#failed.length === 0;
  }

  /** Whether `restart` may be called: batches wait, nothing is under way. */
  get canRestart(): boolean {
    return this.hasReady && this.#inFlight.length === 0;
  }

  /** What the partition needs before it sends more: its sequence must start anew. */
  get needs(): "epoch" | "producer-id" | undefined {
    if (!this.#sequenced) return undefined;
    if (this.#needsProducerId || this.#identity === undefined) return "producer-id";
    return this.#needsEpoch ? "epoch" : undefined;
  }

  /** Goes on under this id and epoch, from sequence 0; batches that wait to be sent again are stamped anew. Nothing may be under way. */
  restart(identity: Identity): void {
    this.#identity = identity;
    this.#nextSequence = 0;
    this.#needsEpoch = false;
    this.#needsProducerId = false;
    // A broker that does not know the id in this partition takes any sequence number for the first: it must be the first.
    this.#oneAtATime = true;
    for (const batch of this.#ready) batch.stamp = undefined;
  }

  /** Takes the batch that `sendable` returned and makes its bytes. */
  take(compression: Compression): ProducerBatch {
    const batch = this.#ready.shift() as ProducerBatch;
    if (this.#sequenced && batch.stamp === undefined) batch.stamp = this.#nextStamp(batch.recordCount);
    batch.encode(compression);
    batch.attempts += 1;
    this.#inFlight.push(batch);
    return batch;
  }

  /** The batch is stored. */
  delivered(batch: ProducerBatch): void {
    this.#remove(batch);
    this.#oneAtATime = false;
    this.failures = 0;
    this.#settle();
  }

  /** The batch shall be sent again. */
  retry(batch: ProducerBatch, error: ClientError): void {
    batch.lastError = error;
    this.#remove(batch);
    this.#failed.push(batch);
    this.#settle();
  }

  /** The batch will not be sent again. */
  refused(batch: ProducerBatch): void {
    this.#remove(batch);
    this.#giveUpSequence(batch);
    this.#settle();
  }

  /** Removes and returns the batches whose time is over, those under way excepted. */
  expired(nowMs: number): ProducerBatch[] {
    const gone = [...this.#failed, ...this.#ready, ...(this.open === undefined ? [] : [this.open])].filter(
      (batch) => batch.deadlineMs <= nowMs,
    );
    for (const batch of gone) {
      if (batch === this.open) this.open = undefined;
      remove(this.#failed, batch);
      remove(this.#ready, batch);
      this.#giveUpSequence(batch);
    }
    if (gone.length > 0) this.#settle();
    return gone;
  }

  /** Whether the error says that the sequence, not the batch, is wrong. */
  static isAboutSequence(errorCode: number): boolean {
    return errorCode === OUT_OF_ORDER_SEQUENCE_NUMBER || errorCode === UNKNOWN_PRODUCER_ID || errorCode === INVALID_PRODUCER_EPOCH;
  }

  #nextStamp(recordCount: number): Stamp {
    const { producerId, producerEpoch } = this.#identity as Identity;
    const baseSequence = this.#nextSequence;
    this.#nextSequence = addSequence(baseSequence, recordCount);
    return { producerId, producerEpoch, baseSequence };
  }

  #remove(batch: ProducerBatch): void {
    remove(this.#inFlight, batch);
  }

  /**
   * Numbers that were given last are given again, if the batch is surely not stored. Otherwise the next batch shows
   * whether there is a gap: if it is refused for its sequence, this one was not stored, and the epoch changes. (Changing
   * it at once could store batches twice that went out behind this one.)
   */
  #giveUpSequence(batch: ProducerBatch): void {
    const stamp = batch.stamp;
    if (stamp === undefined || batch.attempts > 1 || stamp.producerEpoch !== this.#identity?.producerEpoch) return;
    if (batch.lastError !== undefined && batch.attempts > 0) return;
    if (addSequence(stamp.baseSequence, batch.recordCount) === this.#nextSequence) this.#nextSequence = stamp.baseSequence;
  }

  /** Once everything is back, the failed ones go to the front. */
  #settle(): void {
    if (this.#inFlight.length > 0 || this.#failed.length === 0) return;
    const failed = this.#failed.sort((a, b) => a.order - b.order);
    this.#failed = [];
    const firstCode = failed[0]?.lastError?.kafkaCode ?? 0;
    if (PartitionQueue.isAboutSequence(firstCode)) this.#needsEpoch = true;
    if (firstCode === INVALID_PRODUCER_EPOCH) this.#needsProducerId = true;
    this.#ready.unshift(...failed.flatMap((batch) => (batch.isTooLarge ? this.#split(batch) : [batch])));
    this.#oneAtATime = true;
    this.failures += 1;
  }

  #split(batch: ProducerBatch): ProducerBatch[] {
    const [first, second] = batch.halves();
    const orderSpan = batch.orderSpan / 2;
    Object.assign(first, { order: batch.order, orderSpan });
    Object.assign(second, { order: batch.order + orderSpan, orderSpan });
    if (batch.stamp !== undefined) {
      first.stamp = batch.stamp;
      second.stamp = { ...batch.stamp, baseSequence: addSequence(batch.stamp.baseSequence, first.recordCount) };
    }
    return [first, second];
  }
}

function addSequence(sequence: number, count: number): number {
  return (sequence + count) % (SEQUENCE_MAX + 1);
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
