// Goal: Kafka's own tools of version 4.3 see one cluster, whichever broker they ask first.
// Method: each tool as its script would call it, on every broker.
import { equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { output, runProgram } from "../clients/run-program.ts";
import { suite } from "../clients/suite.ts";
import { tidemq } from "../process/server-process.ts";
import { addressText, type ClusterNode, RealCluster } from "./real-cluster.ts";

const JAVA_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
const TOOLS = {
  cluster: "org.apache.kafka.tools.ClusterTool",
  topics: "org.apache.kafka.tools.TopicCommand",
  versions: "org.apache.kafka.tools.BrokerApiVersionsCommand",
  quorum: "org.apache.kafka.tools.MetadataQuorumCommand",
} as const;

suite("Kafka's tools on a cluster", kafkaProblem(), () => {
  let cluster: RealCluster;

  before(async () => {
    await downloadKafka();
    cluster = await RealCluster.start({ controllers: 1, brokers: 3 });
    await cluster.client().admin.createTopic({ name: "spread", partitions: 6 });
  });
  after(() => cluster?.close());

  const java = (tool: keyof typeof TOOLS): readonly string[] => [...JAVA_FLAGS, "-cp", join(libraryFolder(), "*"), TOOLS[tool]];

  /** What the tool prints, by broker asked. */
  const ask = async (tool: keyof typeof TOOLS, ...args: readonly string[]): Promise<readonly string[]> => {
    const answers: string[] = [];
    for (const { kafka } of cluster.brokers) {
      const [command, ...rest] = args;
      const given = [...(tool === "cluster" ? [command ?? ""] : []), "--bootstrap-server", addressText(kafka)];
      answers.push(await output("java", [...java(tool), ...given, ...(tool === "cluster" ? rest : args)]));
    }
    return answers;
  };
  const same = (answers: readonly string[]): string => {
    for (const answer of answers) equal(answer, answers[0]);
    return answers[0] ?? "";
  };

  test("kafka-cluster cluster-id: the same", async () => {
    match(same(await ask("cluster", "cluster-id")), /^Cluster ID: \S{22}$/m);
  });

  test("kafka-topics --describe: the same, each partition led by its only replica, spread over all", async () => {
    const lines = same((await ask("topics", "--describe", "--topic", "spread")).map(sortedLines));
    const leaders = [...lines.matchAll(/Leader: (\d+)\s+Replicas: (\d+)\s+Isr: (\d+)/g)];
    equal(leaders.length, 6);
    for (const [line, leader, replicas, inSync] of leaders) ok(leader === replicas && replicas === inSync, line);
    equal(new Set(leaders.map(([, leader]) => leader)).size, 3);
  });

  test("kafka-broker-api-versions: every broker, with the same versions", async () => {
    for (const answer of await ask("versions")) {
      for (const { id, kafka } of cluster.brokers) ok(answer.includes(`${addressText(kafka)} (id: ${id} rack: null`), answer.slice(0, 500));
      const blocks = answer.split(/^\S+ \(id: .*$/m).slice(1);
      equal(blocks.length, 3);
      same(blocks.map((block) => block.trim()));
    }
  });

  test("kafka-metadata-quorum: there is none, and it says so at once; who leads, our own command tells", async () => {
    const [{ kafka, http }] = cluster.brokers as [ClusterNode];
    const args = ["--bootstrap-server", addressText(kafka), "describe", "--status"];
    const { code, stderr, stdout } = await runProgram("java", [...java("quorum"), ...args]);
    equal(code, 1);
    match(stderr + stdout, /The node does not support DESCRIBE_QUORUM/);
    const list = await tidemq(["controller", "list", "--http", addressText(http), "--json"]);
    equal(list.code, 0, list.stderr);
    match(list.stdout, /"nodeId": ?101/);
  });
});

function sortedLines(text: string): string {
  return text.trim().split("\n").sort().join("\n");
}
