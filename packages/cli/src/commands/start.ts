import { readFileSync } from "node:fs";
import { addressText } from "@tidemq/client/transport.ts";
import type { RunningServer } from "@tidemq/server/process/start.ts";
import { CommandError, describeFailure, UsageError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { VERSION } from "../version.ts";

const REFUSALS: ReadonlySet<string> = new Set([
  "QueueError",
  "FolderInUseError",
  "WalOpenError",
  "DiskError",
  "NetworkError",
  "ObjectStoreError",
]);

/** `tidemq start`. @param args What stands behind `start`. @returns The exit code. */
export async function runStart(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(await helpText());
    return ExitCode.OK;
  }
  try {
    const { loadStartConfig } = await import("@tidemq/server/config/load-config.ts");
    let config: ReturnType<typeof loadStartConfig>;
    try {
      config = loadStartConfig({ args, environment: process.env, readText: (path) => readFileSync(path, "utf8") });
    } catch (error) {
      if (error instanceof Error && error.name === "ConfigError")
        throw new UsageError(`${error.message}\n(tidemq start --help explains the options)`);
      throw error;
    }
    const { start } = await import("@tidemq/server/process/start.ts");
    return await serve(await start(config, { say: (line) => void process.stderr.write(`${line}\n`) }));
  } catch (error) {
    const { text, exitCode } = describeFailure(asRefusal(error), undefined);
    process.stderr.write(text);
    return exitCode;
  }
}

/** What the server throws when it will not start: the text says why and what to do. Anything else is a bug and shown with its stack. */
function asRefusal(error: unknown): unknown {
  return error instanceof Error && REFUSALS.has(error.name) ? new CommandError(error.message, undefined, { cause: error }) : error;
}

/** Says what there is, then waits for Ctrl-C. */
async function serve(server: RunningServer): Promise<number> {
  process.stdout.write(bannerText(server));
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  process.stderr.write("\nstopping; press Ctrl-C again to stop without waiting\n");
  // What was acknowledged is safe already: a hard end costs a longer next start at most.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(ExitCode.INTERRUPTED));
  await server.stop();
  process.stderr.write("stopped\n");
  return ExitCode.OK;
}

function bannerText(server: RunningServer): string {
  const bootstrap = server.kafka[0] === undefined ? "" : addressText(server.kafka[0]);
  const flag = bootstrap === "127.0.0.1:9092" ? "" : ` --bootstrap ${bootstrap}`;
  const http = server.http.map((address) => `http://${addressText(address)}`).join(", ");
  return `TideMQ ${VERSION}, node ${server.nodeId}
  Kafka clients   ${server.kafka.map(addressText).join(", ")}
  HTTP            ${http} (/health /ready /metrics)
  data            ${server.dataFolder}
  object storage  ${server.objectStorage}
  sync            ${server.sync ? "on: what is acknowledged is on the disk" : "off: a power failure loses the last second"}

Try:
  ./tidemq topic create orders --partitions 3${flag}
  echo hello | ./tidemq topic produce orders${flag}
  ./tidemq topic consume orders --from-beginning${flag}

Ctrl-C stops the server.
`;
}

async function helpText(): Promise<string> {
  const { flagsFor } = await import("@tidemq/server/config/load-config.ts");
  const rows = flagsFor(["start"]).map((flag) => {
    const name = `--${flag.name}${flag.placeholder === "" ? "" : ` ${flag.placeholder}`}`;
    return `  ${name.padEnd(30)} ${flag.doc} (default: ${flag.defaultText})`;
  });
  return `Usage: tidemq start [options]

run a server until Ctrl-C

Options:
${rows.join("\n")}
  ${"--version".padEnd(30)} print the version
  ${"-h, --help".padEnd(30)} this text

Examples:
  tidemq start
  tidemq start --data /var/lib/tidemq --listen 127.0.0.1:19092 --http 127.0.0.1:19643
  tidemq start --object-storage dir:/mnt/bucket --sync off
  tidemq start --config tidemq.toml
`;
}
