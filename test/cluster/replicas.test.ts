// Goal: three replicas: whoever dies, records go on and none is lost, groups read on and no commit is taken back, and who comes back has
// everything again, with its log or without it.
// Method: real processes; kill -9, SIGSTOP beyond a session, a wiped disk, a bucket that is away; what the kernel had not synced is lost
// with each kill. A stream of numbered records runs through all of it, and groups of Java, franz-go, librdkafka and kafkajs.
import { deepEqual, equal, ok } from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { suite } from "../clients/suite.ts";
import { pause, until } from "../process/server-process.ts";
import { ClusterLoad } from "./cluster-load.ts";
import { WITHOUT_FOREIGN_CLIENTS } from "./foreign-groups.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const NOTICED_MS_MAX = 30_000;
const BUCKET_AWAY_MS = 5_000;

suite("three replicas", undefined, () => {
  let cluster: RealCluster;
  let load: ClusterLoad;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 3, brokers: 3, separateHosts: true, environment: { TIDEMQ_TEST_DROP_UNSYNCED: "1" } });
    load = await ClusterLoad.start(cluster, 2);
  });
  after(async () => {
    load?.kill();
    await cluster?.close();
  });

  const partitions = async () => (await cluster.client().admin.describeTopic(load.topic)).partitions;
  const broker = (id: number): ClusterNode => cluster.brokers[id - 1] as ClusterNode;
  const leader = async (): Promise<ClusterNode> => broker((await partitions())[0]?.leader ?? 0);

  /** It happens; all go on without anybody's help, and they are all in sync again when those that are away have started. */
  const survives = async (t: TestContext, happen: () => Promise<readonly ClusterNode[]>): Promise<void> => {
    await load.whenInSync();
    load.forgetGaps();
    const away = await happen();
    await load.goesOn();
    load.tellGaps(t);
    await Promise.all(away.map((node) => node.start()));
    await load.whenInSync();
  };

  test("groups of foreign clients have joined", { skip: WITHOUT_FOREIGN_CLIENTS ?? false }, async () => {
    await load.foreign?.whenJoined();
    await load.goesOn();
  });

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
      const asked = cluster.clientOf(cluster.brokers.find((node) => node !== frozen) as ClusterNode);
      const led = async () => (await asked.admin.describeTopic(load.topic)).partitions[0]?.leader;
      await until("another leads", async () => (await led()) !== frozen.id, NOTICED_MS_MAX);
      // Foreign clients wait for half a minute and longer for what is frozen.
      await load.stream.goesOn();
      frozen.server.goOn();
      return [];
    }));

  test("two are killed: nothing is acknowledged until one is back, then it goes on", (t) =>
    survives(t, async () => {
      await Promise.all([broker(1).kill(), broker(3).kill()]);
      await pause(3_000);
      const before = load.acknowledged;
      await pause(1_000);
      equal(load.acknowledged, before);
      await broker(1).start();
      return [broker(3)];
    }));

  test("everybody is killed at the same moment", (t) =>
    survives(t, async () => {
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      const startedMs = performance.now();
      await Promise.all(cluster.nodes.map((node) => node.start()));
      const upMs = performance.now();
      await load.goesOn();
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
    await load.whenInSync();
    renameSync(bucket, hidden);
    await pause(BUCKET_AWAY_MS);
    await load.goesOn();
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

  test("nothing is lost, twice or out of order, no commit was taken back, and every broker is well", async (t) => {
    await load.end(t);
    for (const node of cluster.brokers) {
      const { partitions: own, problems } = await node.server.health();
      deepEqual(problems, [], `broker ${node.id}`);
      equal(own.online + own.followed, own.total);
      ok(own.followed > 0);
    }
  });
});
