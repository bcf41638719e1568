import { Buffer } from "node:buffer";
import type { RecordInput } from "@tidemq/protocol/record-batch-builder.ts";
import type { Cluster } from "./cluster.ts";
import { ClientError } from "./errors.ts";
import { RECORD_BYTES_MAX } from "./limits.ts";
import type { PartitionMetadata } from "./metadata.ts";
import { partitionOfKey, StickyPartition } from "./partitioner.ts";
import { type Delivery, ProducerBatch, type ProducerRecord } from "./producer-batch.ts";
import { type ProducerOptions, producerOptions } from "./producer-options.ts";
import type { PartitionQueue } from "./producer-partition.ts";
import { ProducerSender } from "./producer-sender.ts";

/** Beyond so many times the buffer, records are refused. */
const BUFFER_REFUSAL_FACTOR = 4;

/** Of a record in a batch, about. */
const RECORD_OVERHEAD_BYTES = 10;

/** Of an object that waits for each record, about: of a record that is held, and of whoever awaits its delivery. */
const WAITING_BYTES = 200;

type Waiter = Readonly<{ delivered: (delivery: Delivery) => void; failed: (error: ClientError) => void }>;
type Held = Readonly<{ record: ProducerRecord; waiter: Waiter | undefined; bytes: number }>;

/** A topic that was written to. `held`: records that came before its partitions were known. */
type TopicQueues = {
  readonly name: string;
  readonly partitions: Map<number, PartitionQueue>;
  readonly sticky: StickyPartition;
  /** Partitions for records without a key, as of this state of the metadata. */
  candidates: readonly number[];
  candidatesOf: readonly PartitionMetadata[] | undefined;
  held: Held[];
  resolving: Promise<void> | undefined;
};

/**
 * Writes records. Records of one partition are stored in the order of the calls, each once (as long as `idempotence`
 * is on and the brokers remember the producer).
 */
