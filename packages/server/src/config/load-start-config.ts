import { parse, TomlError } from "smol-toml";
import { QueueError } from "../base/errors.ts";
import type { Option } from "./option-types.ts";
import { relationProblems, START_OPTIONS, type StartConfig, type StartOptionKey, settle } from "./start-options.ts";

/** Everything that is wrong with a configuration. The message names all of it, one problem a line. */
export class ConfigError extends QueueError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      "START_REFUSED",
      `the configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n  ${problems.join("\n  ")}`,
    );
    this.problems = problems;
  }
}

type AnyOption = Option<unknown>;
/** One value and where it stands, for messages. */
type Source = Readonly<{ value: unknown; shown: string; where: string }>;
type Sources = Map<StartOptionKey, Source>;

const CONFIG_FLAG = "config";
const KEYS = Object.keys(START_OPTIONS) as readonly StartOptionKey[];
const CONFIG_BYTES_MAX = 1_000_000;

/** The flags of the command line, for help: the options, and `--config FILE`, which names the file. */
export const START_FLAGS: readonly Pick<AnyOption, "name" | "placeholder" | "doc" | "defaultText">[] = [
  ...KEYS.map((key): AnyOption => START_OPTIONS[key]),
  {
    name: CONFIG_FLAG,
    placeholder: "FILE",
    defaultText: "none",
    doc: "TOML file. Its keys are the names of the flags; a flag wins over the file.",
  },
];

/**
 * Flags over file over defaults.
 *
 * @param args What stands behind `tidemq start`: `--name value`, `--name=value`, `--name`.
 * @param readText Reads the file that `--config` names; may throw, the text of the error is shown.
 * @throws {ConfigError} With every problem: unknown names, refused values, broken relations.
 */
export function loadStartConfig(args: readonly string[], readText: (path: string) => string): StartConfig {
  const problems: string[] = [];
  const flags: Sources = new Map();
  const file = readFlags(args, flags, problems);
  const sources: Sources = new Map();
  if (file !== undefined) readFile(file, readText, sources, problems);
  for (const [key, source] of flags) sources.set(key, source);
  const config = settle(readValues(sources, problems));
  // Relations of values that were refused would be told of defaults that nobody gave.
  if (problems.length === 0) problems.push(...relationProblems(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Returns the file that `--config` names. */
function readFlags(args: readonly string[], flags: Sources, problems: string[]): string | undefined {
  let file: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg);
    const name = match?.[1] ?? "";
    const key = keyOf(name);
    if (match === null || (key === undefined && name !== CONFIG_FLAG)) {
      problems.push(`${arg.split("=")[0]}: ${match === null ? "only flags are expected here" : unknownName(name, "--")}`);
      // Its value, probably: one problem is enough for both.
      if (match !== null && match[2] === undefined && args[at + 1]?.startsWith("--") === false) at++;
      continue;
    }
    const isAlone = key !== undefined && START_OPTIONS[key].placeholder === "";
    let text = match[2];
    if (text === undefined) text = isAlone ? "" : args[++at];
    if (text === undefined || (!isAlone && match[2] === undefined && text.startsWith("--"))) {
      problems.push(`--${name}: a value is missing. Allowed: ${key === undefined ? "a path" : START_OPTIONS[key].allowed}`);
      if (text !== undefined) at--;
    } else if (key === undefined) file = text;
    else flags.set(key, { value: START_OPTIONS[key].fromText(text), shown: text, where: "" });
  }
  return file;
}

function readFile(path: string, readText: (path: string) => string, sources: Sources, problems: string[]): void {
  let text: string;
  let table: Record<string, unknown>;
  try {
    text = readText(path);
    if (text.length > CONFIG_BYTES_MAX) throw new RangeError(`larger than ${CONFIG_BYTES_MAX} bytes`);
    table = parse(text);
  } catch (error) {
    problems.push(
      error instanceof TomlError ? `${path}:${error.line}:${error.column}: ${tomlProblem(error)}` : `--config ${path}: ${messageOf(error)}`,
    );
    return;
  }
  for (const [name, value] of Object.entries(table)) {
    const where = ` (${path}:${lineOf(text, name)})`;
    const key = keyOf(name);
    if (key === undefined) problems.push(`${name}${where}: ${unknownName(name, "")}`);
    else sources.set(key, { value, shown: JSON.stringify(value) ?? "?", where });
  }
}

function readValues(sources: Sources, problems: string[]): Parameters<typeof settle>[0] {
  const values: Partial<Record<StartOptionKey, unknown>> = {};
  for (const key of KEYS) {
    const option: AnyOption = START_OPTIONS[key];
    const source = sources.get(key);
    values[key] = source === undefined ? option.default : option.read(source.value);
    if (source !== undefined && values[key] === undefined) {
      problems.push(`${option.name} = ${source.shown}${source.where}: must be ${option.allowed}`);
      values[key] = option.default;
    }
  }
  return values as Parameters<typeof settle>[0];
}

function keyOf(name: string): StartOptionKey | undefined {
  return KEYS.find((key) => START_OPTIONS[key].name === name);
}

function unknownName(name: string, dashes: string): string {
  const names = dashes === "" ? KEYS.map((key) => START_OPTIONS[key].name) : START_FLAGS.map((flag) => flag.name);
  const near = names.filter((known) => distance(name, known) <= 2).map((known) => dashes + known);
  return `no such option. ${near.length > 0 ? `Meant: ${near.join(" or ")}?` : `There are: ${names.map((known) => dashes + known).join(", ")}`}`;
}

/** Levenshtein distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The line of a top-level key. The parser does not keep it. */
function lineOf(text: string, name: string): number {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => {
    const key = /^\s*\[?\[?\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))/.exec(line);
    return (key?.[1] ?? key?.[2] ?? key?.[3]) === name;
  });
  return at + 1;
}

function tomlProblem(error: TomlError): string {
  return error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "not TOML";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
