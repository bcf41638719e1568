// Goal: whoever says its rack reads from the replica there, not from the leader: librdkafka, Java's consumer and our own.
// Method: three brokers in three racks; what each of them has sent to consumers is what its own metrics say.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { output, runProgram } from "../clients/run-program.ts";
import { missingProgram, suite } from "../clients/suite.ts";
import { tidemq, until } from "../process/server-process.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const TOPIC = "near";
const RECORDS = 2_000;
const VALUE = "v".repeat(500);
/** What is read, at least: nothing is compressed. */
const BYTES = RECORDS * VALUE.length;
const SETTLED_MS_MAX = 30_000;
const JAVA_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];

suite("the nearest replica", undefined, () => {
  let cluster: RealCluster;
  let [leader, follower]: readonly ClusterNode[] = [];

  before(async () => {
    cluster = await RealCluster.start({ controllers: 1, brokers: 3, separateHosts: true, racks: ["a", "b", "c"] });
    const client = cluster.client();
    await client.admin.createTopic({ name: TOPIC, partitions: 1, replicationFactor: 3 });
    const producer = client.producer();
    await Promise.all(Array.from({ length: RECORDS }, (_, n) => producer.send({ topic: TOPIC, partition: 0, value: `${n} ${VALUE}` })));
    const partition = async () => (await client.admin.describeTopic(TOPIC)).partitions[0];
    await until("all are in sync", async () => (await partition())?.inSync.length === 3, SETTLED_MS_MAX);
    const { leader: led } = (await partition()) ?? {};
    leader = cluster.brokers.find(({ id }) => id === led);
    follower = cluster.brokers.find(({ id }) => id !== led);
  });
  after(() => cluster?.close());

  const node = (one: ClusterNode | undefined): ClusterNode => one ?? (cluster.brokers[0] as ClusterNode);
  const rackOf = (one: ClusterNode | undefined): string => ["a", "b", "c"][node(one).id - 1] ?? "";
  const sent = async (one: ClusterNode | undefined): Promise<number> => {
    const text = await (await fetch(`http://${addressText(node(one).http)}/metrics`)).text();
    return [...text.matchAll(/^tidemq_fetched_bytes_total\{.*\} (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  };
  /** The consumer reads everything: from whom? */
  const bytesOf = async (consume: () => Promise<number>): Promise<Readonly<{ leader: number; follower: number }>> => {
    const before = [await sent(leader), await sent(follower)] as const;
    equal(await consume(), RECORDS);
    return { leader: (await sent(leader)) - before[0], follower: (await sent(follower)) - before[1] };
  };
  /** In the follower's rack it alone sends; in the leader's rack, or in none, the leader. */
  const readsFromNearest = async (consume: (rack: string | undefined) => Promise<number>): Promise<void> => {
    const near = await bytesOf(() => consume(rackOf(follower)));
    ok(near.follower >= BYTES, JSON.stringify(near));
    equal(near.leader, 0);
    for (const rack of [rackOf(leader), undefined, "elsewhere"]) {
      const far = await bytesOf(() => consume(rack));
      ok(far.leader >= BYTES, JSON.stringify(far));
      equal(far.follower, 0);
    }
  };

  test("tidemq topic consume --rack", () =>
    readsFromNearest(async (rack) => {
      const args = ["topic", "consume", TOPIC, "--from-beginning", "--until-end", "--bootstrap", cluster.bootstrap];
      const { code, stdout, stderr } = await tidemq([...args, ...(rack === undefined ? [] : ["--rack", rack])]);
      equal(code, 0, stderr);
      return numbers(stdout);
    }));

  test("librdkafka (kcat)", { skip: missingProgram("kcat", "kcat", "-V") ?? false }, () =>
    readsFromNearest(async (rack) => {
      const place = rack === undefined ? [] : ["-X", `client.rack=${rack}`];
      return numbers(
        await output("kcat", ["-q", "-b", cluster.bootstrap, "-C", "-t", TOPIC, "-p", "0", "-o", "beginning", "-e", ...place]),
      );
    }),
  );

  test("Java's consumer", { skip: kafkaProblem() ?? false }, async () => {
    await downloadKafka();
    await readsFromNearest(async (rack) => {
      const java = [...JAVA_FLAGS, "-cp", `${libraryFolder()}/*`, "org.apache.kafka.tools.consumer.ConsoleConsumer"];
      const what = ["--topic", TOPIC, "--partition", "0", "--offset", "earliest", "--max-messages", String(RECORDS)];
      const place = rack === undefined ? [] : ["--consumer-property", `client.rack=${rack}`];
      const { code, stdout, stderr } = await runProgram("java", [...java, "--bootstrap-server", cluster.bootstrap, ...what, ...place]);
      equal(code, 0, stderr);
      return numbers(stdout);
    });
  });
});

/** How many records; each has its number, in order. */
function numbers(text: string): number {
  // Java's tool has advice among them.
  const lines = text.split("\n").filter((line) => line.endsWith(` ${VALUE}`));
  deepEqual(
    lines.map((line) => Number.parseInt(line, 10)),
    lines.map((_, at) => at),
  );
  return lines.length;
}
