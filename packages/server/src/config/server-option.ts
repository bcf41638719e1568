import { must } from "../base/assert.ts";
import type { Option } from "./option-types.ts";

/** `start`: the one node of `tidemq start`; the others: a role in a cluster. */
export type ServerKind = "start" | "broker" | "controller";

/** An option, and which kinds of server it counts for. For any other it is refused. */
export type ServerOption<T, K extends ServerKind = ServerKind> = Option<T> &
  Readonly<{
    countsFor: readonly K[];
    /** Where it has to be given. */
    requiredFor: readonly ServerKind[];
    /** Defaults that differ from `default`. */
    defaultFor: ReadonlyMap<ServerKind, Readonly<{ value: T | undefined; text: string }>>;
  }>;

type Differences = Readonly<{
  requiredFor?: readonly ServerKind[];
  /** As it would be given on the command line. */
  defaultFor?: Readonly<Partial<Record<ServerKind, string>>>;
  /** Where there is none, and something else counts instead: what. */
  defaultTextFor?: Readonly<Partial<Record<ServerKind, string>>>;
}>;

/** A row of the table. */
export function counts<T, K extends ServerKind>(
  countsFor: readonly K[],
  option: Option<T>,
  differences: Differences = {},
): ServerOption<T, K> {
  const { requiredFor = [], defaultFor = {}, defaultTextFor = {} } = differences;
  const values = Object.entries(defaultFor).map(([kind, text]) => {
    const value = must(option.read(option.fromText(text)), `a default of ${option.name} that could be given`);
    return [kind as ServerKind, { value, text }] as const;
  });
  const texts = Object.entries(defaultTextFor).map(([kind, text]) => [kind as ServerKind, { value: undefined, text }] as const);
  return {
    ...option,
    countsFor,
    requiredFor,
    defaultFor: new Map<ServerKind, Readonly<{ value: T | undefined; text: string }>>([...values, ...texts]),
  };
}

/** What counts when nobody says anything, and how it is written. Of several kinds the first one that the option counts for decides. */
export function defaultOf<T>(option: ServerOption<T>, kinds: readonly ServerKind[]): Readonly<{ value: T | undefined; text: string }> {
  const kind = kinds.find((one) => option.countsFor.includes(one));
  const own = kind === undefined ? undefined : option.defaultFor.get(kind);
  if (own !== undefined) return own;
  return isRequired(option, kinds)
    ? { value: undefined, text: "none: it must be given" }
    : { value: option.default, text: option.defaultText };
}

export function isRequired(option: ServerOption<unknown>, kinds: readonly ServerKind[]): boolean {
  return option.requiredFor.some((kind) => kinds.includes(kind));
}

export function countsForAny(option: ServerOption<unknown>, kinds: readonly ServerKind[]): boolean {
  return option.countsFor.some((kind) => kinds.includes(kind));
}

/** The variable of the environment: `wal-capacity` is TIDEMQ_WAL_CAPACITY, `peer-tls.cert` is TIDEMQ_PEER_TLS__CERT. */
export function variableOf(name: string): string {
  return VARIABLE_PREFIX + name.toUpperCase().replaceAll("-", "_").replaceAll(".", "__");
}

export const VARIABLE_PREFIX = "TIDEMQ_";
