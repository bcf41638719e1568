import { CONTROLLERS_MAX, LISTENERS_MAX } from "./limits.ts";
import { formatHostPort, type HostPort, type Option, parseHostPort, type RefusedPart } from "./option-types.ts";

/** An address where Kafka clients connect, and the one that they are told; undefined: see the option. */
export type ListenerConfig = Readonly<{ name: string; listen: HostPort; advertise: HostPort | undefined }>;

type Spec = Readonly<{ name: string; doc: string; defaultText: string }>;

/** One of a few words. */
export function oneOf<T extends string, D extends T | undefined>(
  spec: Readonly<{ name: string; doc: string; values: readonly T[]; default: D; defaultText?: string }>,
): Option<T | D> {
  return {
    ...spec,
    type: "word",
    placeholder: spec.values.join("|"),
    allowed: spec.values.join(" or "),
    defaultText: spec.defaultText ?? spec.default ?? "none",
    fromText: (text) => text,
    read: (value) => spec.values.find((known) => known === value),
  };
}

/** Some of a few words, each once; `a,b` as text, `["a", "b"]` in the file. */
export function someOf<T extends string>(spec: Spec & Readonly<{ values: readonly T[] }>): Option<readonly T[] | undefined> {
  const { values } = spec;
  return {
    ...spec,
    type: "list of words",
    placeholder: "NAME,…",
    default: undefined,
    allowed: `some of ${values.join(", ")}, each once: ${values.join(",")} (in the file: ${JSON.stringify(values)})`,
    fromText: (text) => commaSeparated(text),
    read: (value) => {
      const words = listOf(value, values.length, (word) => values.find((known) => known === word));
      return words !== undefined && new Set(words).size === words.length ? words : undefined;
    },
  };
}

/** Addresses; `a:1,b:2` as text, `["a:1", "b:2"]` in the file. */
export function hostPorts(spec: Spec): Option<readonly HostPort[] | undefined> {
  const allowed = "HOST:PORT, with an IPv6 address in brackets, port 1 to 65535";
  const read = (item: unknown): HostPort | undefined => (typeof item === "string" ? parseHostPort(item, 1) : undefined);
  return {
    ...spec,
    type: "list of addresses",
    placeholder: "HOST:PORT,…",
    default: undefined,
    allowed: `1 to ${CONTROLLERS_MAX} of ${allowed}, each once (in the file: a list)`,
    fromText: (text) => commaSeparated(text),
    read: (value) => {
      const all = listOf(value, CONTROLLERS_MAX, read);
      return all !== undefined && new Set(all.map(formatHostPort)).size === all.length ? all : undefined;
    },
    parts: (value) =>
      Array.isArray(value) ? value.flatMap((item, at) => (read(item) === undefined ? [{ at: [at], value: item, allowed }] : [])) : [],
  };
}

const LISTENER_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const PARTS_OF_LISTENER = {
  name: {
    allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
    read: (value: unknown): unknown => (typeof value === "string" && LISTENER_NAME.test(value) ? value : undefined),
  },
  listen: {
    allowed: "HOST:PORT, with an IPv6 address in brackets, port 0 to 65535",
    read: (value: unknown): unknown => (typeof value === "string" ? parseHostPort(value, 0) : undefined),
  },
  advertise: {
    allowed: "HOST:PORT, with an IPv6 address in brackets, port 1 to 65535",
    read: (value: unknown): unknown => (typeof value === "string" ? parseHostPort(value, 1) : undefined),
  },
} as const;

/** Names of the keys of one listener. */
const LISTENER_KEYS = Object.keys(PARTS_OF_LISTENER) as readonly (keyof typeof PARTS_OF_LISTENER)[];

/** Listeners; `NAME=LISTEN` or `NAME=LISTEN=ADVERTISE`, joined by commas, as text; a section `[[…]]` each in the file. */
export function listeners(spec: Spec): Option<readonly ListenerConfig[] | undefined> {
  return {
    ...spec,
    type: "list of sections",
    placeholder: "NAME=LISTEN=ADVERTISE,…",
    default: undefined,
    allowed:
      `1 to ${LISTENERS_MAX}, of different names, each NAME=LISTEN or NAME=LISTEN=ADVERTISE ` +
      `(in the file: sections [[${spec.name}]] of name, listen and advertise)`,
    fromText: (text) => commaSeparated(text).map(listenerFromText),
    read: readListeners,
    parts: (value) => (Array.isArray(value) ? value.flatMap(partsOfListener) : []),
  };
}

function listenerFromText(text: string): unknown {
  const [name, listen, advertise, ...more] = text.split("=");
  if (listen === undefined || more.length > 0) return text;
  return { name, listen, ...(advertise === undefined ? {} : { advertise }) };
}

function readListeners(value: unknown): readonly ListenerConfig[] | undefined {
  const all = listOf(value, LISTENERS_MAX, (item) => (refusedParts(item).length > 0 ? undefined : readListener(item)));
  // Kafka's tools do not tell capital letters from small ones.
  return all !== undefined && new Set(all.map(({ name }) => name.toUpperCase())).size === all.length ? all : undefined;
}

function readListener(value: unknown): ListenerConfig {
  const of = value as Record<"name" | "listen", string> & { advertise?: string };
  return {
    name: of.name,
    listen: parseHostPort(of.listen, 0) as HostPort,
    advertise: of.advertise === undefined ? undefined : parseHostPort(of.advertise, 1),
  };
}

function partsOfListener(item: unknown, at: number): readonly RefusedPart[] {
  return refusedParts(item).map((part) => ({ ...part, at: [at, ...part.at] }));
}

function refusedParts(item: unknown): readonly RefusedPart[] {
  if (!isTable(item)) return [{ at: [], value: item, allowed: "a name, where it listens, and perhaps what it advertises" }];
  const unknown = Object.keys(item).filter((key) => !Object.hasOwn(PARTS_OF_LISTENER, key));
  const refused = LISTENER_KEYS.filter((key) => {
    const value = Object.hasOwn(item, key) ? item[key] : undefined;
    return value === undefined ? key !== "advertise" : PARTS_OF_LISTENER[key].read(value) === undefined;
  });
  return [
    ...unknown.map((key) => ({ at: [key], value: item[key], allowed: `one of the keys ${LISTENER_KEYS.join(", ")}` })),
    ...refused.map((key) => ({ at: [key], value: item[key], allowed: PARTS_OF_LISTENER[key].allowed })),
  ];
}

/** Every item read, or undefined when one is refused, or there is none, or too many. */
function listOf<T>(value: unknown, lengthMax: number, read: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > lengthMax) return undefined;
  const items = value.map(read).filter((item) => item !== undefined);
  return items.length === value.length ? items : undefined;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function commaSeparated(text: string): readonly string[] {
  return text.split(",").map((item) => item.trim());
}
