import { equal, ok } from "node:assert/strict";
import type { TestContext } from "node:test";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { buildNumbers, goProblem } from "../clients/franz-go.ts";
import { franzGoMember, MemberProgram, memberCount, memberPrograms } from "../clients/group-members.ts";
import { until } from "../clients/group-scene.ts";
import { missingProgram } from "../clients/suite.ts";
import { KcatLines, NumberedProgram, producerPrograms } from "./foreign-producers.ts";
import { GroupHistory } from "./group-history.ts";
import type { RealCluster } from "./real-cluster.ts";

/** Why the clients cannot run; undefined: they can. */
export const WITHOUT_FOREIGN_CLIENTS =
  kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V") ?? goProblem();

const KINDS = ["java", "kafkajs", "go", "kcat"] as const;
const PARTITIONS = 3;
const JOINED_MS_MAX = 60_000;
const REQUEST_MS_MAX = 5_000;
const READ_MS_MAX = 30_000;
/** Less than that is no load. */
const RECORDS_MIN = 100;
const ANSWERS_MIN = 50;

export type LongRecord = Readonly<{ topic: string; partition: number; value: string }>;

/** Java, kafkajs, franz-go and librdkafka, each with a topic on three replicas, an idempotent producer and a group. */
export class ForeignGroups {
  readonly #cluster: RealCluster;
  readonly #members: number;
  readonly #parts: readonly Part[];

  private constructor(cluster: RealCluster, members: number, parts: readonly Part[]) {
    this.#cluster = cluster;
    this.#members = members;
    this.#parts = parts;
  }

  /** They have been started when it resolves, and join. `members`: of each group. */
  static async start(cluster: RealCluster, members: number): Promise<ForeignGroups> {
    await Promise.all([downloadKafka(), buildNumbers()]);
    for (const kind of KINDS) await cluster.createReplicated(`of-${kind}`, PARTITIONS);
    const parts = KINDS.map((kind) => partOf(kind, cluster, members));
    return new ForeignGroups(cluster, members, parts);
  }

  get topics(): readonly string[] {
    return this.#parts.map(({ history }) => history.topic);
  }

  /** Records acknowledged. */
  get acknowledged(): number {
    return this.#parts.reduce((sum, { history }) => sum + history.counts.acknowledged, 0);
  }

  /** A record of a partition that this broker is to lead, written after the call and read: long enough to be found in a file. */
  async longRecordOn(broker: number): Promise<LongRecord> {
    const { topic, ends } = this.#lines.history;
    const { partitions } = await this.#cluster.client().admin.describeTopic(topic);
    const partition = partitions.findIndex(({ replicas }) => replicas[0] === broker);
    let value: string | undefined;
    const missing = (): string | undefined => {
      value = this.#lines.history.readBeyond(partition, ends[partition] ?? 0);
      return value === undefined ? "not yet" : undefined;
    };
    await until(`a record is read of partition ${partition} of ${topic}`, missing, READ_MS_MAX);
    return { topic, partition, value: value ?? "" };
  }

  /** By topic, in words: the longest time since `forgetGaps` in which nothing was acknowledged. */
  get longestGaps(): string {
    return this.#parts.map(({ history }) => `${history.topic} ${Math.round(history.longestGapMs)} ms`).join(", ");
  }

  forgetGaps(): void {
    for (const { history } of this.#parts) history.forgetGaps();
  }

  async whenJoined(): Promise<void> {
    const client = this.#cluster.client();
    for (const kind of KINDS)
      await until(
        `group-${kind} has its members`,
        async () => ((await memberCount(client, `group-${kind}`)) === this.#members ? undefined : "not yet"),
        JOINED_MS_MAX,
      );
  }

  /** Waits until each partition has taken more of its producer, and the group has read that. */
  async goOn(msMax: number): Promise<void> {
    const ends = this.#parts.map(({ history }) => history.ends);
    const behind = (): string | undefined => {
      const left = this.#parts.filter(({ history }, kind) => !history.isBeyond(ends[kind] ?? []));
      return left.length === 0 ? undefined : left.map(({ history }) => `${history.topic} ${JSON.stringify(history.counts)}`).join();
    };
    await until("foreign clients go on", behind, msMax);
  }

  /** Ends the producers: what was acknowledged was read, in order and once, no commit was taken back, and nobody was refused anything. */
  async end(t: TestContext, msMax: number): Promise<void> {
    for (const { producer, history } of this.#parts) {
      const { code, said } = await producer.end();
      equal(code, 0, `${history.topic}: ${said}`);
    }
    for (const { history } of this.#parts) {
      await until("the group has read everything", () => history.unread, msMax);
      const asked = await history.check();
      const { acknowledged } = history.counts;
      t.diagnostic(`${history.topic}: ${acknowledged} records, its offsets were asked for ${asked} times`);
      ok(acknowledged > RECORDS_MIN && asked > ANSWERS_MIN, `${acknowledged} records, ${asked} answers`);
    }
  }

  /** librdkafka's records are lines of some length. */
  get #lines(): Part {
    return this.#parts[KINDS.indexOf("kcat")] as Part;
  }

  kill(): void {
    for (const { producer, members } of this.#parts) for (const program of [producer, ...members]) program.kill();
  }
}

/** What one kind of client does. */
type Part = Readonly<{ history: GroupHistory; producer: KcatLines | NumberedProgram; members: readonly MemberProgram[] }>;

function partOf(kind: (typeof KINDS)[number], cluster: RealCluster, members: number): Part {
  const { bootstrap } = cluster;
  const [topic, group] = [`of-${kind}`, `group-${kind}`];
  const history = new GroupHistory(cluster.client({ requestTimeoutMs: REQUEST_MS_MAX }), topic, group, PARTITIONS);
  const hear = history.acknowledge.bind(history);
  const producer =
    kind === "kcat"
      ? new KcatLines(bootstrap, topic, hear)
      : new NumberedProgram(producerPrograms(bootstrap, topic, PARTITIONS)[kind], hear);
  const program = kind === "go" ? franzGoMember(bootstrap, group, topic) : memberPrograms(bootstrap, group, topic)[kind];
  return { history, producer, members: Array.from({ length: members }, () => new MemberProgram(program, history.ears)) };
}
