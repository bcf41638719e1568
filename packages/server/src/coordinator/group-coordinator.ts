import { Buffer } from "node:buffer";
import { QueueError } from "../base/errors.ts";
import { type ClusterState, NO_LEADER } from "../cluster/cluster-state.ts";
import type { Effect } from "../cluster/effects.ts";
import { type Clock, nextTurn, type Timer } from "../io/clock.ts";
import type { InternalPartitions } from "../partition/hosting.ts";
import type { Partition } from "../partition/partition.ts";
import { TurnShare } from "../quota/turn-share.ts";
import type { Answer } from "./answers.ts";
import { TopicPatterns } from "./consumer/topic-patterns.ts";
import type { GroupShard } from "./group-shard.ts";
import { ANSWERS_PER_TURN, GROUP_PARTITIONS, OPENED_WAIT_MS, SWEEP_INTERVAL_MS, TURN_SHARE_MS } from "./limits.ts";
import type { GroupOptions } from "./options.ts";
import { type Request, ShardDriver } from "./shard-driver.ts";
import type { Matched, Topic, Topology } from "./topology.ts";

/** The internal topic whose partitions are the groups. */
export const GROUPS_TOPIC = "@groups";

/** No group has this id. */
const ALL_GROUPS = "";

export type GroupCoordinatorParts = Readonly<{
  brokerId: number;
  clock: Clock;
  state: ClusterState;
  options: GroupOptions;
  /** Wall time by which offsets are old; a leap of the clock does not move it at once. */
  expiryMs: () => number;
  /** Makes the internal topic, once. Its partitions are led somewhere when this resolves. */
  createTopic(name: string, partitions: number): Promise<void>;
  /** Resolves when the partition is served here, or is not expected to be soon. */
  opened(partitionId: number, waitMs: number): Promise<unknown>;
}>;

/** Who waits for a partition to be served here. */
type Waiting = Readonly<{
  /** The last leader epoch in which nobody else can have led it since. */
  leaderEpoch: number;
  run: (shard: ShardDriver) => void;
  refuse: (error: Error) => void;
}>;

/** The answer that a request of this kind gets. */
type AnswerTo<R extends Request> = Answer extends infer A
  ? A extends { kind: infer K }
    ? R["kind"] extends K
      ? A
      : never
    : never
  : never;

/**
 * The groups whose partitions are led here. A group belongs to the partition that the FNV-1a hash of its id names; the leader of that is its
 * coordinator. The topic comes into being with the first request for any group.
 */
export class GroupCoordinator implements InternalPartitions, Topology {
  readonly #parts: GroupCoordinatorParts;
  /** By partition index. */
  readonly #shards = new Map<number, ShardDriver>();
  /** By partition index, in the order in which they came. */
  readonly #waiting = new Map<number, Set<Waiting>>();
  readonly #share: TurnShare;
  readonly #answers: TurnShare;
  readonly #patterns: TopicPatterns;
  version = 0;
  #creating: Promise<void> | undefined;
  #sweepTimer: Timer | undefined;
  /** Partitions whose groups are to be looked at, one after the other. */
  readonly #toSweep = new Set<ShardDriver>();
  #isSweeping = false;
  #isStopped = false;

  constructor(parts: GroupCoordinatorParts) {
    this.#parts = parts;
    this.#share = new TurnShare(parts.clock, TURN_SHARE_MS);
    this.#answers = new TurnShare(parts.clock, ANSWERS_PER_TURN);
    this.#patterns = new TopicPatterns(parts.clock, () => parts.state.topicsByName.keys());
  }

  opened(partition: Partition): void {
    const { clock, options, expiryMs } = this.#parts;
    const { index } = partition.identity;
    const shard = new ShardDriver(partition, { share: this.#share, answers: this.#answers, clock, options, topology: this, expiryMs });
    this.#shards.set(index, shard);
    this.#serveWaiting(index, shard);
    this.#sweepLater();
  }

  closed(partition: Partition): void {
    this.#shards.get(partition.identity.index)?.close();
    this.#shards.delete(partition.identity.index);
  }

  /** In the turn in which the metadata changed: groups lose the offsets of deleted topics, and assign new partitions. */
  applied(effects: readonly Effect[]): void {
    for (const effect of effects) {
      // Internal topics are nobody's to read.
      if (effect.kind === "topic-created" && this.byName(effect.name) !== undefined) this.#patterns.created(effect.name);
      else if (effect.kind === "topic-deleted") this.#patterns.deleted(effect.name);
    }
    const concerns = ({ kind }: Effect): boolean => kind === "topic-created" || kind === "topic-deleted" || kind === "partition-created";
    if (!effects.some(concerns)) return;
    this.version += 1;
    this.#sweep();
  }

  /** Resolves when there is a coordinator for every group. @throws QueueError of the controller. */
  async ready(): Promise<void> {
    // Who came while it was made goes first.
    if (this.#creating === undefined && this.#parts.state.internalTopics.has(GROUPS_TOPIC)) return;
    this.#creating ??= this.#create().finally(() => {
      this.#creating = undefined;
    });
    await this.#creating;
  }

  /** Brokers that are away for a moment are no reason for clients to give up. */
  async #create(): Promise<void> {
    try {
      await this.#parts.createTopic(GROUPS_TOPIC, GROUP_PARTITIONS);
    } catch (error) {
      if (!(error instanceof QueueError) || error.code !== "INVALID_REPLICATION_FACTOR") throw error;
      throw new QueueError("COORDINATOR_NOT_AVAILABLE", error.message, { cause: error });
    }
  }

  /** The broker that leads the group's partition. @throws QueueError COORDINATOR_NOT_AVAILABLE */
  async coordinatorOf(groupId: string): Promise<number> {
    await this.ready();
    const leader = this.#leaderOf(this.#partitionOf(groupId).id);
    if (leader === NO_LEADER) throw unavailable();
    return leader;
  }

