import { equal, ok } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";

const TURN_MS = 5;

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
  #written = 0;
  #read = 0;
  #slowestMs = 0;

  private constructor(client: Client, topic: string) {
    this.client = client;
    this.#topic = topic;
    this.#work = Promise.all([this.#writeAll(), this.#readAll()]).then(() => undefined);
    this.#work.catch(() => undefined);
  }

  static async start(port: number, topic: string): Promise<Bystander> {
    const client = openClient({ bootstrap: [{ host: "127.0.0.1", port }] });
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
      await Promise.race([this.#work, new Promise((resolve) => setTimeout(resolve, TURN_MS))]);
    }
  }

  /** Ends once everything written was read. Fails when it noticed anything. */
  async stop(): Promise<Impression> {
    this.#isStopping = true;
    await this.#work;
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
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  async #readAll(): Promise<void> {
    const consumer = this.client.consumer({ onRetry: (error) => this.#troubles.push(`consumer: ${error.message}`), waitMsMax: 50 });
    consumer.assign([{ topic: this.#topic, partition: 0, from: "earliest" }]);
    while (!(this.#isStopping && this.#read === this.#written)) {
      const batch = await Promise.race([consumer.next(), new Promise<"late">((resolve) => setTimeout(resolve, 10_000, "late"))]);
      ok(batch !== "late" && batch !== undefined, `read ${this.#read} of ${this.#written} records, then nothing for 10 s`);
      for (const { offset, value } of batch.records()) {
        equal(offset, this.#read);
        equal(value?.toString(), `record ${this.#read}`);
        this.#read += 1;
      }
    }
    consumer.close();
  }
}
