import { equal, ok } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { type HostPort, pause } from "./server-process.ts";

const TURN_MS = 5;
/** For the last records to be read. */
const READ_MS_MAX = 10_000;

/** What it saw of the broker. */
export type Impression = Readonly<{ records: number; slowestMs: number }>;

/**
 * A producer and a consumer of a topic of their own that want to notice nothing of what others suffer: each record is
 * acknowledged and read, in order, without a single failure or retry.
 */
export class Bystander {
  readonly client: Client;
  readonly #topic: string;
  readonly #troubles: string[] = [];
  readonly #work: Promise<void>;
  #isStopping = false;
  /** Nothing is on its way any more. */
  #isWritten = false;
  #written = 0;
  #read = 0;
  #slowestMs = 0;

  private constructor(client: Client, topic: string) {
    this.client = client;
    this.#topic = topic;
    const writing = this.#writeAll().finally(() => {
      this.#isWritten = true;
    });
    this.#work = Promise.all([writing, this.#readAll()]).then(() => undefined);
    this.#work.catch(() => undefined);
  }

  static async start(place: HostPort, topic: string): Promise<Bystander> {
    const client = openClient({ bootstrap: [place] });
    await client.admin.createTopic({ name: topic, partitions: 1 });
    return new Bystander(client, topic);
  }

  /** Records acknowledged so far. */
  get records(): number {
    return this.#written;
  }

  /** Waits for so many more records to be acknowledged: the broker goes on. */
  async seesMore(records: number): Promise<void> {
    const goal = this.#written + records;
    while (this.#written < goal) {
      await Promise.race([this.#work, pause(TURN_MS)]);
    }
  }

  /** After a failure: no more of it. */
  abort(): void {
    this.#isStopping = true;
    this.client.abort();
  }

  /** Ends once everything written was read. Fails when it noticed anything. */
  async stop(): Promise<Impression> {
    this.#isStopping = true;
    const late = setTimeout(() => {
      this.#troubles.push(`not read within ${READ_MS_MAX} ms`);
      this.abort();
    }, READ_MS_MAX);
    await this.#work.finally(() => clearTimeout(late));
    await this.client.close();
    equal(this.#troubles.length, 0, this.#troubles.join("\n"));
    ok(this.#written > 0);
    equal(this.#read, this.#written);
    return { records: this.#written, slowestMs: Math.round(this.#slowestMs) };
  }

  async #writeAll(): Promise<void> {
    const producer = this.client.producer({ lingerMs: 0, onRetry: (error) => this.#troubles.push(`producer: ${error.message}`) });
    while (!this.#isStopping) {
      const sentAtMs = performance.now();
      const { offset } = await producer.send({ topic: this.#topic, value: `record ${this.#written}` });
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - sentAtMs);
      equal(offset, this.#written);
      this.#written += 1;
      await pause(TURN_MS);
    }
  }

  async #readAll(): Promise<void> {
    const consumer = this.client.consumer({ onRetry: (error) => this.#troubles.push(`consumer: ${error.message}`), waitMsMax: 50 });
    consumer.assign([{ topic: this.#topic, partition: 0, from: "earliest" }]);
    let next = consumer.next();
    while (!(this.#isWritten && this.#read === this.#written)) {
      const batch = await Promise.race([next, pause(100)]);
      if (batch === undefined) continue;
      for (const { offset, value } of batch.records()) {
        equal(offset, this.#read);
        equal(value?.toString(), `record ${this.#read}`);
        this.#read += 1;
      }
      next = consumer.next();
    }
    consumer.close();
  }
}
