import { equal } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import { batchesOf, fetch, type Topic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { until } from "../process/server-process.ts";
import type { ClusterNode, RealCluster } from "./real-cluster.ts";

const FETCH_BYTES = 8 * 1024 * 1024;
const LED_MS_MAX = 30_000;

/** A partition with three replicas whose record at offset n says n, one record a batch, long enough to be found in a file. */
export class MarkedRecords {
  readonly name: string;
  readonly recordBytes: number;
  /** Records acknowledged. */
  count = 0;
  readonly #brokers: readonly ClusterNode[];
  readonly #client: Client;
  readonly #producer: Producer;

  private constructor(cluster: RealCluster, name: string, recordBytes: number) {
    this.#brokers = cluster.brokers;
    this.#client = cluster.client();
    this.name = name;
    this.recordBytes = recordBytes;
    this.#producer = this.#client.producer({ lingerMs: 0, batchBytesMax: 1 });
  }

  static async create(cluster: RealCluster, name: string, recordBytes: number): Promise<MarkedRecords> {
    await cluster.createReplicated(name, 1);
    return new MarkedRecords(cluster, name, recordBytes);
  }

  /** Each has to be acknowledged, and by all. */
  async append(records: number): Promise<void> {
    for (let n = 0; n < records; n += 1) {
      const { offset } = await this.#producer.send({ topic: this.name, partition: 0, value: this.valueAt(this.count) });
      equal(offset, this.count);
      this.count += 1;
    }
  }

  async leader(): Promise<ClusterNode> {
    const [partition] = (await this.#client.admin.describeTopic(this.name)).partitions;
    const leader = this.#brokers.find(({ id }) => id === partition?.leader);
    if (leader === undefined) throw new Error(`nobody leads ${this.name}`);
    return leader;
  }

  async inSync(): Promise<readonly number[]> {
    return (await this.#client.admin.describeTopic(this.name)).partitions[0]?.inSync ?? [];
  }

  /** What the leader says to a fetch at this offset. A record that it gives is the right one. */
  async look(offset: number): Promise<Readonly<{ error: string; records: number }>> {
    const wire = await Wire.connect((await this.leader()).kafka);
    try {
      const topic: Topic = { name: this.name, topicId: "" };
      const { error, records } = await fetch(wire, topic, offset, { maxBytes: FETCH_BYTES });
      const found = batchesOf(records).flatMap((batch) => batch.records);
      for (const record of found)
        equal(this.valueAt(record.offset).compare(record.value ?? Buffer.alloc(0)), 0, `the record at offset ${record.offset}`);
      return { error, records: found.filter((record) => record.offset >= offset).length };
    } finally {
      wire.close();
    }
  }

  /** Reads offsets [from, to): all have to be there. */
  async check(from = 0, to = this.count): Promise<void> {
    for (let offset = from; offset < to; ) {
      const { error, records } = await this.#lookAtLeader(offset);
      equal(error, "NONE", `at offset ${offset} of ${this.name}`);
      offset += records;
    }
  }

  /** As `look`, of a leader that knows that it leads. */
  async #lookAtLeader(offset: number): Promise<Readonly<{ error: string; records: number }>> {
    let found = { error: "", records: 0 };
    const isFound = async (): Promise<boolean> => {
      found = await this.look(offset);
      return found.error === "NONE" ? found.records > 0 : found.error !== "NOT_LEADER_OR_FOLLOWER";
    };
    await until(`offset ${offset} of ${this.name} is read`, isFound, LED_MS_MAX);
    return found;
  }

  valueAt(offset: number): Buffer {
    return Buffer.alloc(this.recordBytes, `${this.name} ${String(offset).padStart(9, "0")} `);
  }
}
