import { parse, TomlError } from "smol-toml";
import { keyOf, type Sources, shownValue } from "./config-sources.ts";
import { CONFIG_CHARS_MAX } from "./limits.ts";
import { shownName, unknownName } from "./option-names.ts";
import { type TomlPath, tomlLines } from "./toml-lines.ts";

/** Returns the text of a file; may throw, and the error's text is shown. */
export type ReadText = (path: string) => string;

/**
 * The keys of a TOML file.
 * @param path As it was given.
 * @param known Names that count here, for advice.
 * @returns Whether it could be read; else nobody knows what it says.
 */
export function readFile(path: string, readText: ReadText, known: readonly string[], sources: Sources, problems: string[]): boolean {
  let text: string;
  let table: Record<string, unknown>;
  try {
    text = readText(path);
    if (text.length > CONFIG_CHARS_MAX) throw new RangeError(`larger than ${CONFIG_CHARS_MAX} characters`);
    table = parse(text);
  } catch (error) {
    const isToml = error instanceof TomlError;
    problems.push(isToml ? `${path}:${error.line}:${error.column}: ${tomlProblem(error)}` : `--config ${path}: ${messageOf(error)}`);
    return false;
  }
  const lines = tomlLines(text);
  const where = (at: TomlPath): string => `${path}:${lines(at)}`;
  readTable(table, [], { known, sources, problems, where });
  return true;
}

type Reading = Readonly<{ known: readonly string[]; sources: Sources; problems: string[]; where: (at: TomlPath) => string }>;

function readTable(table: Readonly<Record<string, unknown>>, above: readonly string[], reading: Reading): void {
  for (const [word, value] of Object.entries(table)) {
    const path = [...above, word];
    const name = path.join(".");
    // A quoted key with a dot in it is no key in a section.
    const key = word.includes(".") ? undefined : keyOf(name);
    if (key !== undefined) reading.sources.set(key, { value, shown: shownValue(value), where: (at) => reading.where([...path, ...at]) });
    else if (isTable(value) && Object.keys(value).length > 0) readTable(value, path, reading);
    else reading.problems.push(`${shownName(name)} (${reading.where(path)}): ${unknownOrSection(name, reading.known)}`);
  }
}

function unknownOrSection(name: string, known: readonly string[]): string {
  const within = known.filter((one) => one.startsWith(`${name}.`));
  if (within.length === 0) return unknownName(name, known, String);
  return `must be a section [${name}] of ${within.map((one) => one.slice(name.length + 1)).join(", ")}`;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The first line says what is wrong; behind it stands a piece of the file. */
function tomlProblem(error: TomlError): string {
  return error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "not TOML";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
