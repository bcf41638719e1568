// Goal: what Kafka's own clients of version 4.3 push of themselves is seen by whoever scrapes the broker (KIP-714).
// Method: Kafka's tools subscribe; its console clients produce and consume as they do by default; then /metrics.
// Only TideMQ: Apache Kafka has no receiver for these metrics without a plugin.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { ServerProcess } from "../process/server-process.ts";
import { output, runProgram } from "./run-program.ts";
import { suite } from "./suite.ts";

const JAVA_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"];
const LINE = /^tidemq_client_metric\{client_instance_id="([\w-]{22})",client_id="([^"]*)",name="([^"]*)",attributes="([^"]*)"\} (.*)$/gm;

suite("metrics of Kafka's clients", kafkaProblem(), () => {
  let server: ServerProcess;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "telemetry-"));
    await downloadKafka();
    server = await ServerProcess.start({ folder });
  });
  after(async () => {
    await server?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const java = (main: string, ...args: string[]) => [
    ...JAVA_FLAGS,
    "-cp",
    join(libraryFolder(), "*"),
    main,
    "--bootstrap-server",
    `127.0.0.1:${server.kafka.port}`,
    ...args,
  ];
  const subscriptions = (...args: string[]) => output("java", java("org.apache.kafka.tools.ClientMetricsCommand", ...args));
  const configs = (...args: string[]) =>
    java("kafka.admin.ConfigCommand", "--entity-type", "client-metrics", "--entity-name", "slow", ...args);
  const scraped = async () =>
    [...(await server.ask("/metrics")).matchAll(LINE)].map(([, id = "", client = "", name = "", attributes = "", value]) => ({
      id,
      client,
      name,
      attributes,
      value: Number(value),
    }));

  test("subscriptions are made, described, listed and deleted by Kafka's tools", async () => {
    await subscriptions(
      "--alter",
      "--name",
      "all",
      "--metrics",
      "org.apache.kafka.consumer.,org.apache.kafka.producer.",
      "--interval",
      "200",
    );
    match(await subscriptions("--describe", "--name", "all"), /interval\.ms=200/);
    match(await output("java", configs("--alter", "--add-config", "interval.ms=3600000,match=[client_id=nobody]")), /Completed/);
    match(await output("java", configs("--describe")), /match=client_id=nobody/);
    deepEqual((await subscriptions("--list")).trim().split("\n").sort(), ["all", "slow"]);
    await subscriptions("--delete", "--name", "slow");
    equal((await subscriptions("--list")).trim(), "all");
    const refused = await runProgram("java", configs("--alter", "--add-config", "match=[client_name=x]"));
    equal(refused.code, 1);
    match(refused.stdout + refused.stderr, /Illegal client matching pattern/);
  });

  test("a producer and a consumer push what was subscribed to", async () => {
    const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`).join("\n");
    await output("java", java("org.apache.kafka.tools.ConsoleProducer", "--topic", "t"), { input: `${lines}\n` });
    const property = ["--command-property", "client.id=reader"];
    const ends = ["--from-beginning", "--max-messages", "50", "--timeout-ms", "60000"];
    const consumer = java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "t", "--group", "g", ...property, ...ends);
    equal((await output("java", consumer)).trim(), lines);
    const series = await scraped();
    const read = series.filter(({ client }) => client === "reader");
    equal(new Set(read.map(({ id }) => id)).size, 1);
    ok(read.every(({ name }) => name.startsWith("org.apache.kafka.consumer.")));
    const consumed = read.find(({ name, attributes }) => name.endsWith("records.consumed.total") && !attributes.includes("topic="));
    equal(consumed?.value, 50, JSON.stringify(read.map(({ name, attributes }) => [name, attributes])));
    ok(consumed?.attributes.includes("group_id=g"), consumed?.attributes);
    ok(series.some(({ name }) => name.startsWith("org.apache.kafka.producer.")));
    ok((await server.metric("tidemq_telemetry_pushes_total")) >= 3);
  });

  test("a subscription outlives the server; what was pushed does not", async () => {
    await server.end();
    server = await ServerProcess.start({ folder });
    match(await subscriptions("--describe", "--name", "all"), /interval\.ms=200/);
    deepEqual(await scraped(), []);
  });
});
