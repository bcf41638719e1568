import { deepEqual } from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { until } from "../process/server-process.ts";
import { ForeignGroups, WITHOUT_FOREIGN_CLIENTS } from "./foreign-groups.ts";
import { NumberedStream } from "./numbered-stream.ts";
import type { RealCluster } from "./real-cluster.ts";

const TOPIC = "numbers";
const PARTITIONS = 6;
const GOES_ON_MS_MAX = 60_000;
/** Of failures, in a message. */
const SHOWN_MAX = 5;
/** A broker that is frozen or cut off keeps its connections: nobody waits longer for it. */
const ANSWER_MS_MAX = 5_000;

/** What runs through every trouble of three replicas: a stream of our own client and, where they are installed, groups of foreign ones. */
export class ClusterLoad {
  /** Of the stream. */
  readonly topic = TOPIC;
  readonly stream: NumberedStream;
  readonly foreign: ForeignGroups | undefined;
  readonly #client: Client;

  private constructor(client: Client, stream: NumberedStream, foreign: ForeignGroups | undefined) {
    this.#client = client;
    this.stream = stream;
    this.foreign = foreign;
  }

  /** Its stream runs when it resolves; foreign clients still begin. `members`: of each group; where none dies one will do. */
  static async start(cluster: RealCluster, members: number): Promise<ClusterLoad> {
    const client = cluster.client({ requestTimeoutMs: ANSWER_MS_MAX });
    await cluster.createReplicated(TOPIC, PARTITIONS);
    const foreign = WITHOUT_FOREIGN_CLIENTS === undefined ? await ForeignGroups.start(cluster, members) : undefined;
    return new ClusterLoad(client, await NumberedStream.onTopic(client, TOPIC, PARTITIONS), foreign);
  }

  /** Records acknowledged. */
  get acknowledged(): number {
    return this.stream.acknowledged() + (this.foreign?.acknowledged ?? 0);
  }

  forgetGaps(): void {
    this.stream.forgetGaps();
    this.foreign?.forgetGaps();
  }

  /** How long nothing was acknowledged since `forgetGaps`. */
  tellGaps(t: TestContext): void {
    t.diagnostic(`longest without an acknowledgement: ${Math.round(this.stream.longestGapMs)} ms of some partition of ours`);
    if (this.foreign !== undefined) t.diagnostic(`and of foreign clients: ${this.foreign.longestGaps}`);
  }

  /** Waits until each partition has taken more of each producer, and handed it out. */
  async goesOn(): Promise<void> {
    await Promise.all([this.stream.goesOn(GOES_ON_MS_MAX), this.foreign?.goOn(GOES_ON_MS_MAX)]);
    deepEqual(this.stream.failures.slice(0, SHOWN_MAX), []);
  }

  /** Waits until every replica of what it writes to is in sync, as the broker says that is asked. */
  async whenInSync(asked: Client = this.#client): Promise<void> {
    const left = async (): Promise<number> => {
      const topics = await Promise.all([TOPIC, ...(this.foreign?.topics ?? [])].map((topic) => asked.admin.describeTopic(topic)));
      return topics.flatMap(({ partitions }) => partitions).filter(({ inSync }) => inSync.length < 3).length;
    };
    await until("all are in sync", async () => (await left()) === 0, GOES_ON_MS_MAX);
  }

  /** Ends it: nothing is lost, twice or out of order, and no commit was taken back. */
  async end(t: TestContext): Promise<void> {
    t.diagnostic(`${await this.stream.end()} records of ours`);
    await this.foreign?.end(t, GOES_ON_MS_MAX);
  }

  kill(): void {
    this.foreign?.kill();
  }
}
