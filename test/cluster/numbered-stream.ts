import { deepEqual, equal } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import { pause, until } from "../process/server-process.ts";

const SEND_EVERY_MS = 20;
/** Records of a partition that wait for their acknowledgement: where the machine is slow, so is the stream. */
const WAITING_MAX = 200;
const READ_MS_MAX = 60_000;
const DELIVERY_MS_MAX = 90_000;
/** Of one attempt. */
const BROKER_MS_MAX = 5_000;

/**
 * An idempotent producer that writes 0, 1, 2, … to each partition of a topic, one record a batch, and a consumer that follows it: as every
 * record says its offset, whatever is lost, twice or out of order is seen. Both go on until `end`, or until their client is closed.
 */
export class NumberedStream {
  readonly topic: string;
  /** Errors that the producer or the consumer told. */
  readonly failures: string[] = [];
  readonly #client: Client;
  readonly #partitions: number;
  readonly #producer: Producer;
  readonly #written: number[];
  readonly #acknowledged: number[];
  readonly #read: number[];
  readonly #writing: Promise<void>;
  readonly #reading: Promise<void>;
  /** When the last record of each partition was acknowledged. */
  readonly #acknowledgedMs: number[];
  #gapMs = 0;
  #isStopped = false;

  private constructor(client: Client, topic: string, partitions: number) {
    this.#client = client;
    this.topic = topic;
    this.#partitions = partitions;
    this.#producer = client.producer({
      deliveryTimeoutMs: DELIVERY_MS_MAX,
      brokerTimeoutMs: BROKER_MS_MAX,
      lingerMs: 0,
      batchBytesMax: 1,
    });
    this.#written = Array.from({ length: partitions }, () => 0);
    this.#acknowledged = Array.from({ length: partitions }, () => 0);
    this.#read = Array.from({ length: partitions }, () => 0);
    this.#acknowledgedMs = Array.from({ length: partitions }, () => performance.now());
    this.#writing = this.#write();
    this.#writing.catch((error: unknown) => this.failures.push(String(error)));
    this.#reading = this.#follow();
    this.#reading.catch((error: unknown) => this.failures.push(String(error)));
  }

  static async start(client: Client, topic: string, partitions: number): Promise<NumberedStream> {
    await client.admin.createTopic({ name: topic, partitions });
    return NumberedStream.onTopic(client, topic, partitions);
  }

  /** On a topic that is there, and empty. */
  static async onTopic(client: Client, topic: string, partitions: number): Promise<NumberedStream> {
    const stream = new NumberedStream(client, topic, partitions);
    await until("the first records are read", () => stream.#read.every((count) => count > 0), READ_MS_MAX);
    return stream;
  }

  /** Records acknowledged, of one partition or of all. */
  acknowledged(partition?: number): number {
    return partition === undefined ? sum(this.#acknowledged) : (this.#acknowledged[partition] ?? 0);
  }

  /** Records read. */
  get read(): number {
    return sum(this.#read);
  }

  /** The longest time since `forgetGaps` in which no record of some partition was acknowledged. */
  get longestGapMs(): number {
    return Math.max(this.#gapMs, ...this.#acknowledgedMs.map((ms) => performance.now() - ms));
  }

  forgetGaps(): void {
    this.#gapMs = 0;
  }

  /** Waits until each partition has accepted and handed out more. */
  async goesOn(msMax = READ_MS_MAX): Promise<void> {
    const [wrote, read] = [[...this.#acknowledged], [...this.#read]];
    const more = (now: readonly number[], then: readonly number[]) => now.every((count, partition) => count > (then[partition] ?? 0));
    await until(`${this.topic} goes on`, () => more(this.#acknowledged, wrote) && more(this.#read, read), msMax);
  }

  /** Ends it: every record was acknowledged, and the consumer has read each once and in order; so does one that begins anew. */
  async end(): Promise<number> {
    this.#isStopped = true;
    await this.#writing;
    await until("everything is read", () => this.failures.length > 0 || this.read === this.acknowledged(), READ_MS_MAX);
    deepEqual(this.failures, []);
    await this.#readAnew();
    return this.acknowledged();
  }

  async #write(): Promise<void> {
    const sends: Promise<void>[] = [];
    while (!this.#isStopped && !this.#client.cluster.isClosed) {
      for (const [partition, n] of this.#written.entries()) {
        if (n - this.acknowledged(partition) >= WAITING_MAX) continue;
        this.#written[partition] = n + 1;
        sends.push(this.#send(partition, n));
      }
      await pause(SEND_EVERY_MS);
    }
    await Promise.all(sends);
    await this.#producer.close();
  }

  async #send(partition: number, n: number): Promise<void> {
    try {
      const { offset } = await this.#producer.send({ topic: this.topic, partition, value: String(n) });
      equal(offset, n, `the offset of record ${n} of partition ${partition}`);
      this.#acknowledged[partition] = (this.#acknowledged[partition] ?? 0) + 1;
      this.#gapMs = Math.max(this.#gapMs, performance.now() - (this.#acknowledgedMs[partition] ?? 0));
      this.#acknowledgedMs[partition] = performance.now();
    } catch (error) {
      this.failures.push(`partition ${partition}, record ${n}: ${String(error)}`);
    }
  }

  async #follow(): Promise<void> {
    const consumer = this.#client.consumer();
    consumer.assign(this.#places());
    for (let batch = await consumer.next(); batch !== undefined; batch = await consumer.next())
      for (const record of batch.records()) this.#take(this.#read, batch.partition, record);
  }

  async #readAnew(): Promise<void> {
    const counts = this.#read.map(() => 0);
    const consumer = this.#client.consumer();
    consumer.assign(this.#places());
    while (sum(counts) < this.acknowledged()) {
      const batch = await consumer.next();
      for (const record of batch?.records() ?? []) this.#take(counts, batch?.partition ?? 0, record);
    }
    consumer.close();
  }

  #take(counts: number[], partition: number, { offset, value }: Readonly<{ offset: number; value: Uint8Array | null }>): void {
    const expected = counts[partition] ?? 0;
    equal(offset, expected, `an offset of partition ${partition}`);
    equal(Buffer.from(value ?? []).toString(), String(expected), `the record at offset ${offset} of partition ${partition}`);
    counts[partition] = expected + 1;
  }

  #places() {
    return Array.from({ length: this.#partitions }, (_, partition) => ({ topic: this.topic, partition, from: 0 }));
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, one) => all + one, 0);
}
