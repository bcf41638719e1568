import type { Broker } from "@tidemq/server/process/broker/broker.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";

type Held = Readonly<{ epoch: number; by: Broker }>;

/**
 * Looks at all brokers at once: a leader epoch belongs to one process, nobody appends in an older one than was seen, nor in another one than the
 * metadata says that is applied there.
 */
export class LeaderWatch {
  /** By partition: who was seen in which leader epoch. */
  readonly #holders = new Map<number, Map<number, Broker>>();
  /** By broker and partition: what it was seen in last. */
  readonly #held = new Map<number, Map<number, Held>>();

  /** @throws {CheckFailure} */
  look(brokers: Iterable<Broker>): void {
    for (const broker of brokers) {
      const held = entry(this.#held, broker.nodeId);
      for (const { identity, leaderEpoch, name } of broker.partitions.all()) {
        const told = broker.controller.state.partitions.get(identity.id)?.leaderEpoch;
        check(
          told === leaderEpoch,
          "leaders",
          () => `${name}: broker ${broker.nodeId} leads in epoch ${leaderEpoch}, and the metadata says ${told}`,
        );
        const before = held.get(identity.id);
        if (before?.epoch === leaderEpoch && before.by === broker) continue;
        this.#hold(broker, identity.id, leaderEpoch, name);
        check(
          before === undefined || leaderEpoch >= before.epoch,
          "leaders",
          () => `${name}: broker ${broker.nodeId} went from leader epoch ${before?.epoch} to ${leaderEpoch}`,
        );
        held.set(identity.id, { epoch: leaderEpoch, by: broker });
      }
    }
  }

  #hold(broker: Broker, partition: number, leaderEpoch: number, name: string): void {
    const holders = entry(this.#holders, partition);
    const holder = holders.get(leaderEpoch) ?? broker;
    const both = `${holder.nodeId} and ${broker.nodeId === holder.nodeId ? "a later process of it" : broker.nodeId}`;
    check(holder === broker, "leaders", () => `${name}: epoch ${leaderEpoch} is led by ${both}`);
    holders.set(leaderEpoch, broker);
  }
}

function entry<V>(map: Map<number, Map<number, V>>, key: number): Map<number, V> {
  let inner = map.get(key);
  if (inner === undefined) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}
