// Goal: Kafka's own tools of version 4.3 move replicas and leaders of a cluster whose partitions have three, while records come.
// Method: each tool as its script would call it; a stream of numbered records runs through all of it.
import { equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { type Ended, runProgram } from "../clients/run-program.ts";
import { suite } from "../clients/suite.ts";
import { until } from "../process/server-process.ts";
import { NumberedStream } from "./numbered-stream.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const JAVA_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
const TOOLS = {
  topics: "org.apache.kafka.tools.TopicCommand",
  reassign: "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
  election: "org.apache.kafka.tools.LeaderElectionCommand",
} as const;
const TOPIC = "moved";
const MOVED_MS_MAX = 60_000;

suite("Kafka's tools move replicas and leaders", kafkaProblem(), () => {
  let cluster: RealCluster;
  let stream: NumberedStream;
  let files = 0;

  before(async () => {
    await downloadKafka();
    cluster = await RealCluster.start({ controllers: 1, brokers: 4, separateHosts: true });
    await tool("topics", "--create", "--topic", TOPIC, "--replica-assignment", "1:2:3,2:3:1,3:1:2");
    stream = await NumberedStream.onTopic(cluster.client(), TOPIC, 3);
  });
  after(() => cluster?.close());

  const run = (name: keyof typeof TOOLS, ...args: readonly string[]): Promise<Ended> => {
    const java = [...JAVA_FLAGS, "-cp", join(libraryFolder(), "*"), TOOLS[name]];
    return runProgram("java", [...java, "--bootstrap-server", cluster.bootstrap, ...args]);
  };
  /** What it prints, when it succeeds. */
  const tool = async (name: keyof typeof TOOLS, ...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(name, ...args);
    equal(code, 0, `${name} ${args.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  };
  const file = (value: unknown): string => {
    files += 1;
    const path = join(cluster.folder, `plan-${files}.json`);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const plan = (...replicas: readonly (readonly number[])[]): string =>
    file({ version: 1, partitions: replicas.map((brokers, partition) => ({ topic: TOPIC, partition, replicas: brokers })) });
  const partitionLines = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await tool("topics", "--describe", "--topic", TOPIC, ...args)).split("\n").filter((line) => line.includes("Partition: "));
  const verified = async (json: string): Promise<string> => {
    let said = "";
    await until(
      "the reassignment is complete",
      async () => {
        said = await tool("reassign", "--reassignment-json-file", json, "--verify");
        return !/still in progress/.test(said);
      },
      MOVED_MS_MAX,
    );
    return said;
  };
  const broker = (id: number): ClusterNode => cluster.brokers[id - 1] as ClusterNode;

  test("kafka-topics --describe: leaders, replicas, in-sync sets; nothing is under-replicated", async () => {
    await until("all are in sync", async () => (await partitionLines("--under-replicated-partitions")).length === 0, MOVED_MS_MAX);
    const lines = await partitionLines();
    equal(lines.length, 3);
    match(lines[0] ?? "", /Partition: 0\s+Leader: 1\s+Replicas: 1,2,3\s+Isr: [123],[123],[123]/);
  });

  test("kafka-reassign-partitions --execute, --verify: three partitions go to other brokers while records come", async () => {
    const json = plan([4, 2, 3], [2, 3, 4], [3, 4, 2]);
    match(
      await tool("reassign", "--reassignment-json-file", json, "--execute"),
      /Successfully started partition reassignments for moved-0,moved-1,moved-2/,
    );
    const said = await verified(json);
    for (const index of [0, 1, 2]) match(said, new RegExp(`Reassignment of partition moved-${index} is completed\\.`));
    const lines = await partitionLines();
    for (const [at, replicas] of ["4,2,3", "2,3,4", "3,4,2"].entries()) match(lines[at] ?? "", new RegExp(`Replicas: ${replicas}\\s`));
    await stream.goesOn();
  });

  test("kafka-reassign-partitions --list, --cancel: what cannot be completed is shown and taken back", async () => {
    await broker(1).kill();
    await until("broker 1 is fenced", async () => (await cluster.broker(1))?.fenced === true, MOVED_MS_MAX);
    const json = plan([1, 2, 3]);
    // The tool begins nothing on a broker that is away.
    const refused = await cluster.client().replicas.reassign([{ topic: TOPIC, partition: 0, replicas: [1, 2, 3] }]);
    equal(refused.length, 0);
    match(await tool("reassign", "--list"), /moved-0: replicas: 1,2,3,4\. adding: 1\. removing: 4\./);
    match(await tool("reassign", "--reassignment-json-file", json, "--verify"), /Reassignment of partition moved-0 is still in progress\./);
    match(
      await tool("topics", "--describe", "--topic", TOPIC),
      /Partition: 0\s+Leader: \d+\s+Replicas: 1,2,3,4\s.*Adding Replicas: 1\s+Removing Replicas: 4/,
    );
    match(
      await tool("reassign", "--reassignment-json-file", json, "--cancel", "--preserve-throttles"),
      /Successfully cancelled partition reassignment for: moved-0/,
    );
    match(await tool("reassign", "--list"), /No partition reassignments found\./);
    match((await partitionLines())[0] ?? "", /Replicas: 4,2,3\s/);
    await broker(1).start();
    await cluster.whenReady();
  });

  test("another number of replicas: one, and three again", async () => {
    for (const replicas of [[2], [2, 3, 4]]) {
      const json = plan([4, 2, 3], replicas);
      await tool("reassign", "--reassignment-json-file", json, "--execute");
      match(await verified(json), /Reassignment of partition moved-1 is completed\./);
      match((await partitionLines())[1] ?? "", new RegExp(`Replicas: ${replicas.join()}\\s`));
    }
    await stream.goesOn();
  });

  test("kafka-reassign-partitions: a broker that is not there is refused", async () => {
    const { code, stdout, stderr } = await run("reassign", "--reassignment-json-file", plan([9, 2, 3]), "--execute");
    equal(code, 1, stdout);
    match(stdout + stderr, /Unknown broker id 9|no such broker is registered/);
  });

  test("kafka-leader-election: a leader that was gone leads again; elected already, nothing is needed; unclean is refused", async () => {
    await broker(4).kill();
    await until("others lead", async () => !/Leader: (4|none)/.test((await partitionLines()).join("\n")), MOVED_MS_MAX);
    match((await partitionLines("--under-replicated-partitions")).join("\n"), /Partition: 0\s+Leader: [23]\s/);
    const gone = await run("election", "--election-type", "preferred", "--topic", TOPIC, "--partition", "0");
    match(gone.stdout + gone.stderr, /PreferredLeaderNotAvailable/);
    await broker(4).start();
    await until("all are in sync again", async () => (await partitionLines("--under-replicated-partitions")).length === 0, MOVED_MS_MAX);
    // Of all partitions only those are named that were elected: this one may have come back by itself before.
    match(
      await tool("election", "--election-type", "preferred", "--all-topic-partitions"),
      /^$|Successfully completed leader election \(PREFERRED\) for partitions moved-0/,
    );
    match((await partitionLines())[0] ?? "", /Leader: 4\s/);
    match(
      await tool("election", "--election-type", "preferred", "--topic", TOPIC, "--partition", "0"),
      /Valid replica already elected for partitions moved-0/,
    );
    match(
      await tool("election", "--election-type", "unclean", "--topic", TOPIC, "--partition", "0"),
      /Valid replica already elected for partitions moved-0/,
    );
  });

  test("nothing was lost, nothing twice, and what was written is where it was", async (t) => {
    await stream.end();
    ok(stream.acknowledged() > 0);
    t.diagnostic(`${stream.acknowledged()} records acknowledged, ${stream.read} read`);
  });
});
