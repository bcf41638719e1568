import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { inTime, sleep, type Timer } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import type { Consumer } from "./consumer.ts";
import type { Position } from "./consumer-partition.ts";
import type { Coordinators } from "./coordinators.ts";
import { ClientError } from "./errors.ts";
import type { FetchedBatch } from "./fetched-batch.ts";
import type { GroupOptions } from "./group-consumer-options.ts";
import { GroupMemberDriver } from "./group-member-driver.ts";
import { GroupMemberState, type OwnedPlace } from "./group-member-state.ts";
import { commitOffsets, fetchOffsets, type GroupIdentity, type OffsetToCommit, type Place } from "./group-offsets.ts";
import { GroupPositions } from "./group-positions.ts";
import type { Random } from "./random.ts";
import { pauseMs } from "./retry.ts";

export type GroupParts = Readonly<{ cluster: Cluster; coordinators: Coordinators; consumer: Consumer }>;

type OwnedNamed = Place & OwnedPlace;

/** Errors after which the member's next heartbeat will tell how it stands. */
const MEMBERSHIP_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.ILLEGAL_GENERATION,
]);

/**
 * Reads topics together with the other members of a group (KIP-848; the broker spreads the partitions).
 *
 *   consumer.subscribe(["orders"]);
 *   for await (const batch of consumer) for (const record of batch.records()) …
 *   await consumer.close();
 *
 * At least once: calling `next` (by one caller at a time) says that what it gave before is dealt with, and only that is committed by itself, every few
 * seconds, before a partition is given up, and at `close`. Whoever ends after the last batch without another call of `next` calls
 * `commit` first.
 */
export class GroupConsumer implements AsyncIterable<FetchedBatch> {
  readonly groupId: string;
  readonly memberId: string;
  readonly #parts: GroupParts;
  readonly #options: GroupOptions;
  readonly #state: GroupMemberState;
  readonly #driver: GroupMemberDriver;
  readonly #positions = new GroupPositions();
  #topics: readonly string[] = [];
  #isStarted = false;
  #isReconciling = false;
  #commits: Promise<void> = Promise.resolve();
  #commitTimer: Timer | undefined;
  #whenDone: (() => void)[] = [];
  #failure: ClientError | undefined;
  #closing: Promise<void> | undefined;
  readonly #ended: (() => void) | undefined;

