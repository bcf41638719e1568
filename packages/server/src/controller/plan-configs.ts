import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import type { ConfigChange } from "../cluster/commands.ts";
import { CONFIG_NAME_BYTES_MAX, CONFIG_VALUE_BYTES_MAX, CONFIGS_MAX } from "../cluster/limits.ts";
import { clientMetricsOption, judgeClientMetricsOption } from "../config/client-metrics-options.ts";
import { dynamicOption, judgeDynamicOption } from "../config/dynamic-options.ts";
import type { Judged, KafkaOption } from "../config/kafka-option.ts";
import { effectiveValue, judgeTopicOption, topicOption, topicOptionsProblem } from "../config/topic-options.ts";
import type { ConfigEntry, ConfigOperation } from "./requests.ts";

/** What options an entity can have: those of topics, or those of brokers that change while they run. */
export type OptionTable = Readonly<{
  /** "topic", "broker": as texts name it. */
  noun: string;
  isList(name: string): boolean | undefined;
  /** What counts where nothing else does; asked for lists only. */
  effective(configs: ReadonlyMap<string, string>, name: string): string;
  judge(name: string, value: string): Judged;
  /** The code of what `judge` and `problem` refuse: not the same for all of them in Kafka. */
  refusal: "INVALID_CONFIG" | "INVALID_REQUEST";
  /** Why these options contradict each other. */
  problem(configs: ReadonlyMap<string, string>): string | undefined;
}>;

export const TOPIC_TABLE: OptionTable = {
  noun: "topic",
  isList: (name) => isListOption(topicOption(name)),
  effective: effectiveValue,
  judge: judgeTopicOption,
  refusal: "INVALID_CONFIG",
  problem: topicOptionsProblem,
};

/** @param problem Why the broker could not run with these options. */
export function brokerTable(problem: OptionTable["problem"]): OptionTable {
  return {
    noun: "broker",
    isList: (name) => isListOption(dynamicOption(name)),
    effective: (configs, name) => configs.get(name) ?? dynamicOption(name)?.default ?? "",
    judge: judgeDynamicOption,
    refusal: "INVALID_REQUEST",
    problem,
  };
}

export const CLIENT_METRICS_TABLE: OptionTable = {
  noun: "client metrics",
  isList: (name) => isListOption(clientMetricsOption(name)),
  effective: (configs, name) => configs.get(name) ?? "",
  judge: judgeClientMetricsOption,
  refusal: "INVALID_CONFIG",
  problem: () => undefined,
};

function isListOption(option: KafkaOption | undefined): boolean | undefined {
  return option === undefined ? undefined : option.type === "list";
}

/**
 * The options that a new topic is created with.
 * @throws {QueueError} INVALID_CONFIG
 */
export function planTopicConfigs(entries: readonly ConfigEntry[]): Map<string, string> {
  const configs = new Map<string, string>();
  for (const { name, value } of entries) {
    if (value === null) throw invalid(`Null value not supported for topic configs: ${name}`);
    configs.set(name, judged(TOPIC_TABLE, name, value));
  }
  checkTogether(TOPIC_TABLE, configs);
  return configs;
}

/**
 * Texts to set or unset, from the present options and what was asked for. `append` and `subtract` begin at the
 * default where nothing is set, as in Kafka.
 * @throws {QueueError} INVALID_CONFIG, INVALID_REQUEST
 */
export function planConfigChanges(
  table: OptionTable,
  current: ReadonlyMap<string, string>,
  operations: readonly ConfigOperation[],
): ConfigChange[] {
  const names = new Set(operations.map((operation) => operation.name));
  if (names.size < operations.length) throw new QueueError("INVALID_REQUEST", "Error due to duplicate config keys");
  const changes = operations.map((operation) => change(table, current, operation));
  const after = new Map(current);
  for (const { name, value } of changes) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  checkTogether(table, after);
  return changes;
}

/**
 * The same for options that replace all that are set: what is not among them is unset.
 * @throws {QueueError} INVALID_CONFIG, INVALID_REQUEST
 */
export function planConfigReplacement(
  table: OptionTable,
  current: ReadonlyMap<string, string>,
  entries: readonly ConfigEntry[],
): ConfigChange[] {
  const given = new Set(entries.map(({ name }) => name));
  const unset = [...current.keys()].filter((name) => !given.has(name));
  return planConfigChanges(table, current, [
    ...entries.map((entry) => ({ ...entry, operation: "set" as const })),
    ...unset.map((name) => ({ name, operation: "delete" as const, value: null })),
  ]);
}

function change(table: OptionTable, current: ReadonlyMap<string, string>, { name, operation, value }: ConfigOperation): ConfigChange {
  if (operation === "delete") return { name: checkedLength(table, name), value: undefined };
  if (value === null) throw new QueueError("INVALID_REQUEST", `Null value not supported for : ${name}`);
  const isList = table.isList(name);
  // An unknown one is refused by name, whatever the operation.
  if (operation === "set" || isList === undefined) return { name, value: judged(table, name, value) };
  if (!isList) throw invalid(`Can't ${operation.toUpperCase()} to key ${name} because its type is not LIST.`);
  const before = parts(table.effective(current, name));
  const given = parts(value);
  const after = operation === "append" ? [...new Set([...before, ...given])] : before.filter((part) => !given.includes(part));
  return { name, value: judged(table, name, after.join(",")) };
}

function parts(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function judged(table: OptionTable, name: string, value: string): string {
  checkedLength(table, name);
  if (Buffer.byteLength(value) > CONFIG_VALUE_BYTES_MAX)
    throw invalid(`The value of ${name} is longer than ${CONFIG_VALUE_BYTES_MAX} bytes`);
  const judgement = table.judge(name, value);
  if ("problem" in judgement) throw new QueueError(table.refusal, judgement.problem);
  return judgement.value;
}

function checkedLength({ noun }: OptionTable, name: string): string {
  if (Buffer.byteLength(name) > CONFIG_NAME_BYTES_MAX) throw invalid(`Unknown ${noun} config name: ${name.slice(0, 80)}…`);
  return name;
}

function checkTogether(table: OptionTable, configs: ReadonlyMap<string, string>): void {
  if (configs.size > CONFIGS_MAX) throw invalid(`at most ${CONFIGS_MAX} options can be set`);
  const problem = table.problem(configs);
  if (problem !== undefined) throw new QueueError(table.refusal, problem);
}

function invalid(message: string): QueueError {
  return new QueueError("INVALID_CONFIG", message);
}
