// Goal: everything is restarted, one process after the other, under Kafka's clients: nothing is lost, and no committed offset goes back.
// Method: a Java, a kafkajs and a librdkafka member share a group; SIGTERM, wait, start; a producer says what was acknowledged.
import { equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { MemberProgram, memberCount, memberPrograms, NumberedLoad, OffsetWatch } from "../clients/group-members.ts";
import { missingProgram, suite } from "../clients/suite.ts";
import { until } from "../process/server-process.ts";
import { RealCluster } from "./real-cluster.ts";

const PARTITIONS = 6;
const GROUP = "rolling";
const TOPIC = "shared";
const JOINED_MS_MAX = 60_000;
const SEEN_MS_MAX = 90_000;

const missing = kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V");

suite("a rolling restart", missing, () => {
  const seen = new Set<string>();
  let cluster: RealCluster;
  let members: readonly MemberProgram[] = [];

  before(async () => {
    await downloadKafka();
    cluster = await RealCluster.start({ controllers: 2, brokers: 2 });
    await cluster.client().admin.createTopic({ name: TOPIC, partitions: PARTITIONS });
    members = Object.values(memberPrograms(cluster.bootstrap, GROUP, TOPIC)).map(
      (program) => new MemberProgram(program, { read: ({ value }) => void seen.add(value) }),
    );
  });
  after(async () => {
    for (const member of members) member.kill();
    await cluster?.close();
  });

  test("of controllers and brokers: nothing is lost, and no commit goes back", async (t) => {
    const load = new NumberedLoad(cluster.client(), TOPIC, PARTITIONS);
    const watch = new OffsetWatch(cluster.client(), GROUP);
    const client = cluster.client();
    await until("all have joined", async () => (await memberCount(client, GROUP)) === members.length, JOINED_MS_MAX);
    for (const node of cluster.nodes) {
      const before = seen.size;
      equal(await node.end(), 0, `${node.role} ${node.id}:\n${node.server.stderr.slice(-2000)}`);
      const startMs = await node.start();
      await cluster.whenReady();
      await until("the members read on", () => seen.size > before, SEEN_MS_MAX);
      t.diagnostic(`${node.role} ${node.id} started within ${Math.round(startMs)} ms`);
    }
    const acknowledged = await load.end();
    await until("every acknowledged record is seen", () => acknowledged.every((value) => seen.has(value)), SEEN_MS_MAX);
    const asked = await watch.end();
    t.diagnostic(`${acknowledged.length} records, offsets asked for ${asked} times`);
    ok(acknowledged.length > 100 && asked > 50, `${acknowledged.length} records, ${asked} answers`);
  });
});
