import type { ClusterState } from "../../cluster/cluster-state.ts";
import type { BrokerDescription } from "../../peer-net/proto/controller/broker.ts";
import type { BrokerSession } from "../broker-sessions.ts";

/** Every broker that is registered, by id, with what this controller hears of it. */
export function describeBrokers(
  state: ClusterState,
  sessionOf: (broker: number) => BrokerSession | undefined,
  nowMs: number,
): BrokerDescription[] {
  const counts = countPartitions(state);
  return [...state.brokers.values()]
    .sort((a, b) => a.id - b.id)
    .map(({ id, epoch, fenced, host, rack, listeners }) => {
      const { partitions, partitionsLed } = counts.get(id) ?? { partitions: 0, partitionsLed: 0 };
      const session = sessionOf(id);
      const signs =
        session?.brokerEpoch === epoch
          ? { silentMs: Math.round(nowMs - session.heardMs), appliedIndex: session.appliedIndex, load: session.load }
          : undefined;
      const endpoints = listeners.map((listener) => ({ ...listener, securityProtocol: "PLAINTEXT" }));
      return { id, epoch, fenced, host, rack, listeners: endpoints, partitions, partitionsLed, signs };
    });
}

function countPartitions(state: ClusterState): ReadonlyMap<number, Readonly<{ partitions: number; partitionsLed: number }>> {
  const counts = new Map<number, { partitions: number; partitionsLed: number }>();
  for (const { replicas, leader } of state.partitions.values())
    for (const broker of replicas) {
      const count = counts.get(broker) ?? { partitions: 0, partitionsLed: 0 };
      count.partitions += 1;
      if (leader === broker) count.partitionsLed += 1;
      counts.set(broker, count);
    }
  return counts;
}
