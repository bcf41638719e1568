import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_BOOTSTRAP } from "./cluster-client.ts";
import { OUTPUT_FORMS } from "./output.ts";

/** A command that only has others below it. */
export function group(program: Command, name: string, description: string): Command {
  return inherit(program.command(name).description(description));
}

/** Adds what every command takes that talks to a cluster. */
export function clusterCommand(command: Command): Command {
  return inherit(command)
    .option("--bootstrap <host:port>", "where the server listens for Kafka clients", DEFAULT_BOOTSTRAP)
    .addOption(outputOption());
}

/** `--output`. */
export function outputOption(): Option {
  return new Option("--output <form>", "how to print results").choices(OUTPUT_FORMS).default("table");
}

/** `--json`, the short form of it. */
export function jsonOption(): Option {
  return new Option("--json", "the same as --output json").implies({ output: "json" });
}

/** Subcommands throw instead of ending the process, too. */
function inherit(command: Command): Command {
  return command.exitOverride().showHelpAfterError("(--help explains the command)");
}

/** Shown below the help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** Any whole number. @throws {InvalidArgumentError} */
export function integer(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("A whole number is expected.");
  return Number(text);
}

/** From 0. @throws {InvalidArgumentError} */
export function nonNegativeInteger(text: string): number {
  const value = integer(text);
  if (value < 0) throw new InvalidArgumentError("A whole number from 0 is expected.");
  return value;
}

/** From 1. @throws {InvalidArgumentError} */
export function positiveInteger(text: string): number {
  const value = integer(text);
  if (value < 1) throw new InvalidArgumentError("A whole number from 1 is expected.");
  return value;
}

/** Of an option that may be repeated. */
export function collect(text: string, all: readonly string[]): string[] {
  return [...all, text];
}

/** Of an option that may be repeated, or has commas. @throws {InvalidArgumentError} */
export function collectNumbers(text: string, all: readonly number[]): number[] {
  return [...all, ...text.split(",").map(nonNegativeInteger)];
}
