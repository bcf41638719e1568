import { GiB, KiB, MiB } from "../base/units.ts";

/**
 * One option. `T` is what the program gets. A value comes as text from the command line, or as a TOML value from the file;
 * `fromText` turns the first into the second, `read` judges it.
 */
export type Option<T> = Readonly<{
  /** Name of the flag (`--name`) and of the key in the file. */
  name: string;
  /** For help: what stands behind the flag; empty = the flag stands alone. */
  placeholder: string;
  /** One word or two, for the reference. */
  type: string;
  /** What a value must look like: range, unit; for messages and the reference. */
  allowed: string;
  doc: string;
  /** Undefined: none, or settled from other options. */
  default: T | undefined;
  defaultText: string;
  fromText: (text: string) => unknown;
  /** Undefined = refused. */
  read: (value: unknown) => T | undefined;
  /** For a value of several parts that was refused: which of them. Without it the whole value is shown. */
  parts?: (value: unknown) => readonly RefusedPart[];
}>;

/** A part of a value: where (`[1, "advertise"]`), what it is (undefined: missing), and what it must be. */
export type RefusedPart = Readonly<{ at: readonly (string | number)[]; value: unknown; allowed: string }>;

type Common<T> = Readonly<{ name: string; doc: string; default: T }>;

export type HostPort = Readonly<{ host: string; port: number }>;
export type ObjectStorage = Readonly<{ kind: "dir"; path: string }> | BucketStorage;
/** A bucket of S3, Google or Azure (there: a container). The prefix is empty or ends with a slash. */
export type BucketStorage = Readonly<{ kind: "s3" | "gs" | "az"; bucket: string; prefix: string }>;

/** Without control characters: what stands in a file is not its path. */
const PATH = /^\P{Cc}{1,4096}$/u;

/** A path, kept as given: relative ones are relative to the current folder. */
export function path<T extends string | undefined>(
  spec: Common<T> & Readonly<{ placeholder: string; defaultText?: string }>,
): Option<string | T> {
  return {
    ...spec,
    type: "path",
    allowed: "a path",
    defaultText: spec.defaultText ?? spec.default ?? "none",
    fromText: (text) => text,
    read: (value) => (typeof value === "string" && PATH.test(value) ? value : undefined),
  };
}

/** `on` and `off` (or `true` and `false`) as text; `true` and `false` in the file. */
export function onOff<T extends boolean | undefined>(spec: Common<T> & Readonly<{ defaultText?: string }>): Option<boolean | T> {
  return {
    ...spec,
    type: "boolean",
    placeholder: "on|off",
    allowed: "on or off (in the file: true or false)",
    defaultText: spec.defaultText ?? (spec.default === true ? "on" : "off"),
    fromText: switchFromText,
    read: (value) => (typeof value === "boolean" ? value : undefined),
  };
}

/** A flag that stands alone; in the file `true` or `false`. */
export function alone(spec: Readonly<{ name: string; doc: string }>): Option<boolean> {
  return {
    ...spec,
    type: "boolean",
    placeholder: "",
    default: false,
    allowed: "no value, or on or off (in the file: true or false)",
    defaultText: "off",
    fromText: (text) => (text === "" ? true : switchFromText(text)),
    read: (value) => (typeof value === "boolean" ? value : undefined),
  };
}

function switchFromText(text: string): unknown {
  if (text === "on" || text === "true") return true;
  return text === "off" || text === "false" ? false : text;
}

export function integer<T extends number | undefined>(
  spec: Common<T> & Readonly<{ min: number; max: number; defaultText?: string }>,
): Option<number | T> {
  const { min, max } = spec;
  return {
    ...spec,
    type: "integer",
    placeholder: "N",
    allowed: `a whole number, ${min} to ${max}`,
    defaultText: spec.defaultText ?? String(spec.default ?? "none"),
    fromText: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text),
    read: (value) => (Number.isSafeInteger(value) && inRange(value as number, min, max) ? (value as number) : undefined),
  };
}

const BYTE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB, MiB, GiB, TiB: 1024 * GiB };
const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

type Range<T> = Readonly<{ name: string; doc: string; default: T; defaultText?: string; min: number; max: number }>;

/** Bytes, written `64MiB`; a bare number is bytes. */
export function byteSize<T extends number | undefined>(spec: Range<T>): Option<number | T> {
  return withUnits({ ...spec, type: "size" }, BYTE_UNITS, "SIZE", "a size with unit B, KiB, MiB, GiB or TiB");
}

/** Milliseconds, written `10m`. */
export function duration<T extends number | undefined>(spec: Range<T>): Option<number | T> {
  return withUnits({ ...spec, type: "time" }, TIME_UNITS, "TIME", "a time with unit ms, s, m, h or d");
}

function withUnits<T extends number | undefined>(
  spec: Range<T> & Readonly<{ type: string }>,
  units: Readonly<Record<string, number>>,
  placeholder: string,
  what: string,
): Option<number | T> {
  const { min, max } = spec;
  return {
    ...spec,
    placeholder,
    allowed: `${what}, ${formatUnits(min, units)} to ${formatUnits(max, units)}`,
    defaultText: spec.defaultText ?? (spec.default === undefined ? "none" : formatUnits(spec.default, units)),
    fromText: (text) => text,
    read: (value) => {
      const parsed = parseUnits(value, units);
      return parsed !== undefined && inRange(parsed, min, max) ? parsed : undefined;
    },
  };
}

