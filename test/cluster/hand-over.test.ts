// Goal: a broker that is stopped in order hands over what it leads before it stops, so that producers hardly notice.
// Method: three brokers, three replicas, a stream that writes to each partition every 20 ms; SIGTERM, one broker after the other.
import { deepEqual, equal } from "node:assert/strict";
import { after, before, test } from "node:test";
import { suite } from "../clients/suite.ts";
import { until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { RealCluster } from "./real-cluster.ts";

const PARTITIONS = 6;
const IN_SYNC_MS_MAX = 60_000;

suite("a broker that stops", undefined, () => {
  let cluster: RealCluster;
  let stream: NumberedStream;

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 3, separateHosts: true });
    const client = cluster.client();
    await client.admin.createTopic({ name: "led", partitions: PARTITIONS, replicationFactor: 3 });
    stream = await NumberedStream.onTopic(client, "led", PARTITIONS);
  });
  after(() => cluster?.close());

  const partitions = async () => (await cluster.client().admin.describeTopic("led")).partitions;

  test("hands over first: its records go to others at once, none is lost, none is twice", async (t) => {
    for (const broker of cluster.brokers) {
      await until("all are in sync", async () => (await partitions()).every(({ inSync }) => inSync.length === 3), IN_SYNC_MS_MAX);
      const led = (await partitions()).filter(({ leader }) => leader === broker.id).length;
      stream.forgetGaps();
      const startedMs = performance.now();
      equal(await broker.end(), 0, broker.server.stderr.slice(-2_000));
      const endedMs = performance.now();
      const handedMs = broker.server.log.find(({ msg }) => msg === "others lead what they can")?.["tookMs"];
      await stream.goesOn();
      t.diagnostic(
        `broker ${broker.id} led ${led} of ${PARTITIONS}, others led after ${String(handedMs)} ms, it ended after ${Math.round(endedMs - startedMs)} ms; ` +
          `no partition waited longer than ${Math.round(stream.longestGapMs)} ms for an acknowledgement`,
      );
      await broker.start();
      await cluster.whenReady();
    }
    deepEqual(stream.failures, []);
    t.diagnostic(`${await stream.end()} records acknowledged, each read once and in order`);
  });
});
