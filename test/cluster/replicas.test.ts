// Goal: three replicas: whoever dies, records go on and none is lost, and who comes back has everything again, with its log or without it.
// Method: real processes; kill -9, SIGSTOP beyond a session, a wiped disk, a bucket that is away; what the kernel had not synced is lost
// with each kill; a stream of numbered records runs through all of it.
import { deepEqual, equal, ok } from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { suite } from "../clients/suite.ts";
import { pause, until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 6;
const TOPIC = "numbers";
const NOTICED_MS_MAX = 30_000;
const SERVING_MS_MAX = 60_000;
/** A frozen broker keeps its connections: nobody waits longer for it. */
const ANSWER_MS_MAX = 5_000;
const BUCKET_AWAY_MS = 5_000;

suite("three replicas", undefined, () => {
  let cluster: RealCluster;
  let stream: NumberedStream;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 3, brokers: 3, separateHosts: true, environment: { TIDEMQ_TEST_DROP_UNSYNCED: "1" } });
    const client = cluster.client({ requestTimeoutMs: ANSWER_MS_MAX });
    await client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 3 });
    stream = await NumberedStream.onTopic(client, TOPIC, PARTITIONS);
  });
  after(() => cluster?.close());

  const partitions = async () => (await cluster.client().admin.describeTopic(TOPIC)).partitions;
  const broker = (id: number): ClusterNode => cluster.brokers[id - 1] as ClusterNode;
  const leader = async (): Promise<ClusterNode> => broker((await partitions())[0]?.leader ?? 0);
  const allInSync = (): Promise<void> =>
    until("all are in sync", async () => (await partitions()).every(({ inSync }) => inSync.length === 3), SERVING_MS_MAX);

  /** It happens; the stream goes on without anybody's help, and they are all in sync again when those that are away have started. */
  const survives = async (t: TestContext, happen: () => Promise<readonly ClusterNode[]>): Promise<void> => {
    await allInSync();
    stream.forgetGaps();
    const away = await happen();
    await stream.goesOn(SERVING_MS_MAX);
    t.diagnostic(`no partition waited longer than ${Math.round(stream.longestGapMs)} ms for an acknowledgement`);
    await Promise.all(away.map((node) => node.start()));
    await allInSync();
    deepEqual(stream.failures, []);
  };

  test("a leader is killed", (t) =>
    survives(t, async () => {
      const victim = await leader();
      await victim.kill();
      return [victim];
    }));

  test("one that follows the first partition is killed", (t) =>
    survives(t, async () => {
      const [first] = await partitions();
      const victim = broker(first?.replicas.find((id) => id !== first.leader) ?? 0);
      await victim.kill();
      return [victim];
    }));

  test("the controller that leads is killed", (t) =>
    survives(t, async () => {
      const victim = await cluster.leader();
      await victim.kill();
      return [victim];
    }));

  test("a leader is frozen beyond its session, and goes on as a follower", (t) =>
    survives(t, async () => {
      const frozen = await leader();
      frozen.server.freeze();
      await until("another leads", async () => (await leaderOf(cluster, frozen)) !== frozen.id, NOTICED_MS_MAX);
      await stream.goesOn(SERVING_MS_MAX);
      frozen.server.goOn();
      return [];
    }));

  test("two are killed: nothing is acknowledged until one is back, then it goes on", (t) =>
    survives(t, async () => {
      await Promise.all([broker(1).kill(), broker(3).kill()]);
      await pause(3_000);
      const before = stream.acknowledged();
      await pause(1_000);
      equal(stream.acknowledged(), before);
      await broker(1).start();
      return [broker(3)];
    }));

  test("everybody is killed at the same moment", (t) =>
    survives(t, async () => {
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      const startedMs = performance.now();
      await Promise.all(cluster.nodes.map((node) => node.start()));
      const upMs = performance.now();
      await stream.goesOn(SERVING_MS_MAX);
      t.diagnostic(`all serve after ${Math.round(upMs - startedMs)} ms, records go on ${Math.round(performance.now() - upMs)} ms later`);
      return [];
    }));

  test("a disk is wiped: the broker begins without a log, and gets what it needs from the others", (t) =>
    survives(t, async () => {
      const victim = broker(2);
      await victim.kill();
      rmSync(victim.folder, { recursive: true });
      return [victim];
    }));

  test("the bucket is away for a while, and a leader dies meanwhile", async (t) => {
    const [bucket, hidden] = [join(cluster.folder, "bucket"), join(cluster.folder, "away")];
    await allInSync();
    renameSync(bucket, hidden);
    await pause(BUCKET_AWAY_MS);
    await stream.goesOn(SERVING_MS_MAX);
    renameSync(hidden, bucket);
    await survives(t, async () => {
      const victim = await leader();
      await victim.kill();
      return [victim];
    });
  });

  test("one after the other stops in order and starts", async (t) => {
    for (const node of cluster.brokers)
      await survives(t, async () => {
        equal(await node.end(), 0, node.server.stderr.slice(-2_000));
        return [node];
      });
  });

  test("nothing is lost, twice or out of order, and every broker is well", async (t) => {
    t.diagnostic(`${await stream.end()} records`);
    for (const node of cluster.brokers) {
      const { partitions: own, problems } = await node.server.health();
      deepEqual(problems, [], `broker ${node.id}`);
      equal(own.online + own.followed, own.total);
      ok(own.followed > 0);
    }
  });
});

/** Of the first partition, as another broker than this one says. */
async function leaderOf(cluster: RealCluster, but: ClusterNode): Promise<number> {
  const asked = cluster.brokers.find((node) => node !== but) as ClusterNode;
  const { partitions } = await cluster.clientOf(asked).admin.describeTopic(TOPIC);
  return partitions[0]?.leader ?? -1;
}