  /** @throws QueueError NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE: find the coordinator again. */
  async ask<R extends Request>(request: R): Promise<AnswerTo<R>> {
    return (await this.#atShardOf(request.groupId, (shard) => shard.ask(request))) as AnswerTo<R>;
  }

  /** Runs on the groups of that one's partition when all that they show is durable. */
  async read<T>(groupId: string, run: (shard: GroupShard) => T): Promise<T> {
    return this.#atShardOf(groupId, (shard) => shard.read(groupId, run));
  }

  /**
   * The same on all partitions that are led here, one a turn of the loop. @throws QueueError COORDINATOR_NOT_AVAILABLE when one of them is not
   * served, or has no leader at all: nobody else would tell of its groups.
   */
  async readAll<T>(run: (shard: GroupShard) => T): Promise<T[]> {
    const here = [...this.#partitions.entries()].filter(([, id]) => !this.#isElsewhere(id));
    const shards = await Promise.all(here.map(([index, id]) => this.#atShard(index, id, (shard) => Promise.resolve(shard))));
    const results: T[] = [];
    for (const shard of shards) {
      results.push(await shard.read(ALL_GROUPS, run));
      await nextTurn(this.#parts.clock);
    }
    return results;
  }

  /** Who waits is answered, so that a stop waits for nobody. */
  stop(): void {
    this.#isStopped = true;
    this.#sweepTimer?.cancel();
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
    this.#patterns.stop();
    this.#toSweep.clear();
  }

  byId(topicId: string): Topic | undefined {
    return topicOf(this.#parts.state.topicById(topicId));
  }

  byName(name: string): Topic | undefined {
    return topicOf(this.#parts.state.topic(name));
  }

  matching(expression: string): Matched | undefined {
    return this.#patterns.matching(expression);
  }

  known(expressions: Iterable<string>): Promise<void> | undefined {
    return this.#patterns.known(expressions);
  }

  async #atShardOf<T>(groupId: string, run: (shard: ShardDriver) => Promise<T>): Promise<T> {
    await this.ready();
    const { index, id } = this.#partitionOf(groupId);
    return this.#atShard(index, id, run);
  }

  #partitionOf(groupId: string): Readonly<{ index: number; id: number }> {
    const partitions = this.#partitions;
    const index = fnv1a(groupId) % Math.max(1, partitions.length);
    return { index, id: partitions[index] ?? -1 };
  }

  /**
   * Requests run in the order in which they came, also those that wait for the partition: a client may have given up the connection of one and
   * sent the next. A commit that its successor had overtaken would take that back; so would one from before another broker led.
   */
  async #atShard<T>(index: number, partitionId: number, run: (shard: ShardDriver) => Promise<T>): Promise<T> {
    if (this.#isElsewhere(partitionId)) throw new QueueError("NOT_COORDINATOR", "another broker is the coordinator of the group");
    const shard = this.#shards.get(index);
    if (shard !== undefined) return run(shard);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const state = this.#parts.state.partitions.get(partitionId);
    const leaderEpoch = (state?.leaderEpoch ?? 0) + (state?.leader === NO_LEADER ? 1 : 0);
    const waiting: Waiting = { leaderEpoch, run: (served) => void run(served).then(resolve, reject), refuse: reject };
    const all = this.#waiting.get(index) ?? new Set();
    this.#waiting.set(index, all.add(waiting));
    await Promise.race([promise, this.#parts.opened(partitionId, OPENED_WAIT_MS)]);
    if (all.delete(waiting)) throw unavailable();
    return promise;
  }

  #serveWaiting(index: number, shard: ShardDriver): void {
    const all = this.#waiting.get(index) ?? new Set();
    for (const waiting of all) {
      all.delete(waiting);
      if (shard.partition.leaderEpoch <= waiting.leaderEpoch) waiting.run(shard);
      else waiting.refuse(unavailable());
    }
  }

  #isElsewhere(partitionId: number): boolean {
    const leader = this.#leaderOf(partitionId);
    return leader !== NO_LEADER && leader !== this.#parts.brokerId;
  }

  #leaderOf(partitionId: number): number {
    return this.#parts.state.partitions.get(partitionId)?.leader ?? NO_LEADER;
  }

  get #partitions(): readonly number[] {
    return this.#parts.state.internalTopics.get(GROUPS_TOPIC)?.partitions ?? [];
  }

  #sweep(): void {
    for (const shard of this.#shards.values()) this.#toSweep.add(shard);
    if (!this.#isSweeping) this.#sweepNext();
  }

  /** Who is asked for again while it is under way has another turn: its first groups have not seen what changed since. */
  #sweepNext(): void {
    const [shard] = this.#toSweep;
    this.#isSweeping = shard !== undefined;
    if (shard === undefined) return;
    this.#toSweep.delete(shard);
    shard.sweep(() => this.#parts.clock.nextTurn(() => this.#sweepNext()));
  }

  #sweepLater(): void {
    if (this.#isStopped || this.#sweepTimer !== undefined) return;
    this.#sweepTimer = this.#parts.clock.after(SWEEP_INTERVAL_MS, () => {
      this.#sweepTimer = undefined;
      this.#sweep();
      this.#sweepLater();
    });
  }
}

function topicOf(topic: Readonly<{ id: string; name: string; partitions: readonly number[] }> | undefined): Topic | undefined {
  return topic && { id: topic.id, name: topic.name, partitions: topic.partitions.length };
}

function unavailable(): QueueError {
  return new QueueError("COORDINATOR_NOT_AVAILABLE", "the coordinator of the group is not available at the moment");
}

/** 32 bits, of UTF-8. http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
