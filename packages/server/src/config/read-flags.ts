import { keyOf, optionOf, type Sources, textSource } from "./config-sources.ts";
import { CONFIG_NAME, shownName, unknownName } from "./option-names.ts";

const WHERE = "command line";

/**
 * Flags: `--name value`, `--name=value`, `--name`.
 * @param known Names that count here, for advice.
 * @returns The file that `--config` names.
 */
export function readFlags(args: readonly string[], known: readonly string[], sources: Sources, problems: string[]): string | undefined {
  let file: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg);
    const name = match?.[1] ?? "";
    const key = keyOf(name);
    if (match === null || (key === undefined && name !== CONFIG_NAME)) {
      const why = match === null ? "only flags are expected here" : unknownName(name, [...known, CONFIG_NAME], (one) => `--${one}`);
      problems.push(`${shownName(arg.split("=")[0] ?? "")}: ${why}`);
      // Its value, probably: one problem is enough for both.
      if (match !== null && match[2] === undefined && args[at + 1]?.startsWith("--") === false) at++;
      continue;
    }
    const isAlone = key !== undefined && optionOf(key).placeholder === "";
    let text = match[2];
    if (text === undefined) text = isAlone ? "" : args[++at];
    if (text === undefined || (!isAlone && match[2] === undefined && text.startsWith("--"))) {
      problems.push(`--${name}: a value is missing. Allowed: ${key === undefined ? "a path" : optionOf(key).allowed}`);
      if (text !== undefined) at--;
    } else if (key === undefined) file = text;
    else sources.set(key, textSource(key, text, WHERE));
  }
  return file;
}
