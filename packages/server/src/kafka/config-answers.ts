import { ALL_BROKERS } from "../cluster/cluster-state.ts";
import type { BrokerConfigEntry } from "../config/broker-options.ts";
import { CLIENT_METRICS_OPTIONS } from "../config/client-metrics-options.ts";
import { DYNAMIC_OPTIONS } from "../config/dynamic-options.ts";
import { KAFKA_TYPE, type KafkaType } from "../config/kafka-option.ts";
import { effectiveValue, TOPIC_OPTIONS, type TopicOption } from "../config/topic-options.ts";
import type { KafkaParts } from "./kafka-parts.ts";

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

/** All options of a topic with these of its own, sorted by name. What it does not set is set on the broker, on all, or never. */
export function topicConfigAnswers(own: ReadonlyMap<string, string>, layers: DynamicLayers): ConfigAnswer[] {
  return TOPIC_OPTIONS.map((option) => topicConfigAnswer(option, own, layers));
}

function topicConfigAnswer(option: TopicOption, own: ReadonlyMap<string, string>, layers: DynamicLayers): ConfigAnswer {
  const { name, doc, type } = option;
  const synonyms: Synonym[] = own.has(name) ? [{ name, value: effectiveValue(own, name), source: CONFIG_SOURCE.topic }] : [];
  const [brokerName] = option.synonyms;
  if (brokerName !== undefined) synonyms.push(...setOnBrokers(brokerName, layers), defaultOf(brokerName, option.default));
  const [counts] = synonyms;
  const answer = answerOf({ name, type, doc }, synonyms, false);
  return counts === undefined ? { ...answer, value: option.default } : answer;
}

function defaultOf(name: string, value: string): Synonym {
  return { name, value, source: CONFIG_SOURCE.default };
}

function setOnBrokers(name: string, { own, all }: DynamicLayers): Synonym[] {
  return [...setIn(own, name, CONFIG_SOURCE.dynamicBroker), ...setIn(all, name, CONFIG_SOURCE.dynamicAll)];
}

/** All options of a subscription to metrics of clients, sorted by name. */
export function clientMetricsAnswers(own: ReadonlyMap<string, string>): ConfigAnswer[] {
  return CLIENT_METRICS_OPTIONS.map((option) => {
    const set = setIn(own, option.name, CONFIG_SOURCE.clientMetrics);
    return answerOf(option, [...set, defaultOf(option.name, option.default)], false);
  });
}

/** Options set while brokers run: on the one that is asked about, and on all. */
export type DynamicLayers = Readonly<{ own: ReadonlyMap<string, string> | undefined; all: ReadonlyMap<string, string> }>;

/** `broker`: this one, or all. */
export function layersOf({ state }: KafkaParts, broker: number): DynamicLayers {
  const all = state.brokerConfigsOf(ALL_BROKERS).configs;
  return { own: broker === ALL_BROKERS ? undefined : state.brokerConfigsOf(broker).configs, all };
}

/** What counts is the first of: set on this broker, on all brokers, at the start, never. */
export function brokerConfigAnswer(entry: BrokerConfigEntry, layers: DynamicLayers): ConfigAnswer {
  const { name } = entry;
  const synonyms = [
    ...setOnBrokers(name, layers),
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
