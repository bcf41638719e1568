import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import { PLACEMENT_SHARES_MAX } from "./limits.ts";
import { type Candidate, type Caps, candidatesOf, compareRacks, insert, type Rack, racksOf, remove } from "./placement-candidates.ts";
import { evenLeaders, lead } from "./placement-leaders.ts";

/** Partitions of one topic. `seed`: decides between brokers that are equal. */
export type PlacementRequest = Readonly<{ count: number; factor: number; seed: string }>;

/**
 * Places new partitions on brokers that are ready: balanced by the replicas and the leaders that they have, never two replicas of a
 * partition on one host, and in as many racks as possible. Whoever has little gets more, but of one topic at most half as much again as an even
 * share. What was placed counts until the state moves on, so that topics of one request do not all meet on one broker.
 */
export class Placement {
  readonly #state: ClusterState;
  #countedAt = -1;
  #candidates: readonly Candidate[] = [];
  /** Those with the fewest replicas for their brokers come first. */
  #racks: Rack[] = [];
  #hosts = 0;
  /** Of the partition that is being placed. */
  #partition = 0;

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** What was placed comes to nothing. */
  forget(): void {
    this.#countedAt = -1;
  }

  /**
   * One list of brokers for each partition; the first is the preferred leader.
   * @throws {QueueError} INVALID_REPLICATION_FACTOR, never silently fewer.
   */
  place({ count, factor, seed }: PlacementRequest): number[][] {
    if (this.#countedAt !== this.#state.index) this.#count();
    if (factor > this.#hosts) throw this.#tooFew(factor);
    const share = (PLACEMENT_SHARES_MAX * count) / this.#candidates.length;
    const caps = { replicas: Math.ceil(share * factor), leads: Math.ceil(share) };
    for (const candidate of this.#candidates) candidate.begin(seed);
    for (const rack of this.#racks) rack.begin();
    this.#racks.sort(compareRacks);
    const placed = Array.from({ length: count }, () => this.#placeOne(factor, caps));
    evenLeaders(this.#candidates, placed, caps);
    return placed.map((replicas) => replicas.map(({ id }) => id));
  }

  /** Kafka's text, where it is true. */
  #tooFew(factor: number): QueueError {
    const brokers = this.#candidates.length;
    const text =
      factor > brokers
        ? `Replication factor: ${factor} larger than available brokers: ${brokers}.`
        : `Replication factor: ${factor} larger than available hosts: ${this.#hosts}, on which ${brokers} brokers run. ` +
          "No two replicas of a partition are placed on one host: host-name of a broker says where it runs.";
    return new QueueError("INVALID_REPLICATION_FACTOR", text);
  }

  #placeOne(factor: number, caps: Caps): Candidate[] {
    this.#partition += 1;
    const replicas: Candidate[] = [];
    let before = -1;
    while (replicas.length < factor) {
      assert(replicas.length > before, "there is a host without a replica of the partition");
      before = replicas.length;
      this.#oneOfEachRack(replicas, factor, caps);
    }
    for (const replica of replicas) {
      remove(this.#racks, replica.rack);
      replica.rack.added(replica);
      insert(this.#racks, replica.rack, compareRacks);
    }
    lead(replicas, caps);
    return replicas;
  }

  /** Who has its share of the topic comes only when there are not enough others, since racks go before shares. */
  #oneOfEachRack(replicas: Candidate[], factor: number, caps: Caps): void {
    const passedOver: Rack[] = [];
    for (const rack of this.#racks) {
      if (replicas.length === factor) return;
      if (!this.#takeFrom(rack, replicas, caps.replicas)) passedOver.push(rack);
    }
    for (const rack of passedOver) if (replicas.length < factor) this.#takeFrom(rack, replicas, Number.POSITIVE_INFINITY);
  }

  #takeFrom(rack: Rack, replicas: Candidate[], ownMax: number): boolean {
    const candidate = rack.candidates.find(({ host, ownReplicas }) => host.usedBy !== this.#partition && ownReplicas < ownMax);
    if (candidate === undefined) return false;
    candidate.host.usedBy = this.#partition;
    replicas.push(candidate);
    return true;
  }

  #count(): void {
    const candidates = candidatesOf(this.#state);
    for (const { replicas } of this.#state.partitions.values()) {
      for (const [at, broker] of replicas.entries()) candidates.get(broker)?.has(at === 0);
    }
    this.#candidates = [...candidates.values()];
    this.#racks = racksOf(this.#candidates);
    this.#hosts = new Set(this.#candidates.map(({ host }) => host)).size;
    this.#countedAt = this.#state.index;
  }
}
