import type { Broker } from "@tidemq/server/process/broker.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";

/** Looks at all brokers at once: a leader epoch belongs to one of them, and nobody appends in an older one than was seen. */
export class LeaderWatch {
  /** Who was seen in which leader epoch of a partition. */
  readonly #holders = new Map<string, number>();
  /** By broker and partition: the highest in which it was seen. */
  readonly #epochs = new Map<string, number>();

  /** @throws {CheckFailure} */
  look(brokers: Iterable<Broker>): void {
    for (const broker of brokers)
      for (const { identity, leaderEpoch, name } of broker.partitions.all()) {
        const epoch = `${identity.id}/${leaderEpoch}`;
        const holder = this.#holders.get(epoch) ?? broker.nodeId;
        check(holder === broker.nodeId, "leaders", () => `${name}: epoch ${leaderEpoch} is led by ${holder} and ${broker.nodeId}`);
        this.#holders.set(epoch, holder);
        const place = `${broker.nodeId}/${identity.id}`;
        const before = this.#epochs.get(place) ?? -1;
        check(leaderEpoch >= before, "leaders", () => `${name}: broker ${holder} went from leader epoch ${before} to ${leaderEpoch}`);
        this.#epochs.set(place, leaderEpoch);
      }
  }
}