  /** @param ended Called when it is closed. */
  constructor(parts: GroupParts, groupId: string, options: GroupOptions, ended?: () => void) {
    const { instanceId = null, rackId = null, assignor = null, rebalanceTimeoutMs } = options;
    this.#ended = ended;
    this.groupId = groupId;
    this.memberId = newMemberId(parts.cluster.parts.random);
    this.#parts = parts;
    this.#options = options;
    this.#state = new GroupMemberState({ groupId, memberId: this.memberId, instanceId, rackId, assignor, rebalanceTimeoutMs });
    this.#driver = new GroupMemberDriver(parts.cluster, parts.coordinators, this.#state, {
      heard: () => this.#reconcile(),
      fenced: () => this.#lost(),
      failed: (error) => this.#fail(error),
      retried: (error) => this.#retried(error),
    });
  }

  /** Joins the group; called again, reads these topics instead. One that does not exist yet is read when it does. */
  subscribe(topics: readonly string[]): void {
    if (this.#closing !== undefined) throw new ClientError("CLOSED", "this consumer is closed");
    if (topics.length === 0) throw new ClientError("INVALID_ARGUMENT", "at least one topic is needed");
    this.#parts.cluster.watch(topics);
    this.#topics = topics;
    this.#state.subscribe(topics);
    if (this.#isStarted) return this.#driver.poke();
    this.#isStarted = true;
    this.#driver.start();
    this.#planCommit();
  }

  /** What is read now. */
  get assignment(): readonly Place[] {
    return this.#positions.places;
  }

  /** Next offset to be handed out; undefined while it is being looked for, or when the partition is not this member's. */
  position(topic: string, partition: number): number | undefined {
    return this.#positions.has(topic, partition) ? this.#parts.consumer.position(topic, partition) : undefined;
  }

  /** Goes on there. @throws {ClientError} INVALID_ARGUMENT when it is not this member's. */
  seek(topic: string, partition: number, to: Position): void {
    this.#parts.consumer.seek(topic, partition, to);
  }

  pause(topic: string, partition: number): void {
    this.#parts.consumer.pause(topic, partition);
  }

  resume(topic: string, partition: number): void {
    this.#parts.consumer.resume(topic, partition);
  }

  /** The next batch, of whatever partition; waits for it. undefined: closed. Those before count as dealt with. */
  next(): Promise<FetchedBatch | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#allDone();
    for (const run of this.#whenDone.splice(0)) run();
    return this.#parts.consumer.next();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FetchedBatch, void, undefined> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  /**
   * Commits these offsets (the next ones to read), or everything that was handed out.
   *
   * @throws {ClientError} INVALID_ARGUMENT for a partition that is not this member's, or an offset that was not handed out yet.
   */
  commit(offsets?: readonly OffsetToCommit[]): Promise<void> {
    if (offsets !== undefined) return this.#commit(() => offsets.map((one) => this.#checked(one)));
    this.#allDone();
    return this.#commit(() => this.#positions.toCommit());
  }

  /** Commits, leaves the group, ends reading. @throws {ClientError} When the last commit failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => this.#ended?.());
    return this.#closing;
  }

  /** Ends at once; the group finds out when the member's session is over. */
  abort(): void {
    this.#closing ??= Promise.resolve();
    this.#end();
    this.#driver.stop();
    this.#ended?.();
  }

  async #close(): Promise<void> {
    this.#settle();
    this.#end();
    const hasFailed = this.#failure !== undefined;
    if (!this.#isStarted || (hasFailed && this.#state.epoch === 0)) return;
    let failure: ClientError | undefined;
    if (this.#options.autoCommit && !hasFailed) {
      const commit = this.#commit(() => this.#positions.toCommit());
      await inTime(this.#parts.cluster.parts.clock, commit, this.#options.closeTimeoutMs, () => this.#late()).catch((error: unknown) => {
        failure = ClientError.from(error);
      });
    }
    await this.#driver.leave(this.#options.closeTimeoutMs).catch((error: unknown) => this.#retried(ClientError.from(error)));
    if (failure !== undefined) throw failure;
  }

  #end(): void {
    this.#commitTimer?.cancel();
    this.#parts.consumer.close();
    for (const run of this.#whenDone.splice(0)) run();
  }

  #late(): ClientError {
    return new ClientError({ kafka: ErrorCode.REQUEST_TIMED_OUT }, `the last commit of group ${this.groupId} was not answered in time`);
  }

  #fail(error: ClientError): void {
    if (this.#closing !== undefined || this.#failure !== undefined) return;
    this.#failure = error;
    this.#driver.stop();
    this.#commitTimer?.cancel();
    this.#drop(this.#positions.places);
    this.#parts.consumer.interrupt(error);
  }

  #retried(error: ClientError): void {
    this.#options.onRetry?.(error);
  }

  #lost(): void {
    const places = this.#positions.places;
    this.#drop(places);
    for (const run of this.#whenDone.splice(0)) run();
    if (places.length > 0) this.#options.onLost?.(places);
  }

  #drop(places: readonly Place[]): void {
    this.#parts.consumer.remove(places);
    this.#positions.remove(places);
  }

  #allDone(): void {
    this.#positions.allDone((topic, partition) => this.#parts.consumer.position(topic, partition));
  }

  /** Whoever waits for more has dealt with what there was; and where reading begins may have been found meanwhile. */
  #settle(): void {
    if (this.#parts.consumer.isAwaited) this.#allDone();
  }

  get #isOver(): boolean {
    return this.#closing !== undefined || this.#failure !== undefined;
  }

  /** Heartbeats go on meanwhile. */
  #reconcile(): void {
    if (this.#isReconciling || this.#isOver) return;
    this.#isReconciling = true;
    this.#reconcileAll().catch((error: unknown) => {
      this.#isReconciling = false;
      this.#fail(ClientError.from(error));
    });
  }

  async #reconcileAll(): Promise<void> {
    for (let failures = 0; !this.#isOver; ) {
      const revoke = this.#state.toRevoke();
      const add = revoke.length > 0 ? [] : this.#state.toAdd();
      if (revoke.length === 0 && add.length === 0) break;
      const isDone = revoke.length > 0 ? await this.#revoke(revoke) : await this.#add(add);
      failures = isDone ? 0 : failures + 1;
      if (this.#state.hasNews) this.#driver.poke();
      const { cluster } = this.#parts;
      if (!isDone) await sleep(cluster.parts.clock, pauseMs(cluster.options.backOff, failures, cluster.parts.random));
    }
    this.#isReconciling = false;
  }

  async #revoke(owned: readonly OwnedPlace[]): Promise<boolean> {
    const { incarnation } = this.#state;
    const places = this.#positions.places.filter((place) => owned.some((one) => isSame(one, place)));
    for (const { topic, partition } of places) this.pause(topic, partition);
    await this.#whenDealtWith(places);
    if (incarnation === this.#state.incarnation) await this.#options.onRevoked?.(places);
    if (this.#options.autoCommit) {
      // What is not committed comes again, to another member.
      await this.#commit(() => this.#positions.toCommit(places)).catch((error: unknown) => this.#retried(ClientError.from(error)));
    }
    // The application's own commits, too: tried again later, one would come after that of the new owner, and take it back.
    await this.#commits;
    if (incarnation !== this.#state.incarnation || this.#isOver) return true;
    this.#drop(places);
    this.#state.revoked(owned);
    return true;
  }

  /** Waits a while until the application has asked for more: then all that it has of these is dealt with. */
  async #whenDealtWith(places: readonly Place[]): Promise<void> {
    const { clock } = this.#parts.cluster.parts;
    const isOpen = ({ topic, partition }: Place): boolean => this.position(topic, partition) !== this.#positions.done(topic, partition);
    const untilMs = clock.monotonicMs() + this.#options.handOverMsMax;
    this.#settle();
    while (!this.#isOver && places.some(isOpen) && clock.monotonicMs() < untilMs) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#whenDone.push(resolve);
        timer = clock.after(untilMs - clock.monotonicMs(), resolve);
      });
      timer?.cancel();
    }
  }

  async #add(owned: readonly OwnedPlace[]): Promise<boolean> {
    const { incarnation } = this.#state;
    const places = await this.#named(owned);
    if (places.length === 0) return false;
    const offsets = await this.#committed(places, incarnation);
    if (offsets === undefined) return false;
    if (incarnation !== this.#state.incarnation || this.#isOver) return true;
    const isWanted = new Set(this.#state.toAdd().map(({ topicId, partition }) => `${topicId} ${partition}`));
    const taken = places.filter(({ topicId, partition }) => isWanted.has(`${topicId} ${partition}`));
    const starts = taken.map((place) => ({ place, offset: offsets.get(`${place.topic} ${place.partition}`) }));
    this.#parts.consumer.add(starts.map(({ place, offset }) => ({ ...place, from: offset ?? this.#firstStart(place) })));
    for (const { place, offset } of starts) this.#positions.start(place, offset);
    this.#state.added(taken.map(({ topicId, partition }) => ({ topicId, partition })));
    if (taken.length > 0) this.#options.onAssigned?.(taken);
    return taken.length === owned.length;
  }

  #firstStart({ topic, partition }: Place): Position {
    const { from } = this.#options;
    if (from !== "fail") return from;
    throw new ClientError("INVALID_ARGUMENT", `group ${this.groupId} has no committed offset in ${topic}[${partition}]`, {
      topic,
      partition,
    });
  }

  /** Those whose topic is known by name; a new one takes a moment to be known everywhere. */
  async #named(owned: readonly OwnedPlace[]): Promise<OwnedNamed[]> {
    const { cluster } = this.#parts;
    if (owned.some(({ topicId }) => cluster.metadata.nameOf(topicId) === undefined)) {
      await cluster.refresh().catch((error: unknown) => this.#retried(ClientError.from(error)));
    }
    return owned.flatMap(({ topicId, partition }) => {
      const topic = cluster.metadata.nameOf(topicId);
      return topic === undefined || !this.#topics.includes(topic) ? [] : [{ topic, topicId, partition }];
    });
  }

  /** Committed offsets; undefined: the member's next heartbeat must tell first how it stands. */
  async #committed(places: readonly Place[], incarnation: number): Promise<Map<string, number> | undefined> {
    const { coordinators } = this.#parts;
    try {
      const identity = (): GroupIdentity => this.#identity(incarnation);
      // Of a topic that is gone the next heartbeat tells; the partitions beside it, and those to be given up, do not wait for it.
      const isRetriable = (error: ClientError): boolean =>
        error.retriable && error.kafkaCode !== ErrorCode.UNKNOWN_TOPIC_ID && !this.#isOver;
      const found = await fetchOffsets({ coordinators, groupId: this.groupId }, places, identity, isRetriable);
      return new Map(found.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
    } catch (thrown) {
      const error = ClientError.from(thrown);
      if (!error.retriable && !this.#isMembership(error)) throw error;
      this.#retried(error);
      return undefined;
    }
  }

  /** One commit after the other: the newest call is the last that the broker hears. */
  #commit(offsets: () => readonly OffsetToCommit[]): Promise<void> {
    const { incarnation } = this.#state;
    const done = this.#commits.then(() => this.#commitNow(offsets(), incarnation));
    this.#commits = done.catch(() => undefined);
    return done;
  }

  async #commitNow(offsets: readonly OffsetToCommit[], incarnation: number): Promise<void> {
    const { coordinators } = this.#parts;
    const identity = (): GroupIdentity => this.#identity(incarnation);
    const isRetriable = (error: ClientError): boolean =>
      (error.retriable || error.kafkaCode === ErrorCode.STALE_MEMBER_EPOCH) && this.#failure === undefined;
    try {
      await commitOffsets({ coordinators, groupId: this.groupId }, offsets, identity, isRetriable);
    } catch (error) {
      this.#isMembership(ClientError.from(error));
      throw error;
    }
    if (incarnation === this.#state.incarnation) this.#positions.committed(offsets);
  }

  /** Asked for each attempt: the epoch may have moved on. A member that was thrown out has nothing to say on what it had. */
  #identity(incarnation: number): GroupIdentity {
    if (incarnation !== this.#state.incarnation || this.#state.epoch === 0) {
      const text = `group ${this.groupId} had taken this member for dead; its partitions belong to others`;
      throw new ClientError({ kafka: ErrorCode.FENCED_MEMBER_EPOCH }, text);
    }
    const { memberId, instanceId } = this.#state.options;
    return { memberId, memberEpoch: this.#state.epoch, instanceId };
  }

  #isMembership(error: ClientError): boolean {
    if (!MEMBERSHIP_ERRORS.has(error.kafkaCode ?? ErrorCode.NONE)) return false;
    this.#driver.poke();
    return true;
  }

  #checked(given: OffsetToCommit): OffsetToCommit {
    const { topic, partition, offset } = given;
    const place = this.#positions.place(topic, partition);
    if (place === undefined)
      throw new ClientError("INVALID_ARGUMENT", `${topic}[${partition}] is not this member's now`, { topic, partition });
    const handedEnd = this.position(topic, partition) ?? 0;
    if (Number.isSafeInteger(offset) && offset >= 0 && offset <= handedEnd) return { ...given, ...place };
    const text = `offset ${offset} of ${topic}[${partition}] cannot be committed: it was handed out up to ${handedEnd}, not included`;
    throw new ClientError("INVALID_ARGUMENT", text, { topic, partition });
  }

  #planCommit(): void {
    if (!this.#options.autoCommit || this.#isOver) return;
    this.#commitTimer = this.#parts.cluster.parts.clock.after(this.#options.autoCommitMs, () => {
      this.#settle();
      this.#commit(() => this.#positions.toCommit())
        .catch((error: unknown) => this.#autoCommitFailed(ClientError.from(error)))
        .finally(() => this.#planCommit());
    });
  }

  /** What may pass is tried again at the next time; a partition that is gone is taken away by the group. */
  #autoCommitFailed(error: ClientError): void {
    const mayPass = error.retriable || this.#isMembership(error) || error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (mayPass) this.#retried(error);
    else this.#fail(error);
  }
}

function isSame(owned: OwnedPlace, place: Place): boolean {
  return owned.topicId === place.topicId && owned.partition === place.partition;
}

/** 128 bits of chance. */
function newMemberId(random: Random): string {
  return Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, "0")).join("");
}
