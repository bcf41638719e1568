import { SHOWN_CHARS_MAX } from "./limits.ts";
import type { RefusedPart } from "./option-types.ts";
import type { ServerOptionKey } from "./server-config.ts";
import { defaultOf, type ServerKind, type ServerOption } from "./server-option.ts";
import { SERVER_OPTIONS } from "./server-options.ts";

/** One value as it was given. */
export type Source = Readonly<{
  value: unknown;
  /** As text, fit to be shown. */
  shown: string;
  /** Where it stands, or a part of it. */
  where: (at: RefusedPart["at"]) => string;
}>;
export type Sources = Map<ServerOptionKey, Source>;

export type AnyOption = ServerOption<unknown>;
export const OPTION_KEYS = Object.keys(SERVER_OPTIONS) as readonly ServerOptionKey[];

export function optionOf(key: ServerOptionKey): AnyOption {
  return SERVER_OPTIONS[key];
}

export function keyOf(name: string): ServerOptionKey | undefined {
  return OPTION_KEYS.find((key) => SERVER_OPTIONS[key].name === name);
}

/** A value of the command line or the environment. */
export function textSource(key: ServerOptionKey, text: string, where: string): Source {
  return { value: optionOf(key).fromText(text), shown: shownText(text), where: () => where };
}

/** `name = value (where)`, or that of a part; of the default where nothing was given. */
export function describeSource(key: ServerOptionKey, sources: Sources, kinds: readonly ServerKind[], at: RefusedPart["at"] = []): string {
  const option = optionOf(key);
  const source = sources.get(key);
  if (source === undefined) return `${option.name} = ${defaultOf(option, kinds).text} (default)`;
  const shown = at.length === 0 ? source.shown : shownValue(partOf(source.value, at));
  return `${partName(option.name, at)} = ${shown} (${source.where(at)})`;
}

/** `listeners[1].advertise` */
export function partName(name: string, at: RefusedPart["at"]): string {
  return name + at.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
}

function partOf(value: unknown, at: RefusedPart["at"]): unknown {
  return at.reduce<unknown>((part, step) => (part as Record<string | number, unknown>)[step], value);
}

/** A value of a file, for a message. */
export function shownValue(value: unknown): string {
  return value === undefined ? "nothing" : shownText(JSON.stringify(value) ?? "?");
}

/** Without what may be secret: users and queries of URLs, what stands behind words such as `key=`, keys themselves. */
function shownText(text: string): string {
  const safe = text
    .replace(/:\/\/[^/@\s"]*@/g, "://***@")
    .replace(/(:\/\/[^?#\s"]*[?#])[^\s",]*/g, "$1***")
    .replace(/\b(\w*(?:key|secret|password|token|signature|sig))=[^;&,\s"]+/gi, "$1=***")
    .replace(/-----BEGIN.*/s, "***");
  return safe.length > SHOWN_CHARS_MAX ? `${safe.slice(0, SHOWN_CHARS_MAX)}…` : safe;
}
