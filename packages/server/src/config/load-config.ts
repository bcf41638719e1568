import { ConfigError } from "./config-error.ts";
import {
  type AnyOption,
  describeSource,
  OPTION_KEYS,
  optionOf,
  partName,
  type Source,
  type Sources,
  shownValue,
} from "./config-sources.ts";
import { CONFIG_NAME, namesFor } from "./option-names.ts";
import { relationProblems } from "./option-relations.ts";
import type { RefusedPart } from "./option-types.ts";
import { type Environment, readEnvironment } from "./read-environment.ts";
import { type ReadText, readFile } from "./read-file.ts";
import { readFlags } from "./read-flags.ts";
import {
  type ClusterConfig,
  clusterConfig,
  type GivenValues,
  type Role,
  type ServerOptionKey,
  type StartConfig,
  startConfig,
} from "./server-config.ts";
import { countsForAny, defaultOf, isRequired, type ServerKind } from "./server-option.ts";
import { ROLES, SERVER_OPTIONS } from "./server-options.ts";

/** What a configuration is made of. */
export type ConfigInputs = Readonly<{
  /** What stands behind the command: `--name value`, `--name=value`, `--name`. */
  args: readonly string[];
  /** Variables that begin with TIDEMQ_ count. */
  environment: Environment;
  /** Reads the file that `--config` or TIDEMQ_CONFIG names. */
  readText: ReadText;
}>;

/** For help: the flags of a command, and `--config FILE`. */
export type Flag = Readonly<{ name: string; placeholder: string; doc: string; defaultText: string }>;

/** The flags that count for one of these kinds. */
export function flagsFor(kinds: readonly ServerKind[]): readonly Flag[] {
  const options = OPTION_KEYS.map(optionOf).filter((option) => countsForAny(option, kinds));
  return [
    ...options.map((option) => ({ ...option, defaultText: defaultOf(option, kinds).text })),
    {
      name: CONFIG_NAME,
      placeholder: "FILE",
      defaultText: "none",
      doc: "TOML file. Its keys are the names of the flags; a flag wins over the environment, and that over the file.",
    },
  ];
}

/**
 * `tidemq start`. Command line over environment over file over default.
 * @throws {ConfigError} With every problem: unknown names, refused values, broken relations.
 */
export function loadStartConfig(inputs: ConfigInputs): StartConfig {
  const problems: string[] = [];
  const sources = readSources(inputs, ["start"], problems);
  return startConfig(judge(sources, ["start"], problems));
}

/**
 * `tidemq broker` and `tidemq controller`.
 * @param command Its role; with `roles` the process can have the other, too.
 * @throws {ConfigError} As above.
 */
export function loadClusterConfig(command: Role, inputs: ConfigInputs): ClusterConfig {
  const problems: string[] = [];
  const sources = readSources(inputs, [command], problems);
  const roles = rolesOf(command, sources.values, problems);
  return clusterConfig(judge(sources, roles, problems), roles);
}

/** What was given, and whether that is all: a file that cannot be read may say more. */
type Given = Readonly<{ values: Sources; isWhole: boolean }>;

function readSources({ args, environment, readText }: ConfigInputs, kinds: readonly ServerKind[], problems: string[]): Given {
  const flags: Sources = new Map();
  const variables: Sources = new Map();
  const values: Sources = new Map();
  const known = namesFor(kinds);
  const namedByFlag = readFlags(args, known, flags, problems);
  const namedByVariable = readEnvironment(environment, known, variables, problems);
  const file = namedByFlag ?? namedByVariable;
  const isWhole = file === undefined || readFile(file, readText, known, values, problems);
  for (const [key, source] of [...variables, ...flags]) values.set(key, source);
  return { values, isWhole };
}

/** What the process does: the command's role at least. */
function rolesOf(command: Role, sources: Sources, problems: string[]): readonly Role[] {
  const given = SERVER_OPTIONS.roles.read(sources.get("roles")?.value) ?? [command];
  if (given.includes(command)) return ROLES.filter((role) => given.includes(role));
  problems.push(`${describeSource("roles", sources, given)}: must have ${command} among them, since this is tidemq ${command}`);
  return [command];
}

/** The values, or all problems. */
function judge({ values: sources, isWhole }: Given, kinds: readonly ServerKind[], problems: string[]): GivenValues {
  const entries = OPTION_KEYS.map((key) => [key, readValue(key, sources, kinds, problems)] as const);
  if (isWhole) problems.push(...missing(sources, kinds));
  // The keys of the table, each with what its option read.
  const given = Object.fromEntries(entries) as unknown as GivenValues;
  // Relations of values that were refused would be told of defaults that nobody gave.
  if (problems.length === 0) {
    const describe = (key: ServerOptionKey, at?: RefusedPart["at"]): string => describeSource(key, sources, kinds, at);
    problems.push(...relationProblems({ given, kinds, isGiven: (key) => sources.has(key), describe }));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return given;
}

function readValue(key: ServerOptionKey, sources: Sources, kinds: readonly ServerKind[], problems: string[]): unknown {
  const option = optionOf(key);
  const source = sources.get(key);
  const byDefault = defaultOf(option, kinds).value;
  if (source === undefined) return byDefault;
  if (!countsForAny(option, kinds)) {
    problems.push(`${describeSource(key, sources, kinds)}: is for ${nameOf(option.countsFor)}, not for ${nameOf(kinds)}`);
    return byDefault;
  }
  const value = option.read(source.value);
  if (value === undefined) problems.push(...refusals(option, source));
  return value ?? byDefault;
}

function missing(sources: Sources, kinds: readonly ServerKind[]): readonly string[] {
  return OPTION_KEYS.filter((key) => !sources.has(key))
    .map(optionOf)
    .filter((option) => isRequired(option, kinds))
    .map((option) => `${option.name}: missing. Must be ${option.allowed}`);
}

function nameOf(kinds: readonly ServerKind[]): string {
  return kinds.map((kind) => (kind === "start" ? "tidemq start" : `the ${kind} role`)).join(" and ");
}

/** Which parts of a value are refused, where that can be told. */
function refusals(option: AnyOption, source: Source): readonly string[] {
  const parts = option.parts?.(source.value) ?? [];
  if (parts.length === 0) return [`${option.name} = ${source.shown} (${source.where([])}): must be ${option.allowed}`];
  return parts.map(({ at, value, allowed }) => {
    const name = partName(option.name, at);
    return `${name} = ${shownValue(value)} (${source.where(at)}): must be ${allowed}`;
  });
}
