import { Command, CommanderError, Option } from "commander";
import { DEFAULT_BOOTSTRAP } from "./cluster-client.ts";
import { type Attempt, describeFailure } from "./command-error.ts";
import {
  clusterCommand,
  collect,
  collectNumbers,
  examples,
  group,
  integer,
  jsonOption,
  nonNegativeInteger,
  outputOption,
  positiveInteger,
} from "./command-parts.ts";
import { ExitCode } from "./exit-codes.ts";
import { addGroups } from "./group-commands.ts";
import { DEFAULT_HTTP } from "./http-request.ts";
import { FIRST_PORT } from "./local-cluster/layout.ts";
import { ORDERS_HELP } from "./local-cluster/order.ts";
import { addMetadata } from "./metadata-commands.ts";
import { addNodes, nodeCommand } from "./node-commands.ts";
import { endWhenReaderLeaves } from "./output.ts";
import { addPartition } from "./partition-commands.ts";
import { VERSION } from "./version.ts";

const EXAMPLES_ROOT = [
  "tidemq start                                     a server in ./data on 127.0.0.1:9092",
  "tidemq topic create orders --partitions 3",
  "seq 10 | tidemq topic produce orders",
  "tidemq topic consume orders --from-beginning --max 10",
  "tidemq group describe billing                    members, committed offsets, lag",
  "tidemq cluster health",
  "tidemq cluster start --brokers 3                 a cluster on this machine, for trying",
];

