import { QueueError } from "../base/errors.ts";
import { type Clock, sleep, type Timer } from "../io/clock.ts";
import type { PeerServices, PeerStream, StreamHandler } from "../io/peer-transport.ts";
import type { Random } from "../io/random.ts";
import type { Peer } from "../peer-net/peer.ts";
import type { Hello } from "../peer-net/proto/broker/replication.ts";
import type { Log } from "../telemetry/log.ts";
import { type FollowerLag, lagOf } from "./follower-lag.ts";
import { FollowerStream, type LeadingSide, type Led } from "./follower-stream.ts";
import { type FollowingSide, LeaderLink } from "./leader-link.ts";
import { LOOK_MS } from "./limits.ts";
import type { FollowedLog, LedLog } from "./logs.ts";
import { FOLLOW_PATH } from "./messages.ts";
import { type Members, ReplicaSet } from "./replica-set.ts";

/** A change of a partition's in-sync set, as its leader asks for it. */
export type InSyncChange = Readonly<{
  partitionId: number;
  leaderEpoch: number;
  to: readonly number[];
}>;

/** What replication asks of the metadata. */
export interface ReplicationState {
  readonly clusterId: string;
  /** Of the newest batch that is applied here. */
  readonly metadataIndex: number;
  /** Of the newest process of a broker that is known here; undefined: there is none. */
  brokerEpoch(broker: number): number | undefined;
  /** Registered, and not fenced. */
  isReady(broker: number): boolean;
  /** Below so many members the set of the partition never falls. */
  minInSync(partitionId: number): number;
  /**
   * In the partition's epoch as it is known here now. Resolves when it is applied here.
   * @throws {QueueError} With kind "retry" the outcome may be unknown; else it was refused.
   */
  changeInSync(change: InSyncChange): Promise<void>;
}

export type ReplicatorParts = Readonly<{
  brokerId: number;
  /** Of this process. */
  brokerEpoch: number;
  state: ReplicationState;
  clock: Clock;
  random: Random;
  logger: Log;
  peer(broker: number): Peer | undefined;
  /** Marks have moved: what was waiting for them can be sent. */
  settled(): void;
  /** Of the write-ahead log here: what cannot be used again without an upload. */
  usedRatio(): number;
  /** Partitions that are led here keep the log of a follower: they are to be uploaded when that is full. */
  pinned(): void;
  fatal(error: Error): void;
}>;

/**
 * Replication as one broker sees it: leads some partitions, which others follow, and follows the leaders of others, by one stream to
 * each of them (docs/rfcs/0011-replication.md).
 */
