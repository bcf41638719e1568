#!/usr/bin/env node
/** The `tidemq` command. Loads only what the command at hand needs. */
import { VERSION } from "./version.ts";

process.exitCode = await run(process.argv.slice(2));

/** @returns The exit code. */
async function run(given: readonly string[]): Promise<number> {
  const args = given[0] === "help" && given.length > 1 ? [...given.slice(1), "--help"] : given;
  const [first, second] = args;
  if (first === "--version" || first === "-V" || (first === "start" && second === "--version")) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  // The server's options are described by the server, not by the command line.
  if (first === "start") {
    const { runStart } = await import("./commands/start.ts");
    // Whatever a failed start leaves open must not keep the process: what is on the disk is consistent at any moment.
    process.exit(await runStart(args.slice(1)));
  }
  const { runProgram } = await import("./program.ts");
  return runProgram(args);
}
