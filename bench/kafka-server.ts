/**
 * Apache Kafka as a single node on loopback, to measure against and to test clients with.
 *
 *   node bench/kafka-server.ts download          fetch the jars into .cache/kafka
 *   node bench/kafka-server.ts start [--synced]  run until Ctrl-C, data in a temporary folder
 *
 * Needs Java 17 or newer; the download needs Maven.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../tools/free-port.ts";

export const KAFKA_VERSION = "4.3.1";

const CACHE = join(dirname(dirname(fileURLToPath(import.meta.url))), ".cache", "kafka");
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
/** Any uuid in base64url that does not begin with a dash. */
const CLUSTER_ID = "VGlkZU1RLWJlbmNobWFyaw";

/** `scala-library` and the rest come along; `slf4j-simple` makes its complaints readable. */
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/** What Kafka's own start script passes. */
const JVM_FLAGS = [
  "-server",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
  "-Djava.awt.headless=true",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

export type KafkaOptions = Readonly<{
  /** true: every append is synced before it is acknowledged (`log.flush.interval.messages=1`). */
  synced: boolean;
  /** Where `data` and the logs go; a temporary folder, removed at stop, when absent. A folder with data is started again as it is. */
  folder?: string;
  heapMiB?: number;
  /** One of several; alone when absent. */
  member?: KafkaMember;
  /** Added to the configuration, or put in place of what is there. */
  settings?: Readonly<Record<string, string>>;
}>;

/** `voters`: every member's `id@host:port` of its controller. Those of a cluster have to be started at the same time: one alone is not ready. */
export type KafkaMember = Readonly<{ id: number; port: number; controllerPort: number; voters: string }>;

export type KafkaServer = Readonly<{
  host: string;
  port: number;
  processId: number;
  folder: string;
  /** From the start of the process to the first accepted connection that answers. */
  startMs: number;
  /** SIGTERM, and SIGKILL when that takes too long. */
  stop: () => Promise<void>;
  /** SIGKILL; the folder stays. */
  kill: () => Promise<void>;
}>;

/** Why Kafka cannot run here; undefined when it can (after a download perhaps). */
export function kafkaProblem(): string | undefined {
  if (!runs("java")) return "Java is not installed (17 or newer; Debian: apt-get install default-jre-headless)";
  if (!isDownloaded() && !runs("mvn")) return "Maven is not installed, which fetches Kafka (Debian: apt-get install maven)";
  return undefined;
}

export function isDownloaded(): boolean {
  return existsSync(join(libraryFolder(), `kafka_2.13-${KAFKA_VERSION}.jar`));
}

/** Folder of the jars, for a class path `FOLDER/*`. */
export function libraryFolder(): string {
  return join(CACHE, KAFKA_VERSION);
}

/** Fetches the jars unless they are there. Progress goes to stderr. */
export async function downloadKafka(): Promise<string> {
  const target = libraryFolder();
  if (isDownloaded()) return target;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(CACHE, "pom.xml"), POM);
  process.stderr.write(`Apache Kafka ${KAFKA_VERSION}: fetching from Maven Central (54 MB) into ${target}\n`);
  const maven = spawn("mvn", ["-B", "-f", join(CACHE, "pom.xml"), "dependency:copy-dependencies", `-DoutputDirectory=${partial}`]);
  const said = showProgress(maven);
  const code = await exitCode(maven);
  process.stderr.write("\n");
  if (code !== 0) throw new Error(`Maven failed (exit code ${code}):\n${said.join("").slice(-2000)}`);
  rmSync(target, { recursive: true, force: true });
  renameSync(partial, target);
  return target;
}