export class Replicator implements LeadingSide, FollowingSide {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Log;
  readonly services: PeerServices;
  readonly #parts: ReplicatorParts;
  readonly #led = new Map<number, Led>();
  readonly #streams = new Set<FollowerStream>();
  readonly #links = new Map<number, LeaderLink>();
  /** By partition: whom it follows. */
  readonly #leaderOf = new Map<number, number>();
  readonly #proposing = new Set<number>();
  #hasGrown = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    const accept: StreamHandler = (stream) => this.#accept(stream);
    this.services = { calls: new Map(), streams: new Map([[FOLLOW_PATH, accept]]) };
    this.#lookLater();
  }

  /** Leads the partition in a new leader epoch. */
  lead(log: LedLog, members: Members): ReplicaSet {
    this.leave(log.id);
    const set = new ReplicaSet(this.#parts.brokerId, members, { logEnd: log.logEnd, nowMs: this.clock.monotonicMs() });
    set.since = this.metadataIndex;
    this.#led.set(log.id, { log, set });
    return set;
  }

  /** As the metadata has them now. */
  membersChanged(partitionId: number, members: Members): void {
    const led = this.#led.get(partitionId);
    if (led === undefined) return;
    const before = led.set.members.replicas;
    for (const broker of led.set.replicasLeft(members)) this.#leftBy(broker, partitionId);
    if (before.join() !== members.replicas.join()) led.set.since = this.metadataIndex;
    led.set.members = members;
    led.log.moveMark();
    this.#parts.settled();
  }

  /** What the broker has said to have of it counts no more, nor does what is on its way: it follows anew once it has applied that, too. */
  replicaDamaged(partitionId: number, broker: number): void {
    const led = this.#led.get(partitionId);
    if (led === undefined) return;
    led.set.forget(broker);
    led.set.since = this.metadataIndex;
    this.#leftBy(broker, partitionId);
  }

  #leftBy(broker: number, partitionId: number): void {
    for (const stream of this.#streams) if (stream.broker === broker) stream.leave(partitionId);
  }

  /** Follows that leader, in that leader epoch. */
  follow(log: FollowedLog, leader: number, leaderEpoch: number): void {
    this.leave(log.id);
    this.#leaderOf.set(log.id, leader);
    this.#link(leader).follow(log, leaderEpoch);
  }

  /** What this broker has said to have of it, it has no more: its leader is asked for it anew. */
  followAnew(partitionId: number): void {
    const leader = this.#leaderOf.get(partitionId);
    if (leader !== undefined) this.#links.get(leader)?.followAnew(partitionId);
  }

  /** Neither leads nor follows it. */
  leave(partitionId: number): void {
    if (this.#led.delete(partitionId)) for (const stream of this.#streams) stream.leave(partitionId);
    const leader = this.#leaderOf.get(partitionId);
    if (leader === undefined) return;
    this.#leaderOf.delete(partitionId);
    this.#links.get(leader)?.leave(partitionId);
  }

  /** Another process of a broker is registered: of the one before nothing is known any more. */
  brokerRegistered(broker: number): void {
    for (const { set } of this.#led.values()) set.forget(broker);
    for (const stream of this.#streams) if (stream.broker === broker) stream.cancel();
  }

  /** It is ready again: whoever follows it need not wait until it would be tried once more. */
  brokerCameBack(broker: number): void {
    if (this.#links.has(broker)) this.#parts.peer(broker)?.cameBack();
  }

  /** The log of a partition that is led here has more that is durable. `durable` follows, once for all. */
  grew(partitionId: number): void {
    this.#hasGrown = true;
    for (const stream of this.#streams) stream.grew(partitionId);
  }

  /** Whoever follows the partition is to say that it does. */
  ask(partitionId: number): void {
    for (const stream of this.#streams) {
      stream.ask(partitionId);
      stream.flush();
    }
  }

  /** The mark of a partition that is led here moved. */
  markMoved(partitionId: number): void {
    for (const stream of this.#streams) stream.markMoved(partitionId);
  }

  /** How far its followers are behind, in the order of its replicas; none when it is not led here. */
  lagOf(partitionId: number): readonly FollowerLag[] {
    const led = this.#led.get(partitionId);
    return led === undefined ? [] : lagOf(led, this.#parts.brokerId, this.clock.monotonicMs());
  }

  /** How full the fullest log of a follower is that this partition keeps from being used again; 0: it keeps none. */
  pinnedRatio(partitionId: number): number {
    let ratio = 0;
    for (const stream of this.#streams) ratio = Math.max(ratio, stream.pinnedRatio(partitionId));
    return ratio;
  }

  /** Partitions that are led here and have followers. */
  ledIds(): Iterable<number> {
    return this.#led.keys();
  }

  /** Of all of them. */
  *lags(): Generator<readonly [partitionId: number, lags: readonly FollowerLag[]]> {
    for (const id of this.#led.keys()) yield [id, this.lagOf(id)];
  }

  /** A write of the log is durable. */
  durable(): void {
    if (this.#hasGrown) for (const stream of this.#streams) stream.flush();
    this.#hasGrown = false;
    for (const link of this.#links.values()) link.durable();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const link of this.#links.values()) link.close();
    for (const stream of [...this.#streams]) stream.cancel();
  }

  /* The side that leads. */

  led(partitionId: number): Led | undefined {
    return this.#led.get(partitionId);
  }

  refusal(hello: Hello): string | undefined {
    const { brokerId, state } = this.#parts;
    if (hello.clusterId !== state.clusterId) return `this is a broker of cluster ${state.clusterId}, not of ${hello.clusterId}`;
    if (hello.leaderId !== brokerId) return `this is broker ${brokerId}, not ${hello.leaderId}`;
    const known = state.brokerEpoch(hello.brokerId);
    if (known === hello.brokerEpoch) return undefined;
    return `broker ${hello.brokerId} is known here in epoch ${known ?? "none"}, not in ${hello.brokerEpoch}`;
  }

  entered(stream: FollowerStream): void {
    for (const other of this.#streams) if (other !== stream && other.broker === stream.broker) other.cancel();
    this.#streams.add(stream);
  }

  left(stream: FollowerStream): void {
    this.#streams.delete(stream);
  }

  acknowledged(led: readonly Led[]): void {
    for (const each of led) {
      each.log.moveMark();
      this.#look(each);
    }
    this.#parts.settled();
  }

  pinned(): void {
    this.#parts.pinned();
  }

  #accept(stream: PeerStream): FollowerStream {
    return new FollowerStream(this, stream);
  }

  #lookLater(): void {
    this.#timer = this.clock.after(LOOK_MS, () => {
      for (const led of this.#led.values()) {
        led.set.looked(led.log.logEnd, this.clock.monotonicMs());
        this.#look(led);
      }
      for (const link of this.#links.values()) link.tellFullness();
      if (!this.#isClosed) this.#lookLater();
    });
  }

  /** Whether the in-sync set should be another one; one wish at a time. One without an answer is withdrawn. */
  #look({ log, set }: Led): void {
    if (this.#proposing.has(log.id)) return;
    const { state } = this.#parts;
    const { logEnd, highWatermark } = log;
    const situation = {
      logEnd,
      highWatermark,
      nowMs: this.clock.monotonicMs(),
      minimum: state.minInSync(log.id),
      isReady: (broker: number) => state.isReady(broker),
    };
    const to = set.pending ?? set.wanted(situation);
    if (to === undefined) return;
    void this.#propose({ log, set }, to);
  }

  async #propose({ log, set }: Led, to: readonly number[]): Promise<void> {
    const { id: partitionId, leaderEpoch } = log;
    this.#proposing.add(partitionId);
    const isFirst = set.pending === undefined;
    if (isFirst) set.propose(to);
    try {
      await this.#parts.state.changeInSync({ partitionId, leaderEpoch, to });
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      // Without an answer it may still come into force, as an earlier attempt may: the set as it is is asked for, which settles both.
      set.refused(isFirst && error.kind !== "retry");
      this.logger.info("the in-sync set was not changed", { partition: log.name, to: to.join(), reason: error.message });
      await sleep(this.clock, LOOK_MS);
    } finally {
      this.#proposing.delete(partitionId);
    }
  }

  /* The side that follows. */

  get metadataIndex(): number {
    return this.#parts.state.metadataIndex;
  }

  peer(broker: number): Peer | undefined {
    return this.#parts.peer(broker);
  }

  hello(leader: number): Hello {
    const { brokerId, brokerEpoch, state } = this.#parts;
    return { clusterId: state.clusterId, brokerId, brokerEpoch, leaderId: leader };
  }

  usedRatio(): number {
    return this.#parts.usedRatio();
  }

  fatal(error: Error): void {
    this.#parts.fatal(error);
  }

  #link(leader: number): LeaderLink {
    let link = this.#links.get(leader);
    if (link === undefined) this.#links.set(leader, (link = new LeaderLink(this, leader)));
    return link;
  }
}
