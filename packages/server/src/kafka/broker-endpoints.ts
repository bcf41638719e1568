import type { ClientConnection } from "../client-net/client-connection.ts";
import type { BrokerState } from "../cluster/cluster-state.ts";
import type { HostPort } from "../config/option-types.ts";
import type { KafkaParts } from "./kafka-parts.ts";

const IPV4_MAPPED = "::ffff:";

/** Where the clients of one listener reach a broker. */
export type BrokerEndpoint = HostPort & Readonly<{ id: number; rack: string | null; isFenced: boolean }>;

/** By the number of the broker, in the order in which they first came. */
export type BrokerEndpoints = ReadonlyMap<number, BrokerEndpoint>;

/**
 * The brokers that are alive, each under the listener through which this client came. One without a listener of that name is not
 * there for the client, as with Kafka.
 */
export function brokersOf(parts: KafkaParts, connection: ClientConnection): BrokerEndpoints {
  return endpoints(parts, connection, false);
}

/** The same, and those that are fenced. */
export function brokersWithFenced(parts: KafkaParts, connection: ClientConnection): BrokerEndpoints {
  return endpoints(parts, connection, true);
}

/** Any broker does what a controller does for clients: this one, unless it is not there for the client. */
export function controllerAmong(brokers: BrokerEndpoints, { options: { brokerId } }: KafkaParts): number {
  const [first = -1] = brokers.keys();
  return brokers.has(brokerId) ? brokerId : first;
}

/** This broker, as the client shall reach it: as configured, else as registered, else as it did reach it. */
export function ownAddress(parts: KafkaParts, connection: ClientConnection): HostPort {
  const { advertise, brokerId } = parts.options;
  const broker = parts.state.brokers.get(brokerId);
  return advertise ?? (broker && listenerOf(broker, connection.listenerName)) ?? reached(connection);
}

function endpoints(parts: KafkaParts, connection: ClientConnection, withFenced: boolean): BrokerEndpoints {
  const found = new Map<number, BrokerEndpoint>();
  for (const broker of parts.state.brokers.values()) {
    if (broker.fenced && !withFenced) continue;
    const isOwn = broker.id === parts.options.brokerId;
    const address = isOwn ? ownAddress(parts, connection) : listenerOf(broker, connection.listenerName);
    if (address !== undefined) found.set(broker.id, endpoint(broker, address));
  }
  return found;
}

function endpoint({ id, rack, fenced }: BrokerState, { host, port }: HostPort): BrokerEndpoint {
  return { id, host, port, rack: rack === "" ? null : rack, isFenced: fenced };
}

function listenerOf({ listeners }: BrokerState, name: string): HostPort | undefined {
  return listeners.find((listener) => listener.name === name);
}

function reached({ local: { host, port } }: ClientConnection): HostPort {
  return { host: host.startsWith(IPV4_MAPPED) ? host.slice(IPV4_MAPPED.length) : host, port };
}
