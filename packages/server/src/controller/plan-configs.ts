import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import type { ConfigChange } from "../cluster/commands.ts";
import { CONFIG_NAME_BYTES_MAX, CONFIG_VALUE_BYTES_MAX, CONFIGS_MAX } from "../cluster/limits.ts";
import { effectiveValue, judgeTopicOption, topicOption, topicOptionsProblem } from "../config/topic-options.ts";
import type { ConfigEntry, ConfigOperation } from "./requests.ts";

/**
 * The options that a new topic is created with.
 * @throws {QueueError} INVALID_CONFIG
 */
export function planTopicConfigs(entries: readonly ConfigEntry[]): Map<string, string> {
  const configs = new Map<string, string>();
  for (const { name, value } of entries) {
    if (value === null) throw invalid(`Null value not supported for topic configs: ${name}`);
    configs.set(name, judged(name, value));
  }
  checkTogether(configs);
  return configs;
}

/**
 * Texts to set or unset, from a topic's present options and what was asked for. `append` and `subtract` begin at the
 * default where nothing is set, as in Kafka.
 * @throws {QueueError} INVALID_CONFIG, INVALID_REQUEST
 */
export function planTopicConfigChanges(current: ReadonlyMap<string, string>, operations: readonly ConfigOperation[]): ConfigChange[] {
  const names = new Set(operations.map((operation) => operation.name));
  if (names.size < operations.length) throw new QueueError("INVALID_REQUEST", "Error due to duplicate config keys");
  const changes = operations.map((operation) => change(current, operation));
  const after = new Map(current);
  for (const { name, value } of changes) {
    if (value === undefined) after.delete(name);
    else after.set(name, value);
  }
  checkTogether(after);
  return changes;
}

/**
 * The same for options that replace all that are set: what is not among them is unset.
 * @throws {QueueError} INVALID_CONFIG, INVALID_REQUEST
 */
export function planTopicConfigReplacement(current: ReadonlyMap<string, string>, entries: readonly ConfigEntry[]): ConfigChange[] {
  const given = new Set(entries.map(({ name }) => name));
  const unset = [...current.keys()].filter((name) => !given.has(name));
  return planTopicConfigChanges(current, [
    ...entries.map((entry) => ({ ...entry, operation: "set" as const })),
    ...unset.map((name) => ({ name, operation: "delete" as const, value: null })),
  ]);
}

function change(current: ReadonlyMap<string, string>, { name, operation, value }: ConfigOperation): ConfigChange {
  if (operation === "delete") return { name: checkedLength(name), value: undefined };
  if (value === null) throw new QueueError("INVALID_REQUEST", `Null value not supported for : ${name}`);
  if (operation === "set") return { name, value: judged(name, value) };
  if (topicOption(name)?.type !== "list") {
    if (topicOption(name) !== undefined) throw invalid(`Can't ${operation.toUpperCase()} to key ${name} because its type is not LIST.`);
    return { name, value: judged(name, value) }; // unknown: refused by name
  }
  const before = parts(effectiveValue(current, name));
  const given = parts(value);
  const after = operation === "append" ? [...new Set([...before, ...given])] : before.filter((part) => !given.includes(part));
  return { name, value: judged(name, after.join(",")) };
}

function parts(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function judged(name: string, value: string): string {
  checkedLength(name);
  if (Buffer.byteLength(value) > CONFIG_VALUE_BYTES_MAX)
    throw invalid(`The value of ${name} is longer than ${CONFIG_VALUE_BYTES_MAX} bytes`);
  const judgement = judgeTopicOption(name, value);
  if ("problem" in judgement) throw invalid(judgement.problem);
  return judgement.value;
}

function checkedLength(name: string): string {
  if (Buffer.byteLength(name) > CONFIG_NAME_BYTES_MAX) throw invalid(`Unknown topic config name: ${name.slice(0, 80)}…`);
  return name;
}

function checkTogether(configs: ReadonlyMap<string, string>): void {
  if (configs.size > CONFIGS_MAX) throw invalid(`at most ${CONFIGS_MAX} options can be set`);
  const problem = topicOptionsProblem(configs);
  if (problem !== undefined) throw invalid(problem);
}

function invalid(message: string): QueueError {
  return new QueueError("INVALID_CONFIG", message);
}
