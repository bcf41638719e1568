import { must } from "../base/assert.ts";
import { kafkaErrorOf, QueueError } from "../base/errors.ts";
import { ALL_BROKERS, type ClusterState, isInternalTopic, isKept, NO_LEADER, type PartitionState } from "../cluster/cluster-state.ts";
import type { Effect } from "../cluster/effects.ts";
import { isElsewhere, isReady, minInSync } from "../cluster/rules.ts";
import { topicDefaults } from "../config/dynamic-options.ts";
import { type TopicDefaults, type TopicSettings, topicSettings } from "../config/topic-options.ts";
import { nextTurn, paced } from "../io/clock.ts";
import { type Steps, TurnShare } from "../quota/turn-share.ts";
import type { Replicator } from "../replication/replicator.ts";
import type { Log } from "../telemetry/log.ts";
import type { Uploader } from "../tier/upload.ts";
import { isUnreadable } from "../wal/log-reads.ts";
import type { RecoveredPartition, WalPartition } from "../wal/wal.ts";
import { FollowedPartition, type FollowedStart, type FollowedState } from "./followed-partition.ts";
import { HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { LateOpenings } from "./late-openings.ts";
import { PartitionLedLog } from "./led-log.ts";
import { OPENING_RETRY_MS, OPENING_WAIT_MS, OPENINGS_TURN_MS, RESTORE_TURN_MS } from "./limits.ts";
import { type Followers, Partition, type PartitionParts } from "./partition.ts";
import type { Partitions } from "./partitions.ts";
import type { RecordFolds } from "./record-fold.ts";
import { foldOfObject, foldsOfLog, isEmptyLog } from "./restored-folds.ts";
import { type BaseRecords, baseRecords, restoredRecords } from "./restored-records.ts";
import { PartitionUploadSource } from "./upload-source.ts";

export type HostingParts = PartitionParts &
  Readonly<{
    brokerId: number;
    state: ClusterState;
    partitions: Partitions;
    uploader: Uploader;
    log: Log;
    /** The internal topics and how their records are folded. */
    recordFolds: ReadonlyMap<string, RecordFolds>;
    internal: InternalPartitions;
    /** Undefined on one node: every partition has one replica. */
    replicator: Replicator | undefined;
    /** What is here of a partition is not whole, and others are in sync: this broker is to leave the set, and gets it again. */
    damaged: (partitionId: number) => void;
    /** A broken invariant in the background: ends the process. */
    fatal: (error: Error) => void;
  }>;

/** Hears of the internal partitions that are led here, in the turn in which it becomes so. */
export interface InternalPartitions {
  /** Its fold is there: it can be appended to. */
  opened(partition: Partition): void;
  closed(partition: Partition): void;
}

/** What a start found of a partition beside its folds. */
type Found = Readonly<{
  /** How far it was known to be committed. */
  mark: number;
  /** Append time of the oldest batch that is not uploaded. */
  oldestPendingMs?: number | undefined;
  /** Absent: the log is whole. */
  start?: FollowedStart;
}>;

/** Keeps the partitions here what the metadata says: opens at the start what has a replica here, then leads or follows as every applied change wants it. */
export class Hosting {
  readonly #parts: HostingParts;
  readonly #late: LateOpenings;
  readonly #openings: TurnShare;
  /** Whose log is here, but which this broker does not lead at the moment: another does, or none. */
  readonly #resting = new Map<number, Partition>();
  /** Of the resting: those that have other replicas. */
  readonly #followed = new Map<number, FollowedPartition>();

  #defaults: TopicDefaults;
  #defaultSettings: TopicSettings;
  /** Of which the log has something that is not open yet. */
  readonly #toRestore = new Set<number>();
  /** Of those: nobody else has them, and what they remember can be read only when object storage answers. */
  readonly #waiting = new Map<number, RecoveredPartition>();

  constructor(parts: HostingParts) {
    this.#parts = parts;
    this.#defaults = this.#defaultsOfNow();
    this.#defaultSettings = topicSettings(new Map(), this.#defaults);
    this.#openings = new TurnShare(parts.clock, OPENINGS_TURN_MS);
    this.#late = new LateOpenings((id) => this.#openLate(id), parts);
  }

  /** What the WAL held, then what it never heard of. Before anything is served. */
  async restore(recovered: readonly RecoveredPartition[]): Promise<void> {
    const { state, wal } = this.#parts;
    for (const found of recovered) {
      this.#catchUp(found);
      if (this.#isOfUse(found)) this.#toRestore.add(found.partition.id);
    }
    const pause = paced(this.#parts.clock, RESTORE_TURN_MS);
    let forgotten = 0;
    for (const found of recovered) {
      await pause();
      const { id } = found.partition;
      const mine = this.#mine(id);
      if (mine !== undefined && this.#toRestore.has(id)) await this.#restoreNowOrLater(mine, found);
      else if (!state.partitions.has(id))
        wal.forget(id); // deleted since the log was opened
      else if (this.#toRestore.has(id) && this.#isGivenUp(id)) {
        wal.forget(id);
        forgotten += 1;
      }
      if (!this.#waiting.has(id)) this.#toRestore.delete(id);
    }
    for (const { id } of state.partitions.values()) {
      if (this.#mine(id) !== undefined && this.#here(id) === undefined && !this.#waiting.has(id)) this.#openNew(id);
      await pause();
    }
    // The acceptance of a loss may follow at once, and must not find it in the log again after a crash.
    if (forgotten > 0) await wal.synced();
    await this.#late.settled(OPENING_WAIT_MS);
  }

  /**
   * What a replaced leader wrote and nobody else had may lie where others' records have been uploaded since. A member of the in-sync set has no
   * such thing there, nor has a log below the mark that it heard of.
   */
  #isOfUse(found: RecoveredPartition): boolean {
    if (found.partition.forgotten || isEmptyLog(found)) return false;
    const state = this.#parts.state.partitions.get(found.partition.id);
    if (state === undefined || state.replicas.length === 1) return true;
    return state.inSync.includes(this.#parts.brokerId) || found.markNoted >= state.uploadedEnd;
  }

  /** Since the log was opened, what this broker's earlier process uploaded may have been committed. */
  #catchUp({ partition }: RecoveredPartition): void {
    const state = this.#parts.state.partitions.get(partition.id);
    if (state === undefined) return;
    if (!isKept(state)) return this.#parts.wal.forget(partition.id); // given to others since
    partition.setUploadedEnd(state.uploadedEnd);
    partition.setLogStart(state.logStart);
  }

  /** Resolves when the partition is served, with true, or at the latest after `waitMs`. */
  async opened(partitionId: number, waitMs: number): Promise<boolean> {
    await this.#late.settled(waitMs, partitionId);
    return this.#parts.partitions.byId(partitionId) !== undefined;
  }

  stop(): void {
    this.#late.stop();
    for (const followed of this.#followed.values()) followed.stop();
  }

  /** In the turn in which the metadata changed. */
  applied(effects: readonly Effect[]): void {
    const created: number[] = [];
    for (const effect of effects) {
      if (effect.kind === "partition-created") created.push(effect.partitionId);
      this.#apply(effect);
    }
    if (created.length > 0) this.#openings.take(this.#openInSteps(created));
  }

  /** Opens those that nobody has asked for yet. */
  *#openInSteps(partitionIds: readonly number[]): Steps {
    for (const id of partitionIds) {
      if (this.#late.isStopped) return;
      this.#parts.partitions.byId(id);
      yield "more";
    }
  }

  #apply(effect: Effect): void {
    switch (effect.kind) {
      case "partition-created":
        return this.#created(effect.partitionId);
      case "leader-changed":
      case "index-kept":
        return this.#leaderChanged(effect.partitionId);
      case "topic-deleted":
        for (const id of effect.partitionIds) this.#drop(id, "UNKNOWN_TOPIC_OR_PARTITION");
        return;
      case "in-sync-changed":
        return this.#inSyncChanged(effect.partitionId);
      case "replica-damaged":
        return this.#parts.replicator?.replicaDamaged(effect.partitionId, effect.broker);
      case "replicas-changed":
        return this.#replicasChanged(effect.partitionId, effect.replicas);
      case "broker-registered":
        return this.#parts.replicator?.brokerRegistered(effect.broker);
      case "broker-unfenced":
        return this.#parts.replicator?.brokerCameBack(effect.broker);
      case "uploaded-end-moved":
        return this.#uploadedEndMoved(effect.partitionId, effect.uploadedEnd);
      case "log-start-raised":
        return this.#here(effect.partitionId)?.logStartRaised(effect.logStart);
      case "loss-accepted":
        return this.#lossAccepted(effect.partitionId, effect.from, effect.to);
      case "broker-configs-changed":
        return this.#defaultsChanged(effect.broker);
      case "topic-configs-changed":
        return this.#configsChanged(effect.topicId);
      default:
        return;
    }
  }

  #inSyncChanged(partitionId: number): void {
    const state = this.#led(partitionId);
    if (this.#isLost(partitionId) && this.#isMember(partitionId)) this.damaged(partitionId);
    if (state === undefined) return;
    const led = this.#parts.partitions.byId(partitionId);
    // Nobody else may be left to lead it, or to give what its records made.
    if (led !== undefined && isWithoutRecords(led)) this.#late.add(partitionId);
    if (this.#resting.has(partitionId)) this.#leaderChanged(partitionId);
    else this.#parts.replicator?.membersChanged(partitionId, state);
  }

  /** Something of it that was durable cannot be read any more. */
  damaged(partitionId: number): void {
    const state = this.#mine(partitionId);
    if (state === undefined || !this.#isElsewhere(state)) return;
    this.#parts.damaged(partitionId);
    // The leader is to count no more on what this broker has said to have; nothing may come for long that it cannot take.
    this.#parts.replicator?.followAnew(partitionId);
  }

  #isLost(partitionId: number): boolean {
    const followed = this.#followed.get(partitionId);
    if (followed !== undefined) return followed.isLost;
    const partition = this.#here(partitionId);
    return partition !== undefined && (partition.recordsLost || partition.wal.holes.length > 0);
  }

  #isMember(partitionId: number): boolean {
    return this.#parts.state.partitions.get(partitionId)?.inSync.includes(this.#parts.brokerId) === true;
  }

  #isElsewhere(state: PartitionState): boolean {
    return isElsewhere(state, this.#parts.brokerId);
  }

  #canOthersLead({ inSync }: PartitionState): boolean {
    return inSync.some((broker) => broker !== this.#parts.brokerId && isReady(this.#parts.state, broker));
  }

  /**
   * It has come here, or gone; or who leads it has others to follow it than before.
   *
   * @param replicas Of that moment: who went and came back in one batch gives up what it had, and would not be missed else.
   */
  #replicasChanged(partitionId: number, replicas: readonly number[]): void {
    const state = this.#led(partitionId);
    const partition = this.#parts.partitions.byId(partitionId);
    if (state === undefined || partition === undefined) return this.#leaderChanged(partitionId);
    if (partition.inSyncCount === undefined || state.replicas.length === 1) partition.ledWith(this.#followersOf(partition, state));
    else this.#parts.replicator?.membersChanged(partitionId, { replicas, inSync: state.inSync });
  }

  /** Who leads has made the fold there before; who follows makes it now. */
  #uploadedEndMoved(partitionId: number, uploadedEnd: number): void {
    const followed = this.#followed.get(partitionId);
    if (followed !== undefined) followed.catchUp();
    else this.#here(partitionId)?.uploadedMoved(uploadedEnd);
  }

  #lossAccepted(partitionId: number, from: number, to: number): void {
    const partition = this.#here(partitionId);
    if (partition === undefined) return;
    partition.lossAccepted(from, to);
    if (isWithoutRecords(partition)) this.#late.add(partitionId);
  }

  /** A topic may have thousands: those of clients are opened one by one. */
  #created(partitionId: number): void {
    const state = this.#led(partitionId);
    if (state === undefined || this.#parts.recordFolds.has(state.topic)) return this.#leaderChanged(partitionId);
    const { id, topic, topicId, index } = state;
    this.#parts.partitions.expect({ id, topic, topicId, index }, this.#openFirst);
  }

  #leaderChanged(partitionId: number): void {
    const state = this.#led(partitionId);
    if (state === undefined) return this.#notLed(partitionId);
    const resting = this.#resting.get(partitionId);
    if (resting !== undefined) return this.#resume(resting, state);
    const partition = this.#parts.partitions.byId(partitionId);
    // `restore` opens what the log has something of; anything else is new, or its log was given up.
    if (partition === undefined && !this.#toRestore.has(partitionId)) this.#openNew(partitionId);
    if (partition === undefined || partition.leaderEpoch === state.leaderEpoch) return;
    // Led on in a new epoch: who waits in the old one is told so.
    this.#rest(partitionId);
    this.#resume(partition, state);
  }

  #notLed(partitionId: number): void {
    const state = this.#mine(partitionId);
    if (state === undefined) return this.#drop(partitionId, "NOT_LEADER");
    this.#rest(partitionId);
    const resting = this.#resting.get(partitionId);
    if (resting !== undefined) this.#follow(resting, state);
    else if (state.replicas.length > 1 && !this.#toRestore.has(partitionId)) this.#openNew(partitionId);
  }

  /** Whoever leads it now, if anybody does. */
  #follow(partition: Partition, { id, replicas, leader, leaderEpoch }: PartitionState, start: FollowedStart = "whole"): void {
    const { replicator, brokerId } = this.#parts;
    if (replicator === undefined || replicas.length === 1) return;
    const followed = this.#followed.get(id) ?? this.#followedOf(partition, start);
    this.#followed.set(id, followed);
    followed.followed();
    partition.follows(() => followed.catchUp());
    this.#parts.partitions.follow(partition);
    followed.catchUp();
    if (leader === NO_LEADER || leader === brokerId) replicator.leave(id);
    else replicator.follow(followed, leader, leaderEpoch);
  }

  #followedOf(partition: Partition, start: FollowedStart): FollowedPartition {
    const { wal, clock, log, fatal } = this.#parts;
    const pause = (): Promise<void> => nextTurn(clock);
    const base = async (): Promise<BaseRecords | undefined> => {
      const state = this.#parts.state.partitions.get(partition.identity.id);
      return state && baseRecords(this.#parts, state, partition, pause);
    };
    const later = (run: () => void): void => void clock.after(OPENING_RETRY_MS, run);
    const state = (): FollowedState => this.#followedState(partition);
    const damaged = (): void => this.damaged(partition.identity.id);
    return new FollowedPartition(partition, start, { wal, records: { pause, base }, state, damaged, later, log, fatal });
  }

  /** Of one that is not here any more, nothing is uploaded that it has to follow. */
  #followedState(partition: Partition): FollowedState {
    const { id } = partition.identity;
    const state = this.#here(id) === partition ? this.#mine(id) : undefined;
    if (state === undefined) return { uploadedEnd: 0, isInSync: false, isElsewhere: false };
    const isInSync = state.inSync.includes(this.#parts.brokerId);
    return { uploadedEnd: state.uploadedEnd, isInSync, isElsewhere: this.#canOthersLead(state) };
  }

  /** Those who follow it from this leader epoch on. */
  #followersOf(partition: Partition, { id, replicas, inSync }: PartitionState): Followers | undefined {
    const { replicator } = this.#parts;
    if (replicator === undefined) return undefined;
    if (replicas.length === 1) {
      replicator.leave(id);
      return undefined;
    }
    const set = replicator.lead(new PartitionLedLog(partition), { replicas, inSync });
    return {
      set,
      minInSync: () => minInSync(this.#parts.state, must(this.#parts.state.partitions.get(id), "a partition that is led here")),
      grew: () => replicator.grew(id),
      markMoved: () => replicator.markMoved(id),
      ask: () => replicator.ask(id),
    };
  }

  /** Nothing is lost: the log and the fold stay as they are for the next leader epoch. */
  #rest(partitionId: number): void {
    const partition = this.#parts.partitions.remove(partitionId);
    if (partition === undefined) return;
    this.#resting.set(partitionId, partition);
    this.#parts.replicator?.leave(partitionId);
    this.#parts.uploader.remove(partitionId);
    if (isOpenInternal(partition)) this.#parts.internal.closed(partition);
    partition.close(kafkaErrorOf("NOT_LEADER"));
  }

  #resume(partition: Partition, state: PartitionState): void {
    const { id, topic, leaderEpoch } = state;
    const followed = this.#followed.get(id);
    if (followed?.isHollow === true || followed?.isBehind === true) return this.#resumeEmpty(followed);
    if (followed?.isLost === true && this.#isElsewhere(state)) return this.#leadNot(followed);
    if (followed?.isSettled === false) return this.#resumeLater(followed);
    this.#resting.delete(id);
    this.#unfollow(id);
    partition.resume(leaderEpoch);
    partition.ledWith(this.#followersOf(partition, state));
    partition.settings = this.#settings(partition.identity.topicId);
    this.#parts.partitions.add(partition);
    if (isWithoutRecords(partition)) this.#openRecordsLater({ id, topic });
    else this.#serve(partition, undefined);
  }

  /** The log has nothing of it, or nothing of use, and needs nothing: everything is uploaded. */
  #resumeEmpty(followed: FollowedPartition): void {
    const { id } = followed;
    this.#unfollow(id);
    this.#resting.delete(id);
    this.#parts.replicator?.leave(id);
    this.#late.add(id);
  }

  /** Another member is to lead it. */
  #leadNot({ id }: FollowedPartition): void {
    this.#parts.replicator?.leave(id);
    this.damaged(id);
  }

  /** When its folds are where they should be. */
  #resumeLater(followed: FollowedPartition): void {
    const { replicator, fatal } = this.#parts;
    replicator?.leave(followed.id);
    followed.settled().then(
      () => this.#resumeSettled(followed),
      (error: unknown) => fatal(error as Error),
    );
  }

  #resumeSettled(followed: FollowedPartition): void {
    const { id } = followed;
    const state = this.#led(id);
    if (this.#followed.get(id) !== followed || state === undefined || followed.isHollow) return;
    if (followed.isLost && !followed.isSettled && !this.#isElsewhere(state)) {
      this.#parts.log.error("a part of a partition cannot be read here, and nobody else has it: it is led without", {
        partition: followed.name,
      });
      followed.passOver();
    }
    if (followed.isLost || followed.isSettled) this.#leaderChanged(id);
    else if (this.#canOthersLead(state)) this.#leadNot(followed);
    else this.#parts.clock.after(OPENING_RETRY_MS, () => this.#resumeIfLed(followed));
  }

  /** What cannot be read at present is tried again, where nobody else has it. */
  #resumeIfLed(followed: FollowedPartition): void {
    if (this.#followed.get(followed.id) === followed && this.#led(followed.id) !== undefined) this.#resumeLater(followed);
  }

  /** Its fold is whole: it is uploaded, and appended to. */
  #serve(partition: Partition, oldestPendingMs: number | undefined): void {
    this.#parts.uploader.add(new PartitionUploadSource(partition, oldestPendingMs));
    if (partition.recordFolds !== undefined) this.#parts.internal.opened(partition);
  }

  readonly #openFirst = (partitionId: number): void => this.#openNew(partitionId);

  #openNew(partitionId: number): void {
    const state = this.#mine(partitionId);
    if (state?.uploadedEnd === 0) this.#openEmpty(state);
    else if (this.#led(partitionId) !== undefined) this.#late.add(partitionId);
    else if (state !== undefined) this.#openWithout(state);
  }

  /** Of a follower that has nothing yet of what was uploaded: the leader gives it the fold of that. */
  #openWithout(state: PartitionState): void {
    const base = new HeaderFold(state.uploadedEnd);
    base.incomplete = true;
    this.#open(state, this.#walOf(state), base, base.copy(), { mark: state.uploadedEnd, start: "hollow" });
  }

  async #restoreNowOrLater(state: PartitionState, found: RecoveredPartition): Promise<void> {
    try {
      await this.#restoreOne(state, found);
    } catch (error) {
      if (!(error instanceof QueueError && error.code === "OBJECT_STORAGE_UNAVAILABLE")) throw error;
      this.#waiting.set(state.id, found);
      this.#late.add(state.id);
    }
  }

  async #restoreLate(found: RecoveredPartition): Promise<void> {
    const { id } = found.partition;
    const state = this.#mine(id);
    if (state !== undefined) await this.#restoreOne(state, found);
    this.#waitsNoMore(id);
  }

  /** @returns Whether it did. */
  #waitsNoMore(partitionId: number): boolean {
    if (!this.#waiting.delete(partitionId)) return false;
    return this.#toRestore.delete(partitionId);
  }

  /**
   * The folds are made at the uploadedEnd that its log was told: uploads of a leader elsewhere may be committed all the time. Who follows goes on
   * from there; who leads has the newest one.
   */
  async #restoreOne(state: PartitionState, found: RecoveredPartition): Promise<void> {
    const { id } = state;
    const { uploadedEnd } = found.partition;
    const isElsewhere = (): boolean => this.#isElsewhere(state);
    const { base, live, oldestPendingMs, isWhole } = await foldsOfLog(this.#parts, { ...state, uploadedEnd }, found, isElsewhere);
    // Deleted meanwhile, or given to others.
    if (this.#late.isStopped || this.#mine(id) === undefined || !this.#toRestore.has(id)) return;
    if (this.#led(id) !== undefined && state.uploadedEnd > uploadedEnd) {
      this.#catchUp(found);
      return this.#restoreOne(state, found);
    }
    const isLost = !isWhole && this.#isElsewhere(state);
    this.#open(state, found.partition, base, live, { mark: found.mark, oldestPendingMs, start: isLost ? "lost" : "whole" });
    if (isLost) this.damaged(id);
  }

  async #openLate(partitionId: number): Promise<void> {
    const { partitions } = this.#parts;
    const found = this.#waiting.get(partitionId);
    if (found !== undefined) await this.#restoreLate(found);
    else if (partitions.byId(partitionId) === undefined) await this.#openFromObject(partitionId);
    const partition = partitions.byId(partitionId);
    if (partition !== undefined && isWithoutRecords(partition)) await this.#openRecords(partition);
  }

  /** An internal partition is uploaded and appended to when its records are folded; the log of it is served before. */
  async #openRecords(partition: Partition): Promise<void> {
    const { partitions, clock, log } = this.#parts;
    const { id } = partition.identity;
    const state = this.#led(id);
    if (state === undefined) return;
    // Nothing is appended before the fold is there.
    if (partition.wal.durableEnd < partition.logEnd) await this.#parts.wal.synced();
    const { leaderEpoch } = partition;
    const restored = await restoredRecords(this.#parts, state, partition, () => nextTurn(clock)).catch((error: unknown) => {
      // The disk may give it later; others need not wait for that.
      if (isUnreadable(error) && this.#canOthersLead(state)) return undefined;
      throw error;
    });
    // In another epoch others may have led meanwhile: its log is not what was read.
    if (this.#late.isStopped || partitions.byId(id) !== partition || partition.leaderEpoch !== leaderEpoch) return;
    if (restored === undefined && this.#isElsewhere(state)) return this.damaged(id);
    partition.recordsLost = restored === undefined;
    if (restored === undefined) {
      log.error("groups are offline: entries of theirs are lost; see `tidemq cluster health`", { partition: partition.name });
      return;
    }
    partition.restored(restored);
    this.#serve(partition, undefined);
  }

  /** Led or resting. */
  #here(partitionId: number): Partition | undefined {
    return this.#parts.partitions.byId(partitionId) ?? this.#resting.get(partitionId);
  }

  /** What this broker has a replica of, and knows the object index of: it leads the partition, follows its leader, or may be made its leader. */
  #mine(partitionId: number): PartitionState | undefined {
    const { state, brokerId } = this.#parts;
    const partition = state.partitions.get(partitionId);
    if (partition === undefined || !isKept(partition)) return undefined;
    const isReplica = partition.replicas.length > 1 && partition.replicas.includes(brokerId) && !this.#isGivenUp(partitionId);
    return isReplica || partition.inSync.includes(brokerId) ? partition : undefined;
  }

  #led(partitionId: number): PartitionState | undefined {
    const state = this.#parts.state.partitions.get(partitionId);
    return state?.leader === this.#parts.brokerId && isKept(state) ? state : undefined;
  }

  /**
   * A broker that is in sync no more, because it came with another log than before, and comes with an earlier one now: what
   * that has of the partition was given up since. Else the partition would wait for it, and be led.
   */
  #isGivenUp(partitionId: number): boolean {
    const state = this.#parts.state.partitions.get(partitionId);
    return state?.inSync.length === 0 && state.lastInSync?.broker === this.#parts.brokerId;
  }

  /** The log has nothing of it: it begins where uploads ended, with the fold of the object that ends there. */
  async #openFromObject(partitionId: number): Promise<void> {
    const asked = this.#led(partitionId);
    if (asked === undefined || this.#parts.partitions.byId(partitionId) !== undefined) return;
    const { leaderEpoch, uploadedEnd } = asked;
    const base = await foldOfObject(this.#parts, asked);
    if (this.#late.isStopped) return;
    const state = this.#led(partitionId);
    if (state?.leaderEpoch !== leaderEpoch || state.uploadedEnd !== uploadedEnd) return this.#openFromObject(partitionId);
    const wal = this.#walOf(state);
    wal.setUploadedEnd(uploadedEnd); // it may have been followed here, and have fallen behind
    wal.installBase(uploadedEnd, encodeHeaderFold(base));
    this.#open(state, wal, base, base.copy(), { mark: uploadedEnd });
  }

  #openEmpty(state: PartitionState): void {
    this.#open(state, this.#walOf(state), new HeaderFold(0), new HeaderFold(0), { mark: 0 });
  }

  #openRecordsLater({ id, topic }: Pick<PartitionState, "id" | "topic">): void {
    if (this.#parts.recordFolds.has(topic)) this.#late.add(id);
  }

  /** Known there from the start when the partition was; nothing of it is in the log. */
  #walOf({ id, uploadedEnd }: PartitionState): WalPartition {
    const { wal } = this.#parts;
    return wal.partition(id) ?? wal.host(id, { logEnd: uploadedEnd, uploadedEnd });
  }

  /** Leads it, or follows. */
  #open(state: PartitionState, wal: WalPartition, base: HeaderFold, live: HeaderFold, found: Found): void {
    const { id, topic, topicId, index, leaderEpoch, logStart, replicas } = state;
    const settings = this.#settings(topicId);
    for (const { from, to } of state.acceptedLosses) wal.acceptLoss(from, to);
    const recordFolds = this.#parts.recordFolds.get(topic);
    const mark = replicas.length > 1 ? found.mark : undefined;
    const start = { wal, base, live, leaderEpoch, logStart, settings, recordFolds, mark };
    const partition = new Partition({ id, topic, topicId, index }, start, this.#parts);
    if (this.#led(id) === undefined || found.start === "lost") return this.#openResting(partition, state, found.start);
    this.#parts.partitions.add(partition);
    partition.ledWith(this.#followersOf(partition, state));
    if (recordFolds === undefined) this.#serve(partition, found.oldestPendingMs);
    else this.#openRecordsLater(state);
  }

  #openResting(partition: Partition, state: PartitionState, start: FollowedStart | undefined): void {
    partition.close(kafkaErrorOf("NOT_LEADER"));
    this.#resting.set(state.id, partition);
    this.#follow(partition, state, start);
  }

  /** Those of topics without options of their own are one object: a change of the defaults makes it anew, not thousands. */
  #settings(topicId: string): TopicSettings {
    const { name, configs } = must(this.#parts.state.topicsById.get(topicId), "the topic of a partition");
    if (isInternalTopic(name)) return topicSettings(configs);
    return configs.size === 0 ? this.#defaultSettings : topicSettings(configs, this.#defaults);
  }

  #defaultsOfNow(): TopicDefaults {
    const { state, brokerId } = this.#parts;
    return topicDefaults([brokerId, ALL_BROKERS].map((broker) => state.brokerConfigsOf(broker).configs));
  }

  /** The defaults of topics may have changed. */
  #defaultsChanged(broker: number): void {
    if (broker !== this.#parts.brokerId && broker !== ALL_BROKERS) return;
    this.#defaults = this.#defaultsOfNow();
    this.#defaultSettings = topicSettings(new Map(), this.#defaults);
    for (const partition of this.#parts.partitions.all()) partition.settings = this.#settings(partition.identity.topicId);
  }

  #configsChanged(topicId: string): void {
    const settings = this.#settings(topicId);
    for (const id of must(this.#parts.state.topicsById.get(topicId), "a topic whose options changed").partitions) {
      // What is not open yet begins with what there is then.
      const partition = this.#parts.partitions.isExpected(id) ? undefined : this.#here(id);
      if (partition !== undefined) partition.settings = settings;
    }
  }

  #drop(partitionId: number, code: "UNKNOWN_TOPIC_OR_PARTITION" | "NOT_LEADER"): void {
    const partition = this.#parts.partitions.remove(partitionId);
    const resting = this.#resting.get(partitionId);
    const wasWaiting = this.#waitsNoMore(partitionId);
    const isHere = this.#resting.delete(partitionId) || partition !== undefined || wasWaiting || this.#isLeft(partitionId);
    this.#unfollow(partitionId);
    resting?.close(kafkaErrorOf(code));
    this.#parts.replicator?.leave(partitionId);
    if (partition !== undefined) {
      this.#parts.uploader.remove(partitionId);
      if (isOpenInternal(partition)) this.#parts.internal.closed(partition);
      partition.close(kafkaErrorOf(code));
    }
    if (isHere || code !== "NOT_LEADER") this.#parts.wal.forget(partitionId);
  }

  #unfollow(partitionId: number): void {
    this.#followed.get(partitionId)?.end();
    this.#followed.delete(partitionId);
    this.#parts.partitions.unfollow(partitionId);
    this.#parts.replicator?.leave(partitionId);
  }

  /** Given to others before it was opened here: what the log has of it is of no use, not even when it comes again. */
  #isLeft(partitionId: number): boolean {
    const { state, wal } = this.#parts;
    const partition = state.partitions.get(partitionId);
    if (partition === undefined || isKept(partition)) return false;
    this.#toRestore.delete(partitionId);
    return wal.partition(partitionId) !== undefined;
  }
}

/** Whose groups have a coordinator here. */
function isOpenInternal(partition: Partition): boolean {
  return partition.records !== undefined;
}

function isWithoutRecords(partition: Partition): boolean {
  return partition.recordFolds !== undefined && partition.records === undefined;
}