function showProgress(maven: ChildProcess): string[] {
  const said: string[] = [];
  let jars = 0;
  const listen = (chunk: Buffer): void => {
    said.push(chunk.toString());
    for (const match of chunk.toString().matchAll(/(?:Copying|Downloaded from \S+) (\S+\.jar)/g)) {
      jars += 1;
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K  ${jars} jars · ${match[1]?.split("/").at(-1) ?? ""}`);
    }
  };
  maven.stdout?.on("data", listen);
  maven.stderr?.on("data", listen);
  return said;
}

/** Formats the folder if it is new, starts Kafka on free ports and waits until it answers. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const libraries = await downloadKafka();
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "kafka-"));
  mkdirSync(folder, { recursive: true });
  const member = options.member ?? (await loneMember());
  const { port } = member;
  const configFile = join(folder, "server.properties");
  writeFileSync(configFile, properties(folder, member, options));
  if (!existsSync(join(folder, "data", "meta.properties"))) format(libraries, configFile);
  const startedAtMs = performance.now();
  const output = openSync(join(folder, "kafka.log"), "a");
  const child = spawn("java", [...javaFlags(options.heapMiB ?? 1024, libraries), "kafka.Kafka", configFile], {
    stdio: ["ignore", output, output],
    cwd: folder,
  });
  const exit = exitCode(child);
  const gone = { code: undefined as number | undefined };
  void exit.then((code) => (gone.code = code));
  try {
    await waitUntilReady(port, gone);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`Kafka did not start: ${readFileSync(join(folder, "kafka.log"), "utf8").slice(-2000)}`, { cause });
  }
  const startMs = performance.now() - startedAtMs;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const forced = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await exit;
    clearTimeout(forced);
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exit;
  };
  return { host: "127.0.0.1", port, processId: child.pid ?? -1, folder, startMs, stop, kill };
}

function javaFlags(heapMiB: number, libraries: string): string[] {
  return [`-Xms${heapMiB}m`, `-Xmx${heapMiB}m`, ...JVM_FLAGS, "-cp", join(libraries, "*")];
}

function properties(folder: string, { id, port, controllerPort, voters }: KafkaMember, options: KafkaOptions): string {
  const settings: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": `${id}`,
    "controller.quorum.voters": voters,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": join(folder, "data"),
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.partitions": "1",
    ...(options.synced ? { "log.flush.interval.messages": "1" } : {}),
    ...options.settings,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function format(libraries: string, configFile: string): void {
  const arguments_ = [...javaFlags(256, libraries), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", configFile];
  const result = spawnSync("java", arguments_, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`Kafka's storage tool failed:\n${result.stdout}${result.stderr}`);
}

async function waitUntilReady(port: number, gone: { readonly code: number | undefined }): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS_MAX;
  while (!(await answers(port))) {
    if (gone.code !== undefined) throw new Error(`exit code ${gone.code}`);
    if (performance.now() > giveUpAtMs) throw new Error(`no answer within ${START_MS_MAX} ms`);
    await sleep(20);
  }
}

/** Metadata version 1 for no topics: its list of brokers is empty until the broker is registered and unfenced. */
function answers(port: number): Promise<boolean> {
  const body = Buffer.from([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let reply = Buffer.alloc(0);
    socket.setTimeout(1000, () => socket.destroy());
    socket.on("connect", () => socket.write(Buffer.concat([size, body])));
    socket.on("data", (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.length >= 12) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(reply.length >= 12 && reply.readInt32BE(8) > 0));
  });
}

async function loneMember(): Promise<KafkaMember> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  return { id: 1, port, controllerPort, voters: `1@127.0.0.1:${controllerPort}` };
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === null ? -1 : 128)));
  });
}

function runs(program: string): boolean {
  return spawnSync(program, ["-version"], { stdio: "ignore" }).error === undefined;
}

async function main(command: string | undefined): Promise<void> {
  if (command === "download") {
    await downloadKafka();
  } else if (command === "start") {
    const synced = process.argv.includes("--synced");
    const kafka = await startKafka({ synced });
    console.log(`Kafka ${KAFKA_VERSION}, ${synced ? "synced" : "unsynced"}, listens on ${kafka.host}:${kafka.port}; Ctrl-C stops it`);
    process.once("SIGINT", () => void kafka.stop());
    process.once("SIGTERM", () => void kafka.stop());
  } else {
    console.error("usage: node bench/kafka-server.ts download | start [--synced]");
    process.exitCode = 2;
  }
}

if (import.meta.main) await main(process.argv[2]);
