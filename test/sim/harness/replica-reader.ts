import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import { idOfPayload } from "@tidemq/server/testing/checkers/payload.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import { fetch } from "./read-log.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

const DECOMPRESSED_BYTES_MAX = 16 * 1024 * 1024;

/** Reads from any broker, whoever leads: what a follower shows is what everybody sees, for ever. */
export class ReplicaReader {
  readonly name: string;
  readonly #sim: SimRun;
  readonly #random: SimRandom;
  readonly #client: Client;
  readonly #targets: readonly Target[];
  readonly #brokers: number;
  /** By partition: the highest mark that it was told. */
  readonly #ends = new Map<string, number>();
  #stopped = false;
  records = 0;

  /** @param brokers Their numbers begin at 1. */
  constructor(sim: SimRun, name: string, client: Client, targets: readonly Target[], brokers: number) {
    this.name = name;
    this.#sim = sim;
    this.#random = sim.random.fork(name);
    this.#client = client;
    this.#targets = targets;
    this.#brokers = brokers;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#sim.sleep(this.#random.between(10, 100));
      if (this.#stopped) break;
      try {
        await this.#read(this.#random.pick(this.#targets), this.#random.between(1, this.#brokers));
      } catch (error) {
        if (!(error instanceof ClientError) || error.kind === "internal") throw error;
      }
    }
    this.#sim.say(`${this.name} has read ${this.records} records`);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A broker that is not in sync, or not up, shows nothing. */
  async #read(target: Target, broker: number): Promise<void> {
    const key = partitionKey(target.topic, target.partition);
    const answer = await fetch(this.#client, target, this.#random.between(0, this.#ends.get(key) ?? 0), 50, broker);
    if (answer.errorCode !== ErrorCode.NONE) return;
    this.#ends.set(key, Math.max(this.#ends.get(key) ?? 0, answer.highWatermark));
    const bytes = answer.records ?? new Uint8Array(0);
    for (let at = 0; at < bytes.byteLength; at += batch.batchBytes(bytes, at)) {
      const end = batch.endOffset(bytes, at);
      check(end <= answer.highWatermark, "reads", () => `${key}: broker ${broker} shows up to ${end}, mark=${answer.highWatermark}`);
      for (const { offset, value } of decodeRecords(bytes, at, DECOMPRESSED_BYTES_MAX)) this.#saw(key, offset, value);
    }
  }

  #saw(key: string, offset: number, value: Uint8Array | null): void {
    const id = idOfPayload(value);
    check(id !== undefined, "reads", () => `${key}@${offset}: ${this.name} got a value that nobody sent`);
    this.#sim.history.saw(key, offset, id, this.name, this.#sim.world.nowMs);
    this.records += 1;
  }
}
