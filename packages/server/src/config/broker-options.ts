import { DYNAMIC_OPTIONS, startValue } from "./dynamic-options.ts";
import type { KafkaType } from "./kafka-option.ts";
import { formatHostPort, type HostPort } from "./option-types.ts";
import type { StartConfig } from "./server-config.ts";

/** One line of DescribeConfigs for a broker, as it was started. */
export type BrokerConfigEntry = Readonly<{
  name: string;
  type: KafkaType;
  value: string;
  /** Whether it is what nobody set. */
  isDefault: boolean;
  /** It can be changed while the broker runs. */
  isDynamic: boolean;
  doc: string;
}>;

/** What only the running process knows. */
export type BrokerFacts = Readonly<{
  nodeId: number;
  /** Where it really listens. */
  listeners: readonly HostPort[];
  /** The largest request; a limit of the listener. */
  frameBytesMax: number;
}>;

/** Sorted by name. Only options whose value is true here; Kafka's many others have no counterpart. */
export function brokerConfigEntries(config: StartConfig, facts: BrokerFacts): readonly BrokerConfigEntry[] {
  const listeners = facts.listeners.map((listener) => `PLAINTEXT://${formatHostPort(listener)}`).join(",");
  const advertise = config.listeners[0]?.advertise;
  const advertised = advertise === undefined ? listeners : `PLAINTEXT://${formatHostPort(advertise)}`;
  const own: readonly BrokerConfigEntry[] = [
    set(
      "advertised.listeners",
      "list",
      advertised,
      "Addresses that clients are told. Without `advertise`, each client is told the one it reached.",
    ),
    set("auto.create.topics.enable", "boolean", String(config.autoCreateTopics), "`auto-create-topics`"),
    set("broker.id", "int", String(facts.nodeId), "The same as `node.id`."),
    fixed("default.replication.factor", "int", "1", "One node."),
    fixed("delete.topic.enable", "boolean", "true", "Topics can be deleted."),
    set("listeners", "list", listeners, "Where it listens: `listen`."),
    set("log.dir", "string", config.data, "`data`"),
    set("log.dirs", "list", config.data, "`data`"),
    set("node.id", "int", String(facts.nodeId), "The number of this node."),
    set("num.partitions", "int", String(config.defaultPartitions), "`default-partitions`"),
    fixed("process.roles", "list", "broker,controller", "Both in one process."),
    fixed("socket.request.max.bytes", "int", String(facts.frameBytesMax), "The largest request."),
  ];
  return [...own, ...dynamicOptions(config)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function dynamicOptions(config: StartConfig): BrokerConfigEntry[] {
  return DYNAMIC_OPTIONS.map(({ name, type, doc, default: byDefault }) => {
    const value = startValue(config, name);
    return { name, type, value, isDefault: value === byDefault, isDynamic: true, doc };
  });
}

function set(name: string, type: KafkaType, value: string, doc: string): BrokerConfigEntry {
  return { name, type, value, isDefault: false, isDynamic: false, doc };
}

function fixed(name: string, type: KafkaType, value: string, doc: string): BrokerConfigEntry {
  return { name, type, value, isDefault: true, isDynamic: false, doc };
}
