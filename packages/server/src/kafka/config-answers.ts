import type { BrokerConfigEntry } from "../config/broker-options.ts";
import { KAFKA_TYPE } from "../config/kafka-option.ts";
import { effectiveValue, TOPIC_OPTIONS, type TopicOption } from "../config/topic-options.ts";

/** Where a value comes from, as DescribeConfigs numbers it. */
export const CONFIG_SOURCE = { topic: 1, staticBroker: 4, default: 5 } as const;

/** One option as DescribeConfigs and CreateTopics answer it. */
export type ConfigAnswer = Readonly<{
  name: string;
  value: string;
  readOnly: boolean;
  configSource: number;
  isSensitive: boolean;
  configType: number;
  documentation: string;
  synonyms: readonly Readonly<{ name: string; value: string; source: number }>[];
}>;

/** All options of a topic with these of its own, sorted by name. */
export function topicConfigAnswers(own: ReadonlyMap<string, string>): ConfigAnswer[] {
  return TOPIC_OPTIONS.map((option) => topicConfigAnswer(option, own));
}

function topicConfigAnswer(option: TopicOption, own: ReadonlyMap<string, string>): ConfigAnswer {
  const isOwn = own.has(option.name);
  const value = effectiveValue(own, option.name);
  const [brokerName] = option.synonyms;
  const fallback = brokerName === undefined ? [] : [{ name: brokerName, value: option.default, source: CONFIG_SOURCE.default }];
  return {
    name: option.name,
    value,
    readOnly: false,
    configSource: isOwn ? CONFIG_SOURCE.topic : CONFIG_SOURCE.default,
    isSensitive: false,
    configType: KAFKA_TYPE[option.type],
    documentation: option.doc,
    synonyms: isOwn ? [{ name: option.name, value, source: CONFIG_SOURCE.topic }, ...fallback] : fallback,
  };
}

export function brokerConfigAnswer(entry: BrokerConfigEntry): ConfigAnswer {
  const source = entry.isDefault ? CONFIG_SOURCE.default : CONFIG_SOURCE.staticBroker;
  return {
    name: entry.name,
    value: entry.value,
    readOnly: true,
    configSource: source,
    isSensitive: false,
    configType: KAFKA_TYPE[entry.type],
    documentation: entry.doc,
    synonyms: [{ name: entry.name, value: entry.value, source }],
  };
}
