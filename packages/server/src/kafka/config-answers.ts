import type { BrokerConfigEntry } from "../config/broker-options.ts";
import { CLIENT_METRICS_OPTIONS } from "../config/client-metrics-options.ts";
import { DYNAMIC_OPTIONS } from "../config/dynamic-options.ts";
import { KAFKA_TYPE, type KafkaType } from "../config/kafka-option.ts";
import { effectiveValue, TOPIC_OPTIONS, type TopicOption } from "../config/topic-options.ts";

/** Where a value comes from, as DescribeConfigs numbers it. */
export const CONFIG_SOURCE = { topic: 1, dynamicBroker: 2, dynamicAll: 3, staticBroker: 4, default: 5, clientMetrics: 7 } as const;

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

/** All options of a subscription to metrics of clients, sorted by name. */
export function clientMetricsAnswers(own: ReadonlyMap<string, string>): ConfigAnswer[] {
  return CLIENT_METRICS_OPTIONS.map((option) => {
    const fallback = { name: option.name, value: option.default, source: CONFIG_SOURCE.default };
    return answerOf(option, [...setIn(own, option.name, CONFIG_SOURCE.clientMetrics), fallback], false);
  });
}

/** Options set while brokers run: on the one that is asked about, and on all. */
export type DynamicLayers = Readonly<{ own: ReadonlyMap<string, string> | undefined; all: ReadonlyMap<string, string> }>;

/** What counts is the first of: set on this broker, on all brokers, at the start, never. */
export function brokerConfigAnswer(entry: BrokerConfigEntry, { own, all }: DynamicLayers): ConfigAnswer {
  const { name } = entry;
  const synonyms = [
    ...setIn(own, name, CONFIG_SOURCE.dynamicBroker),
    ...setIn(all, name, CONFIG_SOURCE.dynamicAll),
    { name, value: entry.value, source: entry.isDefault ? CONFIG_SOURCE.default : CONFIG_SOURCE.staticBroker },
  ];
  return answerOf(entry, synonyms, !entry.isDynamic);
}

/** What is set on all brokers, and nothing else. */
export function setOnAll({ all }: DynamicLayers): ConfigAnswer[] {
  return DYNAMIC_OPTIONS.flatMap((option) => {
    const synonyms = setIn(all, option.name, CONFIG_SOURCE.dynamicAll);
    return synonyms.length === 0 ? [] : [answerOf(option, synonyms, false)];
  });
}

type Synonym = ConfigAnswer["synonyms"][number];

function setIn(configs: ReadonlyMap<string, string> | undefined, name: string, source: number): Synonym[] {
  const value = configs?.get(name);
  return value === undefined ? [] : [{ name, value, source }];
}

function answerOf(
  { name, type, doc }: Readonly<{ name: string; type: KafkaType; doc: string }>,
  synonyms: readonly Synonym[],
  readOnly: boolean,
): ConfigAnswer {
  const [counts] = synonyms;
  return {
    name,
    value: counts?.value ?? "",
    readOnly,
    configSource: counts?.source ?? CONFIG_SOURCE.default,
    isSensitive: false,
    configType: KAFKA_TYPE[type],
    documentation: doc,
    synonyms,
  };
}