/** Runs one command line. @returns The exit code; never rejects. */
export async function runProgram(args: readonly string[]): Promise<number> {
  endWhenReaderLeaves();
  const program = buildProgram();
  try {
    await program.parseAsync([...args], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : ExitCode.OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    const { text, exitCode } = describeFailure(error, attemptOf(args));
    process.stderr.write(text);
    return exitCode;
  }
}

/** The whole command line: what there is, its help, and where its code lies. */
export function buildProgram(): Command {
  const program = new Command("tidemq")
    .description("A Kafka-compatible log that keeps its data in object storage.")
    .version(VERSION, "-V, --version", "print the version")
    .helpCommand("help [command]", "explain a command")
    .showHelpAfterError("(--help explains the command)")
    .exitOverride();
  examples(program, EXAMPLES_ROOT);
  addStart(program);
  addNodes(program);
  addTopic(program);
  addGroups(program);
  addPartition(program);
  addCluster(program);
  addStorage(program);
  addMetadata(program);
  addFlatVerbs(program);
  return program;
}

/** Only for the list of commands: main.ts runs it without this. */
function addStart(program: Command): void {
  program.command("start").description("run a server until Ctrl-C").usage("[options]");
}

function addTopic(program: Command): void {
  const topic = group(program, "topic", "topics: create, list, describe, delete, grow, write, read");
  addTopicCreate(topic);
  addTopicList(topic.command("list"));
  addTopicDescribe(topic.command("describe"), "tidemq topic describe");
  addTopicDelete(topic.command("delete"), "tidemq topic delete");
  addTopicGrow(topic);
  addTopicProduce(topic);
  addTopicConsume(topic);
}

function addTopicCreate(topic: Command): void {
  const create = clusterCommand(topic.command("create"))
    .description("create a topic")
    .argument("<name>", "1 to 249 of a-z A-Z 0-9 . _ -")
    .option("--partitions <n>", "number of partitions (default: the server's)", positiveInteger)
    .option("--replication-factor <n>", "copies of each partition (default: the server's)", positiveInteger)
    .option("--config <name=value>", "an option of the topic; may be repeated", collect, [])
    .action(async (name: string, options) => {
      const { createTopic } = await import("./commands/topic-create.ts");
      await createTopic(name, options);
    });
  examples(create, [
    "tidemq topic create orders",
    "tidemq topic create orders --partitions 12 --config retention.ms=604800000",
    "tidemq topic create changes --config cleanup.policy=compact --config max.message.bytes=4194304",
  ]);
}

function addTopicList(command: Command): void {
  const list = clusterCommand(command)
    .description("list the topics")
    .option("--internal", "also those that the server keeps for itself", false)
    .action(async (options) => {
      const { listTopics } = await import("./commands/topic-list.ts");
      await listTopics(options);
    });
  examples(list, ["tidemq topic list", "tidemq topic list --output json", "tidemq topic list --output csv"]);
}

function addTopicDescribe(command: Command, path: string): void {
  const describe = clusterCommand(command)
    .description("show partitions, offsets and options of a topic, and how far followers are behind")
    .argument("<name>")
    .option("--all-configs", "also options that nobody has set", false)
    .option("--http <host:port>", "the HTTP address of any broker, asked about followers (default: port 9643 where --bootstrap is)")
    .addOption(jsonOption())
    .action(async (name: string, options) => {
      const { describeTopic } = await import("./commands/topic-describe.ts");
      await describeTopic(name, options);
    });
  examples(describe, [
    `${path} orders`,
    `${path} orders --all-configs --json`,
    `${path} orders --bootstrap broker-1:9092 --http broker-1:9643`,
  ]);
}

function addTopicDelete(command: Command, path: string): void {
  const remove = clusterCommand(command)
    .description("delete a topic and all its records")
    .argument("<name>")
    .action(async (name: string, options) => {
      const { deleteTopic } = await import("./commands/topic-delete.ts");
      await deleteTopic(name, options);
    });
  examples(remove, [`${path} orders`]);
}

function addTopicGrow(topic: Command): void {
  const grow = clusterCommand(topic.command("add-partitions"))
    .description("give a topic more partitions; they cannot be taken away again")
    .argument("<name>")
    .argument("<total>", "number of partitions afterwards", positiveInteger)
    .action(async (name: string, total: number, options) => {
      const { addPartitions } = await import("./commands/topic-add-partitions.ts");
      await addPartitions(name, total, options);
    });
  examples(grow, ["tidemq topic add-partitions orders 12"]);
}

function addTopicProduce(topic: Command): void {
  const produce = clusterCommand(topic.command("produce"))
    .description("write lines as records")
    .argument("<name>")
    .option("--file <path>", "read this file instead of standard input")
    .option("--key-separator <text>", "what stands before its first occurrence in a line is the key")
    .option("--partition <n>", "write to this partition (default: by key, else spread)", nonNegativeInteger)
    .addOption(new Option("--compression <codec>", "compress batches").choices(["none", "gzip", "snappy", "lz4", "zstd"]).default("none"))
    .addOption(new Option("--acks <level>", "who must have a record before it counts").choices(["all", "1", "0"]).default("all"))
    .action(async (name: string, options) => {
      const { produceLines } = await import("./commands/topic-produce.ts");
      await produceLines(name, options);
    });
  examples(produce, [
    "seq 1000 | tidemq topic produce orders",
    "tidemq topic produce orders --file orders.ndjson --compression zstd",
    "printf 'alice:1\\nbob:2\\n' | tidemq topic produce orders --key-separator :",
  ]);
}

function addTopicConsume(topic: Command): void {
  const consume = clusterCommand(topic.command("consume"))
    .description("print records; waits for new ones until Ctrl-C")
    .argument("<name>")
    .option("--from-beginning", "begin with the first record that is still there")
    .option("--offset <n>", "begin at this offset; -N: N before the end", integer)
    .option("--timestamp <time>", "begin with the first record not older: milliseconds since 1970, or 2026-01-31T12:00:00Z")
    .option("--partition <n>", "only this partition; may be repeated (default: all)", collectNumbers, [])
    .option("--group <name>", "read as a member of this group: it shares the partitions, and the group's place is kept")
    .option("--rack <name>", "where you are: read from the replicas there, as brokers say with --rack; else from the leaders")
    .option("--max <n>", "end after so many records", positiveInteger)
    .option("--until-end", "end when everything is read that was there at the start", false)
    .option("--format <text>", "what to print of a record, or json (default: %v\\n)")
    .action(async (name: string, options) => {
      const { consumeRecords } = await import("./commands/topic-consume.ts");
      await consumeRecords(name, options);
    });
  consume.addHelpText("after", FORMAT_HELP);
  examples(consume, [
    "tidemq topic consume orders                                  new records only",
    "tidemq topic consume orders --from-beginning --until-end | wc -l",
    "tidemq topic consume orders --partition 0 --offset 42 --max 1 --format json",
    "tidemq topic consume orders --group billing --from-beginning   the beginning counts the first time only",
    "tidemq topic consume orders --timestamp 2026-01-31T12:00:00Z --format '%T %p/%o %k: %v\\n'",
  ]);
}

const FORMAT_HELP = `
Format:
  %v value  %V its length, -1 for null   %k key  %K its length, -1 for null   %h headers, name=value,…
  %o offset  %p partition  %t topic  %T timestamp in ms   %% a percent sign   \\n \\r \\t \\0 \\xHH \\\\`;

function addCluster(program: Command): void {
  const cluster = group(program, "cluster", "the cluster as a whole: try one on this machine, health");
  addClusterStart(cluster);
  addHealth(cluster.command("health"), "tidemq cluster health");
}

function addClusterStart(cluster: Command): void {
  const start = cluster
    .command("start")
    .description("run a whole cluster on this machine until Ctrl-C, each broker and controller a process of its own")
    .option("--brokers <n>", "how many; those of earlier starts in the same folder start in any case", positiveInteger, 3)
    .option("--controllers <n>", "how many; one leads, the others stand by", positiveInteger, 3)
    .option("--data <dir>", "folder of everything: broker-1, broker-2, …, bucket", "./cluster-data")
    .option("--port <n>", "Kafka's port of broker-1; all others follow from it", positiveInteger, FIRST_PORT)
    .action(async (options) => {
      const { startLocalCluster } = await import("./commands/cluster-start.ts");
      await startLocalCluster(options);
    });
  start.addHelpText("after", `\n${CLUSTER_START_HELP}\n${ORDERS_HELP.replace(/^/gm, "  ").trimEnd()}`);
  examples(start, ["tidemq cluster start", "tidemq cluster start --brokers 2 --controllers 1 --data /tmp/try --port 19092"]);
}

const CLUSTER_START_HELP = `Ports, with --port 9092:
  broker-1        Kafka 9092, peers 9093, HTTP 9643       controller-101  peers 9094, HTTP 9642
  each further one 100 higher. They are those of config/broker.toml and config/controller.toml.

While it runs, lines of standard input ask for:`;

function addHealth(command: Command, path: string): void {
  const health = nodeCommand(command)
    .description("show a cluster: controllers, brokers, partitions; and the node that is asked: write-ahead log, bucket")
    .action(async (options) => {
      const { clusterHealth } = await import("./commands/cluster-health.ts");
      await clusterHealth(options);
    });
  health.addHelpText("after", "\nEnds with code 1 unless all is well.");
  examples(health, [path, `${path} --json`, `${path} --http localhost:9743`]);
}

function addStorage(program: Command): void {
  const storage = group(program, "storage", "the bucket");
  const audit = storage
    .command("audit")
    .description("hold the bucket against the metadata: what is there, what waits to be deleted, what is missing")
    .option("--http <host:port>", "the server's HTTP address", DEFAULT_HTTP)
    .addOption(outputOption())
    .action(async (options) => {
      const { auditStorage } = await import("./commands/storage-audit.ts");
      await auditStorage(options);
    });
  audit.addHelpText("after", "\nEnds with code 1 when the metadata names an object that is not there.");
  examples(audit, ["tidemq storage audit", "tidemq storage audit --output yaml"]);
}

/** The same under names without a space. */
function addFlatVerbs(program: Command): void {
  const create = clusterCommand(program.command("create-topic"))
    .description("as topic create")
    .argument("<name>")
    .argument("<partitions>", "number of partitions", positiveInteger)
    .argument("<replication-factor>", "copies of each partition", positiveInteger)
    .option("--config <name=value>", "an option of the topic; may be repeated", collect, [])
    .action(async (name: string, partitions: number, replicationFactor: number, options) => {
      const { createTopic } = await import("./commands/topic-create.ts");
      await createTopic(name, { ...options, partitions, replicationFactor });
    });
  examples(create, ["tidemq create-topic orders 3 1"]);
  addTopicList(program.command("list-topics"));
  addTopicDescribe(program.command("describe-topic"), "tidemq describe-topic");
  addTopicDelete(program.command("delete-topic"), "tidemq delete-topic");
  addHealth(program.command("cluster-health"), "tidemq cluster-health");
}

/** For advice: what the command line said about where to connect. */
function attemptOf(args: readonly string[]): Attempt {
  const at = args.findIndex((arg) => arg === "--bootstrap" || arg.startsWith("--bootstrap="));
  if (at < 0) return { bootstrap: DEFAULT_BOOTSTRAP };
  const arg = args[at] ?? "";
  return { bootstrap: arg.includes("=") ? arg.slice(arg.indexOf("=") + 1) : (args[at + 1] ?? DEFAULT_BOOTSTRAP) };
}
