// Goal: Kafka's own command line tools of version 4.3 work as with Kafka.
// Method: each tool as its script would call it. What they wrote is looked at as it is stored.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { until } from "../process/server-process.ts";
import { EARLIEST, LATEST, newTopic, offsetAt, storedBatches, storedRecords, whenLed } from "./calls.ts";
import { output, runProgram } from "./run-program.ts";
import { suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const TOOLS = {
  topics: "org.apache.kafka.tools.TopicCommand",
  configs: "kafka.admin.ConfigCommand",
  "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "console-producer": "org.apache.kafka.tools.ConsoleProducer",
  "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  "producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
  "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
  cluster: "org.apache.kafka.tools.ClusterTool",
  "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
  "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
  acls: "org.apache.kafka.tools.AclCommand",
} as const;
/** The tools do little: what counts is how soon they begin. */
const JAVA_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];

suite("Kafka's tools", kafkaProblem(), () => {
  let target: Target;
  let wire: Wire;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "kafka-tools-"));
    await downloadKafka();
    target = await startTarget(["--retention-check", "1s", "--upload-age", "1s"]);
    wire = await Wire.connect(target);
  });
  after(async () => {
    wire?.close();
    await target?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const java = (main: string, args: readonly string[]) => [...JAVA_FLAGS, "-cp", join(libraryFolder(), "*"), main, ...args];
  const tool = (name: keyof typeof TOOLS, args: readonly string[], input = "") =>
    output("java", java(TOOLS[name], ["--bootstrap-server", target.bootstrap, ...args]), { input });
  const failing = async (name: keyof typeof TOOLS, args: readonly string[]) => {
    const { code, stdout, stderr } = await runProgram("java", java(TOOLS[name], ["--bootstrap-server", target.bootstrap, ...args]));
    equal(code, 1, stdout + stderr);
    return stdout + stderr;
  };

  test("kafka-topics: create, list, describe, alter, delete", async () => {
    const name = freshName("tool");
    match(await tool("topics", ["--create", "--topic", name, "--partitions", "2", "--config", "retention.ms=4000000"]), /Created topic/);
    await whenLed(wire, name, 2);
    match(await failing("topics", ["--create", "--topic", name]), /TopicExistsException/);
    match(await failing("topics", ["--create", "--topic", "a/b"]), /InvalidTopicException|illegal/);
    ok((await tool("topics", ["--list"])).split("\n").includes(name));
    const described = await tool("topics", ["--describe", "--topic", name]);
    match(described, /PartitionCount: 2\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=4000000/);
    equal(described.match(/Partition: [01]\s+Leader: 1\s+Replicas: 1\s+Isr: 1/g)?.length, 2);
    await tool("topics", ["--alter", "--topic", name, "--partitions", "4"]);
    await whenLed(wire, name, 4);
    await tool("topics", ["--delete", "--topic", name]);
    match(await failing("topics", ["--describe", "--topic", name]), /does not exist/);
  });

  test("kafka-configs: describe and alter a topic, describe a broker", async () => {
    const { name } = await newTopic(wire, "tool");
    const of = ["--entity-type", "topics", "--entity-name", name];
    match(
      await tool("configs", ["--alter", ...of, "--add-config", "max.message.bytes=65536,cleanup.policy=[compact,delete]"]),
      /Completed/,
    );
    const described = await tool("configs", ["--describe", ...of]);
    match(described, /max\.message\.bytes=65536/);
    match(described, /cleanup\.policy=compact,delete/);
    await tool("configs", ["--alter", ...of, "--delete-config", "max.message.bytes"]);
    match(await tool("configs", ["--describe", "--all", ...of]), /max\.message\.bytes=1048588/);
    match(await failing("configs", ["--alter", ...of, "--add-config", "no.such=1"]), /no\.such/);
    match(await tool("configs", ["--describe", "--all", "--entity-type", "brokers", "--entity-name", "1"]), /message\.max\.bytes=1048588/);
  });

  test("kafka-configs: change a running broker's options, and take that back", async () => {
    const one = ["--entity-type", "brokers", "--entity-name", "1"];
    const all = ["--entity-type", "brokers", "--entity-default"];
    await tool("configs", ["--alter", ...all, "--add-config", "max.connections=5000"]);
    await tool("configs", ["--alter", ...one, "--add-config", "max.connections=6000"]);
    match(await tool("configs", ["--describe", ...one]), /max\.connections=6000 .*DYNAMIC_BROKER_CONFIG:max\.connections=6000/);
    match(await tool("configs", ["--describe", ...all]), /max\.connections=5000/);
    await tool("configs", ["--alter", ...one, "--delete-config", "max.connections"]);
    match(await tool("configs", ["--describe", "--all", ...one]), /DYNAMIC_DEFAULT_BROKER_CONFIG:max\.connections=5000/);
    await tool("configs", ["--alter", ...all, "--delete-config", "max.connections"]);
    match(await failing("configs", ["--alter", ...one, "--add-config", "max.connections=many"]), /max\.connections/);
    match(await failing("configs", ["--alter", ...one, "--add-config", "node.id=7"]), /node\.id/);
  });

  test("kafka-configs: defaults of topics on one broker and on all, and whose value counts", async () => {
    const { name } = await newTopic(wire, "tool");
    const topic = ["--entity-type", "topics", "--entity-name", name];
    const one = ["--entity-type", "brokers", "--entity-name", "1"];
    const all = ["--entity-type", "brokers", "--entity-default"];
    const described = (...values: readonly string[]) => {
      const [, value] = (values[0] ?? "").split("=");
      const line = `retention.ms=${value} sensitive=false synonyms={${values.join(", ")}`;
      // Kafka's brokers hear of it a moment later.
      return until(line, async () => (await tool("configs", ["--describe", "--all", ...topic])).includes(`  ${line}`));
    };
    await tool("configs", ["--alter", ...all, "--add-config", "log.retention.ms=5000000"]);
    await described("DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=5000000");
    await tool("configs", ["--alter", ...one, "--add-config", "log.retention.ms=6000000"]);
    const ofBrokers = ["DYNAMIC_BROKER_CONFIG:log.retention.ms=6000000", "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=5000000"];
    await described(...ofBrokers);
    await tool("configs", ["--alter", ...topic, "--add-config", "retention.ms=7000000"]);
    await described("DYNAMIC_TOPIC_CONFIG:retention.ms=7000000", ...ofBrokers);
    match(await tool("configs", ["--describe", ...one]), /log\.retention\.ms=6000000 .*DYNAMIC_BROKER_CONFIG:log\.retention\.ms=6000000/);
    match(
      await failing("configs", ["--alter", ...one, "--add-config", "log.retention.hours=1"]),
      /Cannot update these configs dynamically/,
    );
    match(await failing("configs", ["--alter", ...one, "--add-config", "log.retention.bytes=much"]), /log\.retention\.bytes/);
    for (const entity of [one, all]) await tool("configs", ["--alter", ...entity, "--delete-config", "log.retention.ms"]);
  });

  for (const compression of COMPRESSIONS) {
    test(`kafka-console-producer and -consumer: ${compression}`, async () => {
      const topic = await newTopic(wire, "console");
      const lines = Array.from({ length: 200 }, (_, n) => `k${n}:value ${n}`);
      const codec = compression === "none" ? [] : ["--compression-codec", compression];
      const properties = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"];
      await tool("console-producer", ["--topic", topic.name, ...codec, ...properties], `${lines.join("\n")}\n`);
      deepEqual(new Set((await storedBatches(wire, topic)).map((one) => one.compression)), new Set([compression]));
      const formatted = ["--formatter-property", "print.key=true", "--formatter-property", "key.separator=:"];
      const from = ["--partition", "0", "--offset", "earliest", "--max-messages", "200"];
      equal(await tool("console-consumer", ["--topic", topic.name, ...from, ...formatted]), `${lines.join("\n")}\n`);
    });
  }

  test("kafka-console-consumer from an offset, with everything that a record has", async () => {
    const topic = await newTopic(wire, "console");
    const properties = ["parse.headers=true", "parse.key=true", "null.marker=NULL"].flatMap((one) => ["--reader-property", one]);
    await tool("console-producer", ["--topic", topic.name, ...properties], "a:1,b:2\tkey\tvalue\nc:3\tNULL\tNULL\n");
    const shown = ["print.offset=true", "print.partition=true", "print.headers=true", "print.key=true"].flatMap((one) => [
      "--formatter-property",
      one,
    ]);
    const from = ["--partition", "0", "--offset", "1", "--max-messages", "1"];
    equal(await tool("console-consumer", ["--topic", topic.name, ...from, ...shown]), "Partition:0\tOffset:1\tc:3\tnull\tnull\n");
    deepEqual(
      (await storedRecords(wire, topic)).map((record) => record.value === null),
      [false, true],
    );
  });

  test("kafka-get-offsets: latest, earliest, of the largest time, of a time", async () => {
    const topic = await newTopic(wire, "offsets", { partitions: 2 });
    const before = Date.now();
    await tool("console-producer", ["--topic", topic.name], "1\n2\n3\n");
    const ends = await Promise.all([0, 1].map(async (partition) => (await offsetAt(wire, topic.name, partition, LATEST)).offset));
    equal(await tool("get-offsets", ["--topic", topic.name]), ends.map((end, n) => `${topic.name}:${n}:${end}\n`).join(""));
    equal(await tool("get-offsets", ["--topic", topic.name, "--time", "earliest"]), `${topic.name}:0:0\n${topic.name}:1:0\n`);
    match(await tool("get-offsets", ["--topic", topic.name, "--time", "max-timestamp"]), new RegExp(`^${topic.name}:[01]:[0-2]$`, "m"));
    match(await tool("get-offsets", ["--topic", topic.name, "--time", String(before)]), new RegExp(`^${topic.name}:[01]:0$`, "m"));
  });

  test("kafka-producer-perf-test: everything that it counts is there", async () => {
    const topic = await newTopic(wire, "perf", { partitions: 3 });
    const args = ["--topic", topic.name, "--num-records", "30000", "--record-size", "500", "--throughput", "-1"];
    const bootstrap = ["--command-property", `bootstrap.servers=${target.bootstrap}`];
    const said = await output("java", java(TOOLS["producer-perf-test"], [...args, ...bootstrap]));
    match(said, /^30000 records sent/m);
    const records = await Promise.all([0, 1, 2].map((partition) => storedRecords(wire, topic, partition)));
    equal(records.flat().length, 30_000);
    ok(
      (await storedBatches(wire, topic)).every((one) => one.producerId >= 0),
      "idempotent by default",
    );
  });

  test("kafka-delete-records and kafka-log-dirs", async () => {
    const topic = await newTopic(wire, "gone");
    await tool("console-producer", ["--topic", topic.name], "1\n2\n3\n4\n");
    const file = join(folder, "offsets.json");
    const deleteBelow = (offset: number) => {
      writeFileSync(file, JSON.stringify({ partitions: [{ topic: topic.name, partition: 0, offset }], version: 1 }));
      return tool("delete-records", ["--offset-json-file", file]);
    };
    match(await deleteBelow(3), new RegExp(`${topic.name}-0\\s+low_watermark: 3`));
    equal((await offsetAt(wire, topic.name, 0, EARLIEST)).offset, 3);
    const from = ["--partition", "0", "--offset", "earliest", "--max-messages", "1"];
    equal(await tool("console-consumer", ["--topic", topic.name, ...from]), "4\n");
    match(await tool("log-dirs", ["--describe", "--topic-list", topic.name]), new RegExp(`"partition":"${topic.name}-0","size":\\d+`));
    match(await deleteBelow(-1), /low_watermark: 4/);
    match(await deleteBelow(9), /OffsetOutOfRangeException/);
  });

  test("kafka-configs: retention.ms makes records go", async (t) => {
    if (target.isKafka) return t.skip("Kafka looks every five minutes");
    const topic = await newTopic(wire, "brief");
    await tool("console-producer", ["--topic", topic.name], "1\n2\n3\n");
    const of = ["--entity-type", "topics", "--entity-name", topic.name];
    match(await tool("configs", ["--alter", ...of, "--add-config", "retention.ms=1000"]), /Completed/);
    await until("the records are gone", async () => (await offsetAt(wire, topic.name, 0, EARLIEST)).offset === 3, 30_000);
    match(await tool("get-offsets", ["--topic", topic.name, "--time", "earliest"]), new RegExp(`^${topic.name}:0:3$`, "m"));
  });

  test("kafka-acls: nothing restricts anybody", async () => {
    match(await failing("acls", ["--list"]), /SecurityDisabledException/);
  });

  test("kafka-broker-api-versions and kafka-cluster", async () => {
    const versions = await tool("broker-api-versions", []);
    match(versions, new RegExp(`^${target.bootstrap} \\(id: 1`, "m"));
    match(versions, /Produce\(0\): 0 to 13 \[usable: 13\]/);
    match(versions, /Fetch\(1\): 4 to 18 \[usable: 18\]/);
    match(await output("java", java(TOOLS.cluster, ["cluster-id", "--bootstrap-server", target.bootstrap])), /^Cluster ID: \S{22}$/m);
  });
});
