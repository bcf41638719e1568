import { DYNAMIC_OPTIONS, startValue } from "./dynamic-options.ts";
import type { KafkaType } from "./kafka-option.ts";
import { formatHostPort, type HostPort } from "./option-types.ts";
import type { ServingConfig } from "./server-config.ts";

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
  /** Where it really listens, by the name of the listener; without one it is the first listener's. */
  listeners: readonly (HostPort & Readonly<{ name?: string }>)[];
  /** The largest request; a limit of the listener. */
  frameBytesMax: number;
}>;

/** Sorted by name. Only options whose value is true here; Kafka's many others have no counterpart. */
export function brokerConfigEntries(config: ServingConfig, facts: BrokerFacts): readonly BrokerConfigEntry[] {
  const { listeners, advertised } = listenerTexts(config, facts);
  const own: BrokerConfigEntry[] = [
    set(
      "advertised.listeners",
      "list",
      advertised,
      "Addresses that clients are told. Without `advertise`, the one node tells each client the address that it reached.",
    ),
    set("auto.create.topics.enable", "boolean", String(config.autoCreateTopics), "`auto-create-topics`"),
    set("broker.id", "int", String(facts.nodeId), "The same as `node.id`."),
    set("default.replication.factor", "int", String(config.defaultReplicationFactor), "`default-replication-factor`; 1 on one node."),
    fixed("delete.topic.enable", "boolean", "true", "Topics can be deleted."),
    fixed("listener.security.protocol.map", "list", protocols(config), "All of them without encryption."),
    set("listeners", "list", listeners, "Where it listens: `listen` or `listeners`."),
    set("log.dir", "string", config.data, "`data`"),
    set("log.dirs", "list", config.data, "`data`"),
    set("node.id", "int", String(facts.nodeId), "The number of this node."),
    set("num.partitions", "int", String(config.defaultPartitions), "`default-partitions`"),
    fixed("process.roles", "list", config.roles.join(","), "`roles`"),
    fixed("socket.request.max.bytes", "int", String(facts.frameBytesMax), "The largest request."),
  ];
  const rack = config.rack === "" ? [] : [set("broker.rack", "string", config.rack, "`rack`")];
  const selector = config.fetchFromFollowers ? "RackAwareReplicaSelector" : "LeaderSelector";
  own.push(set("replica.selector.class", "string", `org.apache.kafka.common.replica.${selector}`, "`fetch-from-followers`"));
  return [...own, ...rack, ...dynamicOptions(config)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As Kafka writes them: `NAME://HOST:PORT`, joined by commas. */
function listenerTexts(config: ServingConfig, facts: BrokerFacts): Readonly<{ listeners: string; advertised: string }> {
  const [first] = config.listeners;
  const text = (name: string, address: HostPort): string => `${name}://${formatHostPort(address)}`;
  const bound = (name: string): readonly string[] =>
    facts.listeners.filter((one) => (one.name ?? first?.name) === name).map((one) => text(name, one));
  return {
    listeners: config.listeners.flatMap(({ name }) => bound(name)).join(","),
    advertised: config.listeners
      .flatMap(({ name, advertise }) => (advertise === undefined ? bound(name) : [text(name, advertise)]))
      .join(","),
  };
}

function protocols({ listeners }: ServingConfig): string {
  return listeners.map(({ name }) => `${name}:PLAINTEXT`).join(",");
}

function dynamicOptions(config: ServingConfig): BrokerConfigEntry[] {
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
