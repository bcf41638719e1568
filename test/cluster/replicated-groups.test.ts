// Goal: producers and groups of four kinds of clients get over the death of brokers and controllers: what was acknowledged is read, where it
// was said to lie, in order and once, and no commit is taken back.
// Method: on three replicas, Java, franz-go, librdkafka and kafkajs each have a topic, an idempotent producer and a group of two members;
// kill -9 of one broker, of the leading controller, of two and of all brokers; what the kernel had not synced is lost with each.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { buildNumbers, goProblem } from "../clients/franz-go.ts";
import { franzGoMember, MemberProgram, memberCount, memberPrograms } from "../clients/group-members.ts";
import { until } from "../clients/group-scene.ts";
import { missingProgram, suite } from "../clients/suite.ts";
import { pause } from "../process/server-process.ts";
import { KcatLines, NumberedProgram, producerPrograms } from "./foreign-producers.ts";
import { GroupHistory } from "./group-history.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const KINDS = ["java", "kafkajs", "go", "kcat"] as const;
const PARTITIONS = 3;
const MEMBERS = 2;
const JOINED_MS_MAX = 60_000;
const GOES_ON_MS_MAX = 60_000;
const IN_SYNC_MS_MAX = 60_000;
const REQUEST_MS_MAX = 5_000;
const WITHOUT_TWO_MS = 3_000;

const missing =
  kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V") ?? goProblem();

suite("groups of four kinds on three replicas", missing, () => {
  let cluster: RealCluster;
  const histories: GroupHistory[] = [];
  const producers: (KcatLines | NumberedProgram)[] = [];
  const members: MemberProgram[] = [];

  before(async () => {
    await Promise.all([downloadKafka(), buildNumbers()]);
    cluster = await RealCluster.start({ controllers: 3, brokers: 3, separateHosts: true, environment: { TIDEMQ_TEST_DROP_UNSYNCED: "1" } });
    const client = cluster.client({ requestTimeoutMs: REQUEST_MS_MAX });
    for (const kind of KINDS) {
      const [topic, group] = [`of-${kind}`, `group-${kind}`];
      const configs = { "min.insync.replicas": "2" };
      await client.admin.createTopic({ name: topic, partitions: PARTITIONS, replicationFactor: 3, configs });
      const history = new GroupHistory(client, topic, group, PARTITIONS);
      histories.push(history);
      producers.push(producerOf(kind, history));
      const program =
        kind === "go" ? franzGoMember(cluster.bootstrap, group, topic) : memberPrograms(cluster.bootstrap, group, topic)[kind];
      for (let member = 0; member < MEMBERS; member += 1) members.push(new MemberProgram(program, history.ears));
    }
  });
  after(async () => {
    for (const program of [...members, ...producers]) program.kill();
    await cluster?.close();
  });

  const producerOf = (kind: (typeof KINDS)[number], history: GroupHistory): KcatLines | NumberedProgram => {
    const hear = history.acknowledge.bind(history);
    if (kind === "kcat") return new KcatLines(cluster.bootstrap, history.topic, hear);
    return new NumberedProgram(producerPrograms(cluster.bootstrap, history.topic, PARTITIONS)[kind], hear);
  };

  /** Each partition takes more of each producer, and the groups read it. */
  const goOn = async (what: string): Promise<void> => {
    const ends = histories.map((history) => history.ends);
    const behind = (): string | undefined => {
      const left = histories.filter((history, kind) => !history.isBeyond(ends[kind] ?? []));
      return left.length === 0 ? undefined : left.map(({ topic, counts }) => `${topic} ${JSON.stringify(counts)}`).join();
    };
    await until(what, behind, GOES_ON_MS_MAX);
  };

  const allInSync = (): Promise<void> =>
    until(
      "all are in sync",
      async () => {
        const topics = await Promise.all(histories.map(({ topic }) => cluster.client().admin.describeTopic(topic)));
        const left = topics.flatMap(({ partitions }) => partitions).filter(({ inSync }) => inSync.length < 3).length;
        return left === 0 ? undefined : `${left} partitions are not`;
      },
      IN_SYNC_MS_MAX,
    );

  /** It happens, all go on without those that it returns, and these come back. */
  const getOver = async (t: TestContext, what: string, happen: () => Promise<readonly ClusterNode[]>): Promise<void> => {
    await allInSync();
    for (const history of histories) history.forgetGaps();
    const happenedMs = performance.now();
    const away = await happen();
    try {
      await goOn(what);
    } finally {
      await Promise.all(away.map((node) => node.start()));
    }
    const gaps = histories.map(({ topic, longestGapMs }) => `${topic} ${Math.round(longestGapMs)}`).join(", ");
    t.diagnostic(
      `${what}, went on after ${Math.round(performance.now() - happenedMs)} ms: longest without an acknowledgement, ms: ${gaps}`,
    );
  };

  const kill = async (...nodes: readonly ClusterNode[]): Promise<readonly ClusterNode[]> => {
    await Promise.all(nodes.map((node) => node.kill()));
    return nodes;
  };

  test("all have joined", async (t) => {
    const groups = KINDS.map((kind) => `group-${kind}`);
    const joined = async (group: string): Promise<boolean> => (await memberCount(cluster.client(), group)) === MEMBERS;
    await until(
      "the groups have their members",
      async () => ((await Promise.all(groups.map(joined))).every(Boolean) ? undefined : "not yet"),
      JOINED_MS_MAX,
    );
    await getOver(t, "nothing happens", () => Promise.resolve([]));
  });

  test("a broker is killed that leads some of it, follows some and coordinates some", (t) =>
    getOver(t, "a broker is killed", () => kill(cluster.brokers[0] as ClusterNode)));

  test("the controller that leads is killed", async (t) => {
    const leader = await cluster.leader();
    await getOver(t, "the leading controller is killed", () => kill(leader));
  });

  test("two are killed: nothing is acknowledged until one is back", (t) =>
    getOver(t, "two brokers are killed", async () => {
      const [, first, second] = cluster.brokers as [ClusterNode, ClusterNode, ClusterNode];
      await kill(first, second);
      await pause(WITHOUT_TWO_MS);
      const before = histories.map(({ counts }) => counts.acknowledged);
      await pause(1_000);
      deepEqual(
        histories.map(({ counts }) => counts.acknowledged),
        before,
      );
      await first.start();
      return [second];
    }));

  test("all are killed at the same moment", (t) =>
    getOver(t, "all brokers are killed", async () => {
      await Promise.all((await kill(...cluster.brokers)).map((node) => node.start()));
      return [];
    }));

  test("what was acknowledged was read, in order and once; no commit was taken back", async (t) => {
    for (const [kind, producer] of producers.entries()) {
      const { code, said } = await producer.end();
      const { topic } = histories[kind] as GroupHistory;
      equal(code, 0, `${topic}: ${said}`);
    }
    for (const history of histories) {
      await until("the group has read everything", () => history.unread, GOES_ON_MS_MAX);
      const asked = await history.check();
      const { acknowledged } = history.counts;
      t.diagnostic(`${history.topic}: ${acknowledged} records, its offsets were asked for ${asked} times`);
      ok(acknowledged > 100 && asked > 50, `${acknowledged} records, ${asked} answers`);
    }
  });
});
