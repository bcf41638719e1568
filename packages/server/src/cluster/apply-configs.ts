import type { ClusterState } from "./cluster-state.ts";
import {
  type ConfigChange,
  type Outcome,
  type Refusal,
  refuse,
  type SetBrokerConfigs,
  type SetClientMetrics,
  type SetTopicConfigs,
} from "./commands.ts";
import type { Effect } from "./effects.ts";
import { CLIENT_METRICS_MAX, CLIENT_METRICS_OPTIONS_MAX, CONFIGS_MAX } from "./limits.ts";
import { noSuchTopicId } from "./rules.ts";

type Options = { readonly configs: Map<string, string>; configVersion: number };

export function applySetTopicConfigs(state: ClusterState, command: SetTopicConfigs, effects: Effect[]): Outcome {
  const topic = state.topicsById.get(command.topicId);
  if (topic === undefined) return noSuchTopicId();
  const refusal = judge(topic, command);
  if (refusal !== undefined) return refusal;
  state.observer?.beforeTopic(topic);
  change(topic, command.changes);
  effects.push({ kind: "topic-configs-changed", topicId: topic.id });
  return { configVersion: topic.configVersion };
}

export function applySetBrokerConfigs(state: ClusterState, command: SetBrokerConfigs, effects: Effect[]): Outcome {
  const options = state.brokerConfigs.get(command.broker) ?? { configs: new Map<string, string>(), configVersion: 0 };
  const refusal = judge(options, command);
  if (refusal !== undefined) return refusal;
  change(options, command.changes);
  state.brokerConfigs.set(command.broker, options);
  effects.push({ kind: "broker-configs-changed", broker: command.broker });
  return { configVersion: options.configVersion };
}

/** Its version is the batch's index: one that was removed and made anew is told apart. */
export function applySetClientMetrics(state: ClusterState, command: SetClientMetrics, effects: Effect[]): Outcome {
  const { name, changes } = command;
  const options = state.clientMetrics.get(name) ?? { configs: new Map<string, string>(), configVersion: 0 };
  const refusal = judge(options, command, CLIENT_METRICS_OPTIONS_MAX);
  if (refusal !== undefined) return refusal;
  const isNew = !state.clientMetrics.has(name);
  if (isNew && state.clientMetrics.size >= CLIENT_METRICS_MAX && changes.some(({ value }) => value !== undefined))
    return refuse("POLICY_VIOLATION", `at most ${CLIENT_METRICS_MAX} subscriptions to metrics can exist`);
  change(options, changes);
  options.configVersion = state.index;
  if (options.configs.size > 0) state.clientMetrics.set(name, options);
  else state.clientMetrics.delete(name);
  effects.push({ kind: "client-metrics-changed", name });
  return { configVersion: options.configVersion };
}

type Changes = Readonly<{ versionBefore: number; changes: readonly ConfigChange[] }>;

function judge(options: Options, command: Changes, optionsMax: number = CONFIGS_MAX): Refusal | undefined {
  if (options.configVersion !== command.versionBefore) return refuse("changed", "somebody else changed the options meanwhile");
  const names = new Set(options.configs.keys());
  for (const { name, value } of command.changes) {
    if (value === undefined) names.delete(name);
    else names.add(name);
  }
  return names.size > optionsMax ? refuse("INVALID_CONFIG", `at most ${optionsMax} options can be set`) : undefined;
}

function change(options: Options, changes: readonly ConfigChange[]): void {
  for (const { name, value } of changes) {
    if (value === undefined) options.configs.delete(name);
    else options.configs.set(name, value);
  }
  options.configVersion += 1;
}
