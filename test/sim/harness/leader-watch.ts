import type { Broker } from "@tidemq/server/process/broker/broker.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";

/**
 * Looks at all brokers at once: a leader epoch belongs to one process, nobody appends in an older one than was seen, nor in another one than the
 * metadata says that is applied there.
 */
export class LeaderWatch {
  /** Who was seen in which leader epoch of a partition. */
  readonly #holders = new Map<string, Broker>();
  /** By broker and partition: the highest in which it was seen. */
  readonly #epochs = new Map<string, number>();

  /** @throws {CheckFailure} */
  look(brokers: Iterable<Broker>): void {
    for (const broker of brokers)
      for (const { identity, leaderEpoch, name } of broker.partitions.all()) {
        const epoch = `${identity.id}/${leaderEpoch}`;
        const holder = this.#holders.get(epoch) ?? broker;
        const both = `${holder.nodeId} and ${broker.nodeId === holder.nodeId ? "a later process of it" : broker.nodeId}`;
        check(holder === broker, "leaders", () => `${name}: epoch ${leaderEpoch} is led by ${both}`);
        this.#holders.set(epoch, holder);
        const told = broker.controller.state.partitions.get(identity.id)?.leaderEpoch;
        check(
          told === leaderEpoch,
          "leaders",
          () => `${name}: broker ${broker.nodeId} leads in epoch ${leaderEpoch}, and the metadata says ${told}`,
        );
        const place = `${broker.nodeId}/${identity.id}`;
        const before = this.#epochs.get(place) ?? -1;
        check(
          leaderEpoch >= before,
          "leaders",
          () => `${name}: broker ${broker.nodeId} went from leader epoch ${before} to ${leaderEpoch}`,
        );
        this.#epochs.set(place, leaderEpoch);
      }
  }
}
