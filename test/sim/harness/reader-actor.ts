import type { Client } from "@tidemq/client/client.ts";
import type { Consumer } from "@tidemq/client/consumer.ts";
import { ClientError, OffsetOutOfRangeError } from "@tidemq/client/errors.ts";
import type { FetchedBatch } from "@tidemq/client/fetched-batch.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { idOfPayload } from "@tidemq/server/testing/checkers/payload.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

export type ReaderLoad = Readonly<{
  from: "earliest" | "latest";
  /** Probability, per batch, that it goes back to anywhere it has been. */
  backRatio: number;
  /** Probability, per batch, that it rests for a while. */
  restRatio: number;
}>;

/** A reader that has gone back so often rests before it does so again: a short log is read over and over as fast as the network goes, else. */
const BACKS_UNRESTED = 30;
const REST_MS = 250;

/** Reads partitions for ever and holds what it sees against what everybody saw. */
export class ReaderActor {
  readonly name: string;
  readonly #sim: SimRun;
  readonly #random: SimRandom;
  readonly #load: ReaderLoad;
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #next = new Map<string, number>();
  #backs = 0;
  records = 0;

  constructor(sim: SimRun, name: string, client: Client, targets: readonly Target[], load: ReaderLoad) {
    this.name = name;
    this.#sim = sim;
    this.#random = sim.random.fork(name);
    this.#load = load;
    this.#client = client;
    const bytes = this.#random.between(1, 256) * 1024;
    this.#consumer = client.consumer({ waitMsMax: 100, partitionBytesMax: bytes, bufferBytesMax: bytes, bytesMax: 2 * bytes });
    this.#consumer.assign(targets.map((target) => ({ ...target, from: load.from })));
  }

  async run(): Promise<void> {
    for (;;) {
      try {
        const batch = await this.#consumer.next();
        if (batch === undefined) return;
        if (this.#take(batch) && ++this.#backs > BACKS_UNRESTED) await this.#sim.sleep(REST_MS);
        if (this.#random.chance(this.#load.restRatio)) await this.#sim.sleep(this.#random.between(1, 300));
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        await this.#failed(error);
      }
    }
  }

  stop(): void {
    this.#consumer.close();
  }

  /** Whether it goes back from here. */
  #take(batch: FetchedBatch): boolean {
    const { history, world } = this.#sim;
    const { topic, partition } = batch;
    const key = partitionKey(topic, partition);
    const records = batch.records();
    check(records.length > 0, "reads", () => `${key}@${batch.fromOffset}: a batch without a wanted record`);
    const expected = this.#next.get(key);
    const first = records[0]?.offset;
    check(expected === undefined || first === expected || this.#sim.gapsAllowed, "reads", () => {
      return `${key}: ${this.name} asked for ${expected}, got ${first}`;
    });
    for (const record of records) {
      const id = idOfPayload(record.value);
      check(id !== undefined, "reads", () => `${key}@${record.offset}: ${this.name} got a value that nobody sent`);
      history.saw(key, record.offset, id, this.name, world.nowMs);
    }
    check(batch.highWatermark >= batch.endOffset, "reads", () => `${key}: ends at ${batch.endOffset}, mark=${batch.highWatermark}`);
    history.sawMarks(this.name, key, batch.highWatermark, 0, this.#sim.leadersMayLag);
    this.records += records.length;
    this.#next.set(key, batch.endOffset);
    if (!this.#random.chance(this.#load.backRatio)) return false;
    this.#seek(topic, partition, this.#random.between(0, batch.endOffset));
    return true;
  }

  #seek(topic: string, partition: number, offset: number): void {
    this.#next.set(partitionKey(topic, partition), offset);
    this.#consumer.seek(topic, partition, offset);
  }

  /** Whether the log begins behind where it stood; it goes on there then. A log that cannot be asked now is asked again. */
  async #wentOn(topic: string, partition: number, at: number): Promise<boolean> {
    try {
      const [earliest] = await this.#client.admin.listOffsets([{ topic, partition, at: "earliest" }]);
      if (earliest === undefined || earliest.offset <= at) return false;
      this.#seek(topic, partition, earliest.offset);
      return true;
    } catch (error) {
      if (!(error instanceof ClientError) || error.kind === "internal") throw error;
      return true;
    }
  }

  /** A failure that the client hands on: only those that the scenario allows. */
  async #failed(error: ClientError): Promise<void> {
    const { topic, partition } = error.place;
    if (topic === undefined || partition === undefined) throw error;
    const at = this.#consumer.position(topic, partition) ?? 0;
    // What the broker says, that is; what the client found out itself was served as if it were right.
    check(!error.message.startsWith("the batch at"), "reads", () => `${this.name} was served damaged records: ${error.message}`);
    if (error.kind === "corrupt" && this.#sim.gapsAllowed) {
      this.#sim.history.sawDamage(partitionKey(topic, partition), at);
      return this.#seek(topic, partition, at + 1);
    }
    if (error.kind === "corrupt" && this.#sim.readsFlipped) {
      await this.#sim.sleep(REST_MS);
      return this.#seek(topic, partition, at);
    }
    if (error instanceof OffsetOutOfRangeError) {
      if (this.#sim.expires && (await this.#wentOn(topic, partition, at))) return;
      check(false, "reads", `${topic}-${partition}: ${this.name} asked for ${at}: ${error.message}`);
    }
    throw error;
  }
}
