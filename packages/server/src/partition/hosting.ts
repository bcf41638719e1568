import { must } from "../base/assert.ts";
import { kafkaErrorOf } from "../base/errors.ts";
import { ALL_BROKERS, type ClusterState, isInternalTopic, type PartitionState } from "../cluster/cluster-state.ts";
import type { Effect } from "../cluster/effects.ts";
import { topicDefaults } from "../config/dynamic-options.ts";
import { type TopicDefaults, type TopicSettings, topicSettings } from "../config/topic-options.ts";
import { nextTurn, paced } from "../io/clock.ts";
import { type Steps, TurnShare } from "../quota/turn-share.ts";
import type { Log } from "../telemetry/log.ts";
import type { Uploader } from "../tier/upload.ts";
import type { RecoveredPartition, WalPartition } from "../wal/wal.ts";
import { HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { LateOpenings } from "./late-openings.ts";
import { OPENING_WAIT_MS, OPENINGS_TURN_MS, RESTORE_TURN_MS } from "./limits.ts";
import { Partition, type PartitionParts } from "./partition.ts";
import type { Partitions } from "./partitions.ts";
import type { RecordFolds } from "./record-fold.ts";
import { foldOfObject, foldsOfLog, isEmptyLog } from "./restored-folds.ts";
import { restoreRecords } from "./restored-records.ts";
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
    /** A broken invariant in the background: ends the process. */
    fatal: (error: Error) => void;
  }>;

/** Hears of the internal partitions that are led here, in the turn in which it becomes so. */
export interface InternalPartitions {
  /** Its fold is there: it can be appended to. */
  opened(partition: Partition): void;
  closed(partition: Partition): void;
}

/** Keeps the partitions here what the metadata says is led here: opens them at the start, then follows every applied change. */
export class Hosting {
  readonly #parts: HostingParts;
  readonly #late: LateOpenings;
  readonly #openings: TurnShare;
  /** Whose log is here, but which this broker does not lead at the moment: it was fenced. */
  readonly #resting = new Map<number, Partition>();

  #defaults: TopicDefaults;
  #defaultSettings: TopicSettings;
  /** Of which the log has something that is not open yet. */
  readonly #toRestore = new Set<number>();

  constructor(parts: HostingParts) {
    this.#parts = parts;
    this.#defaults = this.#defaultsOfNow();
    this.#defaultSettings = topicSettings(new Map(), this.#defaults);
    this.#openings = new TurnShare(parts.clock, OPENINGS_TURN_MS);
    this.#late = new LateOpenings((id) => this.#openLate(id), parts);
  }

  /** What the WAL held, then what it never heard of. Before anything is served. */
  async restore(recovered: readonly RecoveredPartition[]): Promise<void> {
    const { partitions, state, wal } = this.#parts;
    for (const found of recovered) {
      this.#catchUp(found);
      if (!isEmptyLog(found)) this.#toRestore.add(found.partition.id);
    }
    const pause = paced(this.#parts.clock, RESTORE_TURN_MS);
    let forgotten = 0;
    for (const found of recovered) {
      await pause();
      const { id } = found.partition;
      const mine = this.#mine(id);
      if (mine !== undefined && !isEmptyLog(found)) await this.#restoreOne(mine, found);
      else if (!state.partitions.has(id))
        wal.forget(id); // deleted since the log was opened
      else if (!isEmptyLog(found) && this.#isGivenUp(id)) {
        wal.forget(id);
        forgotten += 1;
      }
      this.#toRestore.delete(id);
    }
    for (const { id } of state.partitions.values()) {
      if (this.#led(id) !== undefined && partitions.byId(id) === undefined) this.#openNew(id);
      await pause();
    }
    // The acceptance of a loss may follow at once, and must not find it in the log again after a crash.
    if (forgotten > 0) await wal.synced();
    await this.#late.settled(OPENING_WAIT_MS);
  }

  /** Since the log was opened, what this broker's earlier process uploaded may have been committed. */
  #catchUp({ partition }: RecoveredPartition): void {
    const state = this.#parts.state.partitions.get(partition.id);
    if (state === undefined) return;
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
        return this.#leaderChanged(effect.partitionId);
      case "topic-deleted":
        for (const id of effect.partitionIds) this.#drop(id, "UNKNOWN_TOPIC_OR_PARTITION");
        return;
      case "uploaded-end-moved":
        return this.#here(effect.partitionId)?.uploadedMoved(effect.uploadedEnd);
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
    if (state === undefined) return this.#mine(partitionId) === undefined ? this.#drop(partitionId, "NOT_LEADER") : this.#rest(partitionId);
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

  /** Nothing is lost: the log and the fold stay as they are for the next leader epoch. */
  #rest(partitionId: number): void {
    const partition = this.#parts.partitions.remove(partitionId);
    if (partition === undefined) return;
    this.#resting.set(partitionId, partition);
    this.#parts.uploader.remove(partitionId);
    if (isOpenInternal(partition)) this.#parts.internal.closed(partition);
    partition.close(kafkaErrorOf("NOT_LEADER"));
  }

  #resume(partition: Partition, { id, topic, leaderEpoch }: PartitionState): void {
    this.#resting.delete(id);
    partition.resume(leaderEpoch);
    partition.settings = this.#settings(partition.identity.topicId);
    this.#parts.partitions.add(partition);
    if (isWithoutRecords(partition)) this.#openRecordsLater({ id, topic });
    else this.#serve(partition, undefined);
  }