export class Producer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #sender: ProducerSender;
  readonly #topics = new Map<string, TopicQueues>();
  #bufferedBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #closed = false;
  #closing: Promise<void> | undefined;
  readonly #whenStopped: (() => void) | undefined;

  /** @param whenStopped Called when it is closed. @throws {ClientError} INVALID_ARGUMENT */
  constructor(cluster: Cluster, options: Partial<ProducerOptions> = {}, whenStopped?: () => void) {
    this.#whenStopped = whenStopped;
    this.#cluster = cluster;
    this.#options = producerOptions(options);
    this.#sender = new ProducerSender(cluster, this.#options, (queue, batch, end) => this.#ended(queue, batch, end));
  }

  /** Bytes of records that are not delivered yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Writes one record; resolves when it is stored as `acks` demands.
   *
   * @throws {ClientError} When it is not, or may not be (DELIVERY_TIMED_OUT).
   */
  send(record: ProducerRecord): Promise<Delivery> {
    return new Promise((delivered, failed) => {
      this.#accept(record, { delivered, failed });
    });
  }

  /**
   * Writes one record without telling of its end (see `onBatch` and `flush`). The record is accepted in any case.
   *
   * @returns undefined: go on. A promise: the buffer is full; wait for it before the next call.
   * @throws {ClientError} CLOSED, BUFFER_FULL, RECORD_TOO_LARGE.
   */
  enqueue(record: ProducerRecord): Promise<void> | undefined {
    this.#accept(record, undefined);
    if (this.#bufferedBytes < this.#options.bufferBytesMax) return undefined;
    return new Promise((resolve) => {
      this.#roomWaiters.push(resolve);
    });
  }

  /** Sends what lingers; resolves when everything accepted before has been delivered or has failed. Never rejects. */
  async flush(): Promise<void> {
    for (const topic of this.#topics.values()) await topic.resolving;
    const waits: Promise<void>[] = [];
    for (const topic of this.#topics.values()) {
      for (const queue of topic.partitions.values()) {
        const open = queue.batches().filter((batch) => !batch.isDone);
        if (open.length === 0) continue;
        queue.closeOpen();
        this.#sender.wake(queue);
        // Not the last one alone: it may be stored while one before it is in doubt and sent again.
        waits.push(...open.map((batch) => new Promise<void>((resolve) => batch.whenDone.push(resolve))));
      }
    }
    await Promise.all(waits);
    await this.#sender.sent();
  }

  /** Refuses more, and resolves when everything accepted before has been delivered or has failed. */
  close(): Promise<void> {
    this.#closed = true;
    this.#closing ??= this.flush().then(() => this.#stop());
    return this.#closing;
  }

  /** Gives up at once; what is not delivered yet fails with CLOSED and may or may not be stored. */
  abort(): void {
    this.#closed = true;
    this.#stop();
    for (const topic of this.#topics.values()) this.#settleHeld(topic, closedError());
  }

  #stop(): void {
    this.#sender.stop(closedError());
    this.#whenStopped?.();
  }

  #accept(record: ProducerRecord, waiter: Waiter | undefined): void {
    if (this.#closed) throw closedError();
    if (this.#bufferedBytes > this.#options.bufferBytesMax * BUFFER_REFUSAL_FACTOR) {
      throw new ClientError("BUFFER_FULL", `${this.#bufferedBytes} bytes of records wait to be delivered already`);
    }
    const topic = this.#topic(record.topic);
    if (topic.held.length > 0 || this.#cluster.metadata.topic(record.topic)?.errorCode !== 0) return this.#hold(topic, record, waiter);
    this.#route(topic, record, waiter);
  }

  #topic(name: string): TopicQueues {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = {
        name,
        partitions: new Map(),
        sticky: new StickyPartition(this.#cluster.parts.random, this.#options.batchBytesMax),
        candidates: [],
        candidatesOf: undefined,
        held: [],
        resolving: undefined,
      };
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #hold(topic: TopicQueues, record: ProducerRecord, waiter: Waiter | undefined): void {
    const headerBytes = (record.headers ?? []).reduce((sum, { key, value }) => sum + byteLength(key) + byteLength(value), 0);
    const bytes = WAITING_BYTES + byteLength(record.key) + byteLength(record.value) + headerBytes;
    this.#bufferedBytes += bytes;
    topic.held.push({ record, waiter, bytes });
    topic.resolving ??= this.#resolve(topic);
  }

  /** Learns the topic's partitions, then sends on what was held, in order. Nothing is left of it after an abort. */
  async #resolve(topic: TopicQueues): Promise<void> {
    const failure = await this.#cluster.topics([topic.name]).then(
      () => undefined,
      (error: unknown) => ClientError.from(error),
    );
    topic.resolving = undefined;
    this.#settleHeld(topic, failure);
  }

  /** Sends on what was held, or fails it. */
  #settleHeld(topic: TopicQueues, failure: ClientError | undefined): void {
    const held = topic.held;
    topic.held = [];
    for (const { record, waiter, bytes } of held) {
      this.#bufferedBytes -= bytes;
      if (failure === undefined) this.#tryRoute(topic, record, waiter);
      else this.#failHeld(record, waiter, failure);
    }
    this.#makeRoom();
  }

  #tryRoute(topic: TopicQueues, record: ProducerRecord, waiter: Waiter | undefined): void {
    try {
      this.#route(topic, record, waiter);
    } catch (error) {
      this.#failHeld(record, waiter, ClientError.from(error));
    }
  }

  #failHeld(record: ProducerRecord, waiter: Waiter | undefined, error: ClientError): void {
    waiter?.failed(error);
    const { topic, partition = -1 } = record;
    this.#options.onBatch?.({ topic, partition, baseOffset: -1, recordCount: 1, bytes: 0, latencyMs: 0, error });
  }

  #route(topic: TopicQueues, record: ProducerRecord, waiter: Waiter | undefined): void {
    const input = encodeRecord(record, this.#cluster.parts.clock.wallMs());
    const bytes = byteLength(input.key) + byteLength(input.value);
    if (bytes > RECORD_BYTES_MAX) throw new ClientError("RECORD_TOO_LARGE", `a record of ${bytes} bytes. limit=${RECORD_BYTES_MAX}`);
    const index = record.partition ?? this.#choosePartition(topic, input.key, bytes);
    const queue = this.#queue(topic, index);
    const batch = this.#batchFor(queue, input);
    const before = batch.heldBytes;
    if (waiter !== undefined) {
      batch.waiters.push({ index: batch.recordCount, timestampMs: input.timestampMs, ...waiter });
      batch.heldBytes += WAITING_BYTES;
    }
    batch.append(input);
    this.#bufferedBytes += batch.heldBytes - before;
    if (batch.bytes >= this.#options.batchBytesMax) this.#closeBatch(queue);
    if (this.#options.lingerMs === 0 || queue.open === undefined) this.#sender.wake(queue);
    else if (batch.recordCount === 1) this.#sender.wakeAt(queue, batch.createdAtMs + this.#options.lingerMs);
  }

  #choosePartition(topic: TopicQueues, key: Uint8Array | null | undefined, bytes: number): number {
    const partitions = this.#cluster.metadata.topic(topic.name)?.partitions ?? [];
    if (partitions.length === 0)
      throw new ClientError({ kafka: 5 }, `topic ${topic.name} has no partitions at the moment`, { topic: topic.name });
    if (key !== null && key !== undefined) return partitionOfKey(key, partitions.length);
    if (topic.candidatesOf !== partitions) {
      const led = partitions.filter((partition) => partition.leader >= 0);
      topic.candidates = (led.length > 0 ? led : partitions).map((partition) => partition.index);
      topic.candidatesOf = partitions;
    }
    return topic.sticky.next(topic.candidates, bytes + RECORD_OVERHEAD_BYTES);
  }

  #queue(topic: TopicQueues, index: number): PartitionQueue {
    const known = topic.partitions.get(index);
    if (known !== undefined) return known;
    const count = this.#cluster.metadata.topic(topic.name)?.partitions.length ?? 0;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      const text = `${topic.name} has no partition ${index}: it has ${count}, numbered from 0`;
      throw new ClientError({ kafka: 3 }, text, { topic: topic.name, partition: index });
    }
    const queue = this.#sender.newQueue(topic.name, index);
    topic.partitions.set(index, queue);
    return queue;
  }

  #batchFor(queue: PartitionQueue, input: RecordInput): ProducerBatch {
    if (queue.open !== undefined && queue.open.bytesWith(input) > this.#options.batchBytesMax) this.#closeBatch(queue);
    if (queue.open === undefined) {
      const nowMs = this.#cluster.parts.clock.monotonicMs();
      queue.open = new ProducerBatch(nowMs, nowMs + this.#options.deliveryTimeoutMs);
    }
    return queue.open;
  }

  #closeBatch(queue: PartitionQueue): void {
    queue.closeOpen();
    this.#sender.wake(queue);
  }

  #ended(queue: PartitionQueue, batch: ProducerBatch, end: { baseOffset: number; logAppendTimeMs: number } | ClientError): void {
    if (batch.isDone) return;
    batch.isDone = true;
    const { topic, index: partition } = queue;
    const error = end instanceof ClientError ? end : undefined;
    const baseOffset = end instanceof ClientError ? -1 : end.baseOffset;
    const appendTimeMs = end instanceof ClientError ? -1 : end.logAppendTimeMs;
    for (const waiter of batch.waiters) {
      if (error !== undefined) waiter.failed(error);
      else {
        const offset = baseOffset < 0 ? -1 : baseOffset + waiter.index;
        waiter.delivered({ topic, partition, offset, timestampMs: appendTimeMs >= 0 ? appendTimeMs : waiter.timestampMs });
      }
    }
    const latencyMs = this.#cluster.parts.clock.monotonicMs() - batch.createdAtMs;
    this.#options.onBatch?.({ topic, partition, baseOffset, recordCount: batch.recordCount, bytes: batch.encodedBytes, latencyMs, error });
    this.#bufferedBytes -= batch.heldBytes;
    for (const done of batch.whenDone) done();
    this.#makeRoom();
  }

  #makeRoom(): void {
    if (this.#roomWaiters.length === 0 || this.#bufferedBytes >= this.#options.bufferBytesMax) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }
}

function encodeRecord(record: ProducerRecord, wallMs: number): RecordInput {
  return {
    timestampMs: record.timestampMs ?? wallMs,
    key: toBytes(record.key),
    value: toBytes(record.value),
    ...(record.headers === undefined ? {} : { headers: record.headers }),
  };
}

function toBytes(value: Uint8Array | string | null | undefined): Uint8Array | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? Buffer.from(value) : value;
}

function byteLength(value: Uint8Array | string | null | undefined): number {
  if (value === undefined || value === null) return 0;
  return typeof value === "string" ? Buffer.byteLength(value) : value.byteLength;
}

function closedError(): ClientError {
  return new ClientError("CLOSED", "this producer is closed");
}
