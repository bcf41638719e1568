// Goal: `tidemq partition reassign` and `tidemq broker drain` move replicas of a cluster as a person uses them, while records come.
// Method: four brokers; each command as a process; a stream of numbered records runs through all of it.
import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { suite } from "../clients/suite.ts";
import { tidemq, until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const TOPIC = "moved";
const PARTITIONS = 6;
const CHANGED_MS_MAX = 60_000;

suite("commands that move replicas", undefined, () => {
  let cluster: RealCluster;
  let stream: NumberedStream;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 4, separateHosts: true });
    const client = cluster.client();
    await client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 2 });
    stream = await NumberedStream.onTopic(client, TOPIC, PARTITIONS);
  });
  after(() => cluster?.close());

  const run = (...args: readonly string[]) => tidemq([...args, "--bootstrap", cluster.bootstrap]);
  const reassign = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run("partition", "reassign", ...args);
    equal(code, 0, stderr);
    return { stdout, stderr };
  };
  const replicas = async () => (await cluster.client().admin.describeTopic(TOPIC)).partitions.map((partition) => partition.replicas);
  const broker = (id: number): ClusterNode => cluster.brokers[id - 1] as ClusterNode;

  test("a plan is shown, and done when that is said: onto three brokers, with three replicas", async () => {
    const before = await replicas();
    const args = ["--topic", TOPIC, "--to", "1,2,3", "--replication-factor", "3"];
    const planned = await reassign(...args);
    match(planned.stderr, /nothing is changed; add --execute to do it/);
    match(planned.stdout, /^moved +0 +\d,\d +\d,\d,\d +\+/m);
    deepEqual(await replicas(), before);
    await reassign(...args, "--execute");
    for (const each of await replicas())
      deepEqual(
        each.toSorted((a, b) => a - b),
        [1, 2, 3],
      );
    match((await reassign(...args)).stdout, /nothing is to be moved/);
    match((await reassign("--status")).stdout, /nothing is being moved/);
    await stream.goesOn();
  });

  test("a plan of Kafka's tool; what cannot be completed is shown, and taken back", async () => {
    await broker(4).kill();
    await until("broker 4 is fenced", async () => (await cluster.broker(4))?.fenced === true, CHANGED_MS_MAX);
    const before = await replicas();
    const file = join(cluster.folder, "plan.json");
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic: TOPIC, partition: 2, replicas: [4, 1, 2] }] }));
    await reassign("--file", file, "--execute", "--no-wait");
    match((await reassign("--status")).stdout, /^moved +2 +4,1,2,3 +4 +3$/m);
    match((await reassign("--cancel", "--file", file)).stderr, /nothing is changed/);
    match((await reassign("--cancel", "--topic", `${TOPIC}:2`, "--execute")).stdout, /taken back/);
    deepEqual(await replicas(), before);
    await broker(4).start();
    await cluster.whenReady();
  });

  test("what is refused is named, and changes nothing else", async () => {
    const file = join(cluster.folder, "refused.json");
    const partitions = [
      { topic: TOPIC, partition: 0, replicas: [9, 1, 2] },
      { topic: TOPIC, partition: 1, replicas: [4, 1, 2] },
    ];
    writeFileSync(file, JSON.stringify({ version: 1, partitions }));
    const { code, stdout, stderr } = await run("partition", "reassign", "--file", file, "--execute");
    equal(code, 1, stdout);
    match(stderr, /broker 9, but no such broker is registered/);
    deepEqual((await replicas())[1], [4, 1, 2]);
  });

  const drain = (...args: readonly string[]) => tidemq(["broker", "drain", ...args, "--http", addressText(broker(1).http)]);
  const drained = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await drain(...args);
    equal(code, 0, stderr);
    return stdout;
  };

  test("a broker is drained: what it has goes to the others, groups included; it gets nothing new until that is taken back", async () => {
    const client = cluster.client();
    await client.groups.commit("readers", [{ topic: TOPIC, partition: 0, offset: 1 }]);
    match(await drained("3", "--dry-run"), /^moved +\d +\S+ +\S+$/m);
    match(await drained("3", "--dry-run"), /^@groups +\d+ +\S+ +\S+$/m);
    match(await drained("3"), /^broker 3 has nothing; it gets nothing new$/m);
    for (const each of await replicas()) equal(each.includes(3), false);
    await client.admin.createTopic({ name: "later", partitions: 8, replicationFactor: 3 });
    for (const { replicas: each } of (await client.admin.describeTopic("later")).partitions) equal(each.includes(3), false);
    deepEqual(
      (await client.groups.offsets("readers")).map(({ offset }) => offset),
      [1],
    );
    await stream.goesOn();
  });

  test("a second one is refused, since nobody is left; taken back, the first may take it", async () => {
    const { code, stderr } = await drain("2");
    equal(code, 1);
    match(stderr, /nobody can take \d+ of the partitions of broker 2, such as \S+ on [\d,]+/);
    const cancelled = await drain("3", "--cancel");
    match(cancelled.stdout, /^broker 3 has nothing; it gets new replicas$/m);
    match(cancelled.stderr, /nothing comes back to broker 3 by itself/);
    match(await drained("2"), /^broker 2 has nothing; it gets nothing new$/m);
    match(await drained("2", "--undo"), /it gets new replicas$/m);
    await stream.goesOn();
  });

  test("internal topics are planned and moved as others", async () => {
    const http = ["--http", addressText(broker(1).http)];
    match((await reassign("--topic", "@groups:0", "--to", "3,4,2", ...http)).stdout, /^@groups +0 +[\d,]+ +[\d,]+ +\+/m);
    await reassign("--topic", "@groups", "--to", "1,3,4", "--replication-factor", "3", "--execute", ...http);
    match((await reassign("--topic", "@groups", "--to", "1,3,4", "--replication-factor", "3", ...http)).stdout, /nothing is to be moved/);
    deepEqual(
      (await cluster.client().groups.offsets("readers")).map(({ offset }) => offset),
      [1],
    );
    const { code, stderr } = await run("partition", "reassign", "--topic", "@nothing", "--to", "1", ...http);
    equal(code, 1);
    match(stderr, /where @nothing has its replicas is not known/);
  });

  test("nothing was lost, and nothing is there twice", async (t) => {
    t.diagnostic(`${await stream.end()} records acknowledged, each read once and in order`);
  });
});