  /** Its fold is whole: it is uploaded, and appended to. */
  #serve(partition: Partition, oldestPendingMs: number | undefined): void {
    this.#parts.uploader.add(new PartitionUploadSource(partition, oldestPendingMs));
    if (partition.recordFolds !== undefined) this.#parts.internal.opened(partition);
  }

  readonly #openFirst = (partitionId: number): void => this.#openNew(partitionId);

  #openNew(partitionId: number): void {
    const state = this.#led(partitionId);
    if (state?.uploadedEnd === 0) this.#openEmpty(state);
    else this.#late.add(partitionId);
  }

  async #restoreOne(state: PartitionState, found: RecoveredPartition): Promise<void> {
    const { base, live, oldestPendingMs } = await foldsOfLog(this.#parts, state, found);
    // Deleted meanwhile.
    if (this.#mine(state.id) === undefined) return;
    this.#open(state, found.partition, base, live, oldestPendingMs);
    this.#openRecordsLater(state);
    // Fenced meanwhile, or not led yet.
    if (this.#led(state.id) === undefined) this.#rest(state.id);
  }

  async #openLate(partitionId: number): Promise<void> {
    const { partitions } = this.#parts;
    if (partitions.byId(partitionId) === undefined) await this.#openFromObject(partitionId);
    const partition = partitions.byId(partitionId);
    if (partition !== undefined && isWithoutRecords(partition)) await this.#openRecords(partition);
  }

  /** An internal partition is uploaded and appended to when its records are folded; the log of it is served before. */
  async #openRecords(partition: Partition): Promise<void> {
    const { partitions, clock, log } = this.#parts;
    const { id } = partition.identity;
    const state = this.#led(id);
    if (state === undefined) return;
    const isRestored = await restoreRecords(this.#parts, state, partition, () => nextTurn(clock));
    if (this.#late.isStopped || partitions.byId(id) !== partition) return;
    partition.recordsLost = !isRestored;
    if (!isRestored) {
      log.error("groups are offline: entries of theirs are lost; see `tidemq cluster health`", { partition: partition.name });
      return;
    }
    this.#serve(partition, undefined);
  }

  /** Led or resting. */
  #here(partitionId: number): Partition | undefined {
    return this.#parts.partitions.byId(partitionId) ?? this.#resting.get(partitionId);
  }

  /** Whose committed records this broker's log has: it leads the partition, or may be made its leader. */
  #mine(partitionId: number): PartitionState | undefined {
    const state = this.#parts.state.partitions.get(partitionId);
    return state?.inSync.includes(this.#parts.brokerId) === true ? state : undefined;
  }

  #led(partitionId: number): PartitionState | undefined {
    const state = this.#parts.state.partitions.get(partitionId);
    return state?.leader === this.#parts.brokerId ? state : undefined;
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
    wal.installBase(uploadedEnd, encodeHeaderFold(base));
    this.#open(state, wal, base, base.copy(), undefined);
  }

  #openEmpty(state: PartitionState): void {
    this.#open(state, this.#walOf(state), new HeaderFold(0), new HeaderFold(0), undefined);
    this.#openRecordsLater(state);
  }

  #openRecordsLater({ id, topic }: Pick<PartitionState, "id" | "topic">): void {
    if (this.#parts.recordFolds.has(topic)) this.#late.add(id);
  }

  /** Known there from the start when the partition was; nothing of it is in the log. */
  #walOf({ id, uploadedEnd }: PartitionState): WalPartition {
    const { wal } = this.#parts;
    return wal.partition(id) ?? wal.host(id, { logEnd: uploadedEnd, uploadedEnd });
  }

  #open(state: PartitionState, wal: WalPartition, base: HeaderFold, live: HeaderFold, oldestPendingMs: number | undefined): void {
    const { id, topic, topicId, index, leaderEpoch, logStart } = state;
    const settings = this.#settings(topicId);
    for (const { from, to } of state.acceptedLosses) wal.acceptLoss(from, to);
    const recordFolds = this.#parts.recordFolds.get(topic);
    const start = { wal, base, live, leaderEpoch, logStart, settings, recordFolds };
    const partition = new Partition({ id, topic, topicId, index }, start, this.#parts);
    this.#parts.partitions.add(partition);
    if (recordFolds === undefined) this.#serve(partition, oldestPendingMs);
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
    const isHere = this.#resting.delete(partitionId) || partition !== undefined;
    if (partition !== undefined) {
      this.#parts.uploader.remove(partitionId);
      if (isOpenInternal(partition)) this.#parts.internal.closed(partition);
      partition.close(kafkaErrorOf(code));
    }
    if (isHere || code !== "NOT_LEADER") this.#parts.wal.forget(partitionId);
  }
}

/** Whose groups have a coordinator here. */
function isOpenInternal(partition: Partition): boolean {
  return partition.records !== undefined;
}

function isWithoutRecords(partition: Partition): boolean {
  return partition.recordFolds !== undefined && partition.records === undefined;
}
