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
import { type Describe, relationProblems } from "./option-relations.ts";
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
  const ours = OPTION_KEYS.filter((key) => countsForAny(optionOf(key), kinds));
  for (const key of sources.keys()) if (!ours.includes(key)) problems.push(ofOthers(key, sources, kinds));
  const values = ours.map((key) => [key, readValue(key, sources, kinds)] as const);
  problems.push(...values.flatMap(([, { refused }]) => refused));
  const given = givenValues(new Map(values.map(([key, { value }]) => [key, value])));
  // Of a file that cannot be read nobody knows what it lacks.
  if (isWhole) {
    const missing = ours.filter((key) => !sources.has(key) && isRequired(optionOf(key), kinds));
    problems.push(...missing.map((key) => `${optionOf(key).name}: missing. Must be ${optionOf(key).allowed}`));
    const unknown = new Set([...missing, ...values.filter(([, { refused }]) => refused.length > 0).map(([key]) => key)]);
    const isGiven = (key: ServerOptionKey): boolean => ours.includes(key) && sources.has(key);
    const describe: Describe = (key, at) => describeSource(key, sources, kinds, at);
    problems.push(...relationProblems({ given, kinds, isGiven, describe }, unknown));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return given;
}

function ofOthers(key: ServerOptionKey, sources: Sources, kinds: readonly ServerKind[]): string {
  return `${describeSource(key, sources, kinds)}: is for ${nameOf(optionOf(key).countsFor)}, not for ${nameOf(kinds)}`;
}

/** With the default where there is none, or one that is refused. */
function readValue(key: ServerOptionKey, sources: Sources, kinds: readonly ServerKind[]): ReadValue {
  const option = optionOf(key);
  const source = sources.get(key);
  const value = source === undefined ? undefined : option.read(source.value);
  const isRefused = source !== undefined && value === undefined;
  return { value: value ?? defaultOf(option, kinds).value, refused: isRefused ? refusals(option, source) : [] };
}

type ReadValue = Readonly<{ value: unknown; refused: readonly string[] }>;

/** Of every key of the table what its option read; what counts for others has its default. */
function givenValues(read: ReadonlyMap<ServerOptionKey, unknown>): GivenValues {
  const entries = OPTION_KEYS.map((key) => [key, read.has(key) ? read.get(key) : optionOf(key).default]);
  return Object.fromEntries(entries) as GivenValues;
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
