import { readFileSync } from "node:fs";
import { addressText } from "@tidemq/client/transport.ts";
import type { RunningServer } from "@tidemq/server/process/start.ts";
import { CommandError, describeFailure, UsageError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { CHILD_FLAG, endWithParent } from "../parent-watch.ts";
import { VERSION } from "../version.ts";

const REFUSALS: ReadonlySet<string> = new Set([
  "QueueError",
  "ConfigError",
  "FolderInUseError",
  "WalOpenError",
  "DiskError",
  "NetworkError",
  "ObjectStoreError",
]);

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The commands that run a server. */
export type ServerCommand = "start" | "broker" | "controller";

/** The last line of what a server says when it serves. */
export const READY_LINE = "Ctrl-C stops the server.";

/** @param given What stands behind the command. @returns The exit code. */
export async function runServer(command: ServerCommand, given: readonly string[]): Promise<number> {
  const args = given.filter((arg) => arg !== CHILD_FLAG);
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(await helpText(command));
    return ExitCode.OK;
  }
  const isChild = args.length < given.length;
  if (isChild) endWithParent();
  // From the first moment: the first process of a container is not ended by a signal that it does not handle.
  const endAtOnce = (): never => {
    process.stderr.write("stopped before it had started\n");
    process.exit(ExitCode.OK);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, endAtOnce);
  try {
    const server = await startServer(command, args);
    const told = stopSignal();
    for (const signal of STOP_SIGNALS) process.off(signal, endAtOnce);
    return await serve(server, told, isChild);
  } catch (error) {
    const { text, exitCode } = describeFailure(asRefusal(error), undefined);
    process.stderr.write(text);
    return exitCode;
  }
}

async function startServer(command: ServerCommand, args: readonly string[]): Promise<RunningServer> {
  const { loadStartConfig, loadClusterConfig } = await import("@tidemq/server/config/load-config.ts");
  const inputs = { args, environment: process.env, readText: (path: string) => readFileSync(path, "utf8") };
  const ui = { say: (line: string) => void process.stderr.write(`${line}\n`) };
  if (command === "start") {
    const config = judged(command, () => loadStartConfig(inputs));
    const { start } = await import("@tidemq/server/process/start.ts");
    return start(config, ui);
  }
  const config = judged(command, () => loadClusterConfig(command, inputs));
  const { startCluster } = await import("@tidemq/server/process/start-cluster.ts");
  return startCluster(config, ui);
}

function judged<T>(command: ServerCommand, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof Error && error.name === "ConfigError")) throw error;
    throw new UsageError(`${error.message}\n(tidemq ${command} --help explains the options)`);
  }
}

/** What the server throws when it will not start: the text says why and what to do. Anything else is a bug and shown with its stack. */
function asRefusal(error: unknown): unknown {
  return error instanceof Error && REFUSALS.has(error.name) ? new CommandError(error.message, undefined, { cause: error }) : error;
}

/** Resolves at the first. To be asked for before anybody is told that it serves. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) process.once(signal, resolve);
  });
}

/** Says what there is, then waits until it is `told` to stop. */
async function serve(server: RunningServer, told: Promise<void>, isChild: boolean): Promise<number> {
  process.stdout.write(bannerText(server));
  await told;
  process.stderr.write(isChild ? "stopping\n" : "\nstopping; press Ctrl-C again to stop without waiting\n");
  // What was acknowledged is safe already: a hard end costs a longer next start at most.
  for (const signal of STOP_SIGNALS) process.on(signal, () => process.exit(ExitCode.INTERRUPTED));
  await server.stop();
  process.stderr.write("stopped\n");
  return ExitCode.OK;
}

function bannerText(server: RunningServer): string {
  const http = server.http.map((address) => `http://${addressText(address)}`).join(", ");
  const paths = server.peers.length > 0 || server.roles.length === 1 ? "/health /ready /metrics /cluster" : "/health /ready /metrics";
  const rows = [
    ["Kafka clients", server.kafka.map(addressText).join(", ")],
    ["cluster", server.peers.map(addressText).join(", ")],
    ["HTTP", `${http} (${paths})`],
    ["data", server.dataFolder ?? ""],
    ["object storage", server.objectStorage],
    ["sync", server.kafka.length === 0 ? "" : syncText(server.sync)],
  ] as const;
  const shown = rows.filter(([, value]) => value !== "").map(([name, value]) => `  ${name.padEnd(15)} ${value}`);
  const role = server.roles.length === 1 ? `, ${server.roles[0]}` : "";
  return `TideMQ ${VERSION}, node ${server.nodeId}${role}\n${shown.join("\n")}\n\n${tryText(server)}${READY_LINE}\n`;
}

function syncText(sync: boolean): string {
  return sync ? "on: what is acknowledged is on the disk" : "off: a power failure loses the last second";
}

function tryText({ kafka: [first] }: RunningServer): string {
  if (first === undefined) return "";
  const bootstrap = addressText(first);
  const flag = bootstrap === "127.0.0.1:9092" ? "" : ` --bootstrap ${bootstrap}`;
  return `Try:
  ./tidemq topic create orders --partitions 3${flag}
  echo hello | ./tidemq topic produce orders${flag}
  ./tidemq topic consume orders --from-beginning${flag}

`;
}

const SUMMARIES: Readonly<Record<ServerCommand, string>> = {
  start: "run a server until Ctrl-C",
  broker: "run a broker of a cluster until Ctrl-C",
  controller: "run a controller of a cluster until Ctrl-C",
};

const EXAMPLES: Readonly<Record<ServerCommand, readonly string[]>> = {
  start: [
    "tidemq start",
    "tidemq start --data /var/lib/tidemq --listen 127.0.0.1:19092 --http 127.0.0.1:19643",
    "tidemq start --object-storage dir:/mnt/bucket --sync off",
    "tidemq start --config tidemq.toml",
  ],
  broker: [
    "tidemq broker --config config/broker.toml",
    "tidemq broker --node-id 1 --controllers localhost:9094 --object-storage dir:/mnt/bucket --data /var/lib/tidemq",
  ],
  controller: [
    "tidemq controller --config config/controller.toml",
    "tidemq controller --node-id 101 --object-storage s3://bucket --peer-listen localhost:9094",
    "tidemq controller --node-id 1 --roles broker,controller --object-storage dir:/mnt/bucket",
  ],
};

/** The same word begins commands that ask a cluster. */
const ALSO: Readonly<Record<ServerCommand, string>> = {
  start: "",
  broker: `
Also, without running anything:
  tidemq broker list             the brokers of a cluster
  tidemq broker describe ID      one of them
`,
  controller: `
Also, without running anything:
  tidemq controller list         the controllers of a cluster
`,
};

async function helpText(command: ServerCommand): Promise<string> {
  const { flagsFor } = await import("@tidemq/server/config/load-config.ts");
  const rows = flagsFor(command === "start" ? ["start"] : ["broker", "controller"]).map((flag) => {
    const name = `--${flag.name}${flag.placeholder === "" ? "" : ` ${flag.placeholder}`}`;
    return `  ${name.padEnd(30)} ${flag.doc} (default: ${flag.defaultText})`;
  });
  return `Usage: tidemq ${command} [options]

${SUMMARIES[command]}

Options:
${rows.join("\n")}
  ${CHILD_FLAG.padEnd(30)} for a program that runs it as a child with a pipe to its standard input: it stops when that program is gone
  ${"--version".padEnd(30)} print the version
  ${"-h, --help".padEnd(30)} this text

Examples:
${EXAMPLES[command].map((line) => `  ${line}`).join("\n")}
${ALSO[command]}`;
}