function parseUnits(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value !== "string") return undefined;
  const match = /^(\d{1,15})\s*([A-Za-z]+)$/.exec(value);
  const unit = match === null ? undefined : Object.hasOwn(units, match[2] ?? "") ? units[match[2] ?? ""] : undefined;
  const parsed = unit === undefined ? Number.NaN : Number(match?.[1]) * unit;
  return Number.isSafeInteger(parsed) ? parsed : undefined;
}

/** With the largest unit that divides it. */
function formatUnits(value: number, units: Readonly<Record<string, number>>): string {
  const unit = Object.entries(units).findLast(([, size]) => value > 0 && value % size === 0);
  return unit === undefined ? `${value}${Object.keys(units)[0]}` : `${value / unit[1]}${unit[0]}`;
}

export const formatByteSize = (bytes: number): string => formatUnits(bytes, BYTE_UNITS);

/** `127.0.0.1:9092`, `[::1]:9092`, `name:0`. Port 0 = any free one. */
export function hostPort<T extends HostPort | undefined>(
  spec: Common<T> & Readonly<{ portMin: number; defaultText?: string }>,
): Option<HostPort | T> {
  return {
    ...spec,
    type: "address",
    placeholder: "HOST:PORT",
    allowed: `HOST:PORT, with an IPv6 address in brackets, port ${spec.portMin} to 65535`,
    defaultText: spec.defaultText ?? (spec.default === undefined ? "none" : formatHostPort(spec.default)),
    fromText: (text) => text,
    read: (value) => (typeof value === "string" ? parseHostPort(value, spec.portMin) : undefined),
  };
}

/** Undefined when it is none. */
export function parseHostPort(text: string, portMin: number): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && inRange(port, portMin, 65535) ? { host, port } : undefined;
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const BUCKET =
  /^(s3|gs|az):\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/((?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*)?\/?)?$/;
/** Beside it a key must find room in the 1024 bytes of a name. */
const BUCKET_PREFIX_CHARS_MAX = 256;

/** `dir:PATH`, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`. */
export function objectStorage(spec: Readonly<{ name: string; doc: string; defaultText: string }>): Option<ObjectStorage | undefined> {
  return {
    ...spec,
    type: "location",
    placeholder: "WHERE",
    default: undefined,
    allowed:
      "dir:PATH, a folder on a local or mounted disk; s3://BUCKET, gs://BUCKET or az://CONTAINER, each with or without a /PREFIX of A-Z a-z 0-9 . _ - /",
    fromText: (text) => text,
    read: (value) => (typeof value === "string" ? parseObjectStorage(value) : undefined),
  };
}

function parseObjectStorage(text: string): ObjectStorage | undefined {
  const folder = /^dir:([^\0]+)$/.exec(text)?.[1];
  if (folder !== undefined) return { kind: "dir", path: folder };
  const [, kind, bucket, prefix = ""] = BUCKET.exec(text) ?? [];
  if (kind === undefined || bucket === undefined || prefix.length > BUCKET_PREFIX_CHARS_MAX) return undefined;
  return { kind: kind as BucketStorage["kind"], bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}

/** As it is given. */
export function formatObjectStorage(storage: ObjectStorage): string {
  if (storage.kind === "dir") return `dir:${storage.path}`;
  return `${storage.kind}://${storage.bucket}${storage.prefix === "" ? "" : `/${storage.prefix.slice(0, -1)}`}`;
}

/** The URL of a service, without a user, a query or a fragment: none of them belongs there, and they may be secret. */
export function serviceUrl(spec: Readonly<{ name: string; doc: string; defaultText: string }>): Option<string | undefined> {
  return {
    ...spec,
    type: "URL",
    placeholder: "URL",
    default: undefined,
    allowed: "an http or https URL without user, query and fragment",
    fromText: (text) => text,
    read: (value) => (typeof value === "string" && isServiceUrl(value) ? value : undefined),
  };
}

function isServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return (protocol === "http:" || protocol === "https:") && username + password + search + hash === "";
}

/** A name of lower-case words, as regions have. */
export function regionName(spec: Readonly<{ name: string; doc: string; defaultText: string }>): Option<string | undefined> {
  return {
    ...spec,
    type: "word",
    placeholder: "NAME",
    default: undefined,
    allowed: "a name of a-z, 0-9 and -",
    fromText: (text) => text,
    read: (value) => (typeof value === "string" && /^[a-z0-9][a-z0-9-]{0,62}$/.test(value) ? value : undefined),
  };
}

/** A word of a person's choice. */
export function name(spec: Readonly<{ name: string; doc: string; defaultText: string; charsMax?: number }>): Option<string | undefined> {
  const { charsMax = 64 } = spec;
  return {
    ...spec,
    type: "word",
    placeholder: "NAME",
    default: undefined,
    allowed: `1 to ${charsMax} of A-Z a-z 0-9 . _ -`,
    fromText: (text) => text,
    read: (value) => (typeof value === "string" && value.length <= charsMax && /^[A-Za-z0-9._-]+$/.test(value) ? value : undefined),
  };
}

function inRange(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
