#!/usr/bin/env node
/** The `tidemq` command. Loads only what the command at hand needs. */
import type { ServerCommand } from "./commands/start.ts";
import { VERSION } from "./version.ts";

process.exitCode = await run(process.argv.slice(2));

/** @returns The exit code. */
async function run(given: readonly string[]): Promise<number> {
  const args = given[0] === "help" && given.length > 1 ? [...given.slice(1), "--help"] : given;
  const [first, second] = args;
  const command = serverCommand(first, second);
  if (first === "--version" || first === "-V" || (command !== undefined && second === "--version")) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  // The server's options are described by the server, not by the command line.
  if (command !== undefined) {
    const { runServer } = await import("./commands/start.ts");
    // Whatever a failed start leaves open must not keep the process: what is on the disk is consistent at any moment.
    process.exit(await runServer(command, args.slice(1)));
  }
  const { runProgram } = await import("./program.ts");
  return runProgram(args);
}

/** `tidemq broker --config …` is a broker, `tidemq broker list` asks about brokers. */
function serverCommand(first: string | undefined, second: string | undefined): ServerCommand | undefined {
  if (first === "start") return first;
  const isServer = second === undefined || second.startsWith("-");
  return isServer && (first === "broker" || first === "controller") ? first : undefined;
}
