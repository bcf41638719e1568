import type { ClusterState } from "./cluster-state.ts";
import { type ConfigChange, type Outcome, type Refusal, refuse, type SetBrokerConfigs, type SetTopicConfigs } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { CONFIGS_MAX } from "./limits.ts";
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

function judge(options: Options, command: Readonly<{ versionBefore: number; changes: readonly ConfigChange[] }>): Refusal | undefined {
  if (options.configVersion !== command.versionBefore) return refuse("changed", "somebody else changed the options meanwhile");
  const names = new Set(options.configs.keys());
  for (const { name, value } of command.changes) {
    if (value === undefined) names.delete(name);
    else names.add(name);
  }
  return names.size > CONFIGS_MAX ? refuse("INVALID_CONFIG", `at most ${CONFIGS_MAX} options can be set`) : undefined;
}

function change(options: Options, changes: readonly ConfigChange[]): void {
  for (const { name, value } of changes) {
    if (value === undefined) options.configs.delete(name);
    else options.configs.set(name, value);
  }
  options.configVersion += 1;
}
