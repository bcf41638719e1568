// Goal: what a broker leads is served again when it is back, nothing acknowledged is lost, and nobody leads twice in an epoch.
// Method: real processes; kill -9, SIGSTOP beyond a session, death of everything; records that say their offset.
import { equal, ok } from "node:assert/strict";
import { after, before, describe as suite, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const PARTITIONS = 4;
const NOTICED_MS_MAX = 30_000;
const SERVING_MS_MAX = 60_000;

suite("brokers", () => {
  let cluster: RealCluster;
  let client: Client;
  let stream: NumberedStream;
  let victim: ClusterNode;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 2 });
    client = cluster.client();
    stream = await NumberedStream.start(client, "numbers", PARTITIONS);
    [victim] = cluster.brokers as [ClusterNode];
  });
  after(() => cluster?.close());

  /** The leader epochs of what a broker is the only replica of; leader −1: nobody leads. */
  const ledBy = async ({ id }: ClusterNode) => {
    const { partitions } = await client.admin.describeTopic("numbers");
    return partitions.filter(({ replicas }) => replicas.includes(id));
  };
  const isFenced = async ({ id }: ClusterNode): Promise<boolean> => (await cluster.broker(id))?.fenced === true;

  test("both lead something", async () => {
    for (const broker of cluster.brokers) ok((await ledBy(broker)).length > 0, `broker ${broker.id}`);
  });

  test("kill -9 and start: it leads what it led, in a new epoch", async (t) => {
    const [before] = await ledBy(victim);
    await victim.kill();
    await until("it is fenced", () => isFenced(victim), NOTICED_MS_MAX);
    t.diagnostic(`started within ${Math.round(await victim.start())} ms`);
    const startedMs = performance.now();
    await stream.goesOn(SERVING_MS_MAX);
    t.diagnostic(`all partitions go on ${Math.round(performance.now() - startedMs)} ms after that`);
    const [now] = await ledBy(victim);
    ok((now?.leaderEpoch ?? 0) > (before?.leaderEpoch ?? 0), `epoch ${now?.leaderEpoch} after ${before?.leaderEpoch}`);
  });

  test("frozen beyond its session: fenced, and back in a new epoch", async () => {
    const [before] = await ledBy(victim);
    const [, other] = cluster.brokers as [ClusterNode, ClusterNode];
    victim.server.freeze();
    await until("it is fenced", () => isFenced(victim), NOTICED_MS_MAX);
    const another = cluster.clientOf(other);
    await until("the other broker says so", async () => {
      const { partitions } = await another.admin.describeTopic("numbers");
      return partitions.filter(({ replicas }) => replicas.includes(victim.id)).every(({ leader }) => leader === -1);
    });
    victim.server.goOn();
    // What is in its sockets it may acknowledge before it hears that it is fenced: nobody else has these partitions.
    await cluster.whenReady();
    await stream.goesOn(SERVING_MS_MAX);
    const [now] = await ledBy(victim);
    ok((now?.leaderEpoch ?? 0) > (before?.leaderEpoch ?? 0), `epoch ${now?.leaderEpoch} after ${before?.leaderEpoch}`);
    equal(await isFenced(victim), false);
  });

  test("everything is killed at once and started: everything goes on", async (t) => {
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    const times = await Promise.all(cluster.nodes.map((node) => node.start()));
    t.diagnostic(`started within ${Math.round(Math.max(...times))} ms`);
    await stream.goesOn(SERVING_MS_MAX);
  });

  test("nothing acknowledged is lost, twice or out of order, and no producer saw an error", async (t) => {
    t.diagnostic(`${await stream.end()} records`);
  });
});
