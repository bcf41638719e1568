import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { assert } from "../base/assert.ts";
import { type Answer, joinError, syncError } from "./answers.ts";
import { ClassicGroup } from "./classic/classic-group.ts";
import { ConsumerSessions } from "./consumer/consumer-sessions.ts";
import type { Effect } from "./effects.ts";
import type { Entry } from "./fold/entries.ts";
import type { GroupsFold } from "./fold/groups-fold.ts";
import type { Times } from "./inputs.ts";
import { GROUP_BYTES_MAX, MEMBERS_MAX, STALE_WAKES_MIN, STALE_WAKES_RATIO } from "./limits.ts";
import type { GroupOptions } from "./options.ts";
import type { Topology } from "./topology.ts";
import { WakeQueue } from "./wake-queue.ts";

/** What is volatile of one group. */
type LiveGroup = ClassicGroup | ConsumerSessions;

/**
 * The groups of one internal partition that this broker leads. `fold` is the partition's own: entries that `apply` asks to append change it, in the
 * turn of the append. Everything else here is volatile.
 */
export class GroupShard {
  readonly fold: GroupsFold;
  readonly options: GroupOptions;
  readonly topology: Topology;
  /** Groups with members or with a rebalance under way; the others are made from the fold when somebody asks. */
  readonly live = new Map<string, LiveGroup>();
  readonly wakes = new WakeQueue();
  /** About what the classic groups of `live` take: also members and ids that no entry says yet. */
  liveBytes = 0;
  /** The wake that the driver knows of. */
  announcedMs = Number.POSITIVE_INFINITY;

  constructor(fold: GroupsFold, options: GroupOptions, topology: Topology) {
    assert(options.membersMax <= MEMBERS_MAX && options.groupBytesMax <= GROUP_BYTES_MAX, "a group fits one entry");
    this.fold = fold;
    this.options = options;
    this.topology = topology;
  }

  /** From ⅞ of its room on, what is new is refused and what exists goes on. */
  get isFull(): boolean {
    return this.fold.bytes >= this.options.foldBytesMax * (7 / 8);
  }

  /** What exists does not grow either. */
  get isPacked(): boolean {
    return this.fold.bytes >= this.options.foldBytesMax;
  }

  /** Too many have come of whom no entry tells: nobody comes until some have gone. */
  get isCrowded(): boolean {
    return this.liveBytes >= this.options.foldBytesMax;
  }

  /**
   * Begins with a group as a new coordinator does: every member of the fold gets a fresh session, requests that waited are answered. For each group when the
   * partition begins to be led, and for the group of an append that was refused and that it ran ahead of.
   */
  dropVolatile(groupId: string, times: Times, effects: Effect[]): void {
    const turn = new Turn(this, times, effects);
    const before = this.live.get(groupId);
    if (before?.kind === "classic") turn.answerWaiting(before, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    this.forget(groupId);
    turn.begin(groupId);
    turn.settle(groupId);
    turn.end();
  }

  /** All requests that wait are answered, nothing is left: the partition is not led any more. */
  resign(times: Times, effects: Effect[]): void {
    const turn = new Turn(this, times, effects);
    for (const group of this.live.values()) if (group.kind === "classic") turn.answerWaiting(group, ErrorCode.NOT_COORDINATOR);
    this.live.clear();
    this.liveBytes = 0;
  }

  forget(groupId: string): void {
    this.#count(this.live.get(groupId), 0);
    this.live.delete(groupId);
  }

  /** The group has changed, or is new. */
  count(group: LiveGroup): void {
    if (group.kind === "classic") this.#count(group, group.bytes);
  }

  #count(group: LiveGroup | undefined, bytes: number): void {
    if (group?.kind !== "classic") return;
    this.liveBytes += bytes - group.countedBytes;
    group.countedBytes = bytes;
  }
}

/** One input: its times, and where its effects go. */
export class Turn {
  readonly shard: GroupShard;
  readonly nowMs: number;
  readonly wallMs: number;
  readonly #effects: Effect[];
  #hasAppended = false;

  constructor(shard: GroupShard, times: Times, effects: Effect[]) {
    this.shard = shard;
    this.nowMs = times.nowMs;
    this.wallMs = times.wallMs;
    this.#effects = effects;
  }

  answer(groupId: string, token: number, answer: Answer, afterAppend = false): void {
    this.#effects.push({ kind: "answer", token, groupId, answer, afterAppend });
  }

  /**
   * @param isAhead What is volatile of the group has changed as if they were appended.
   * @param batch The entries as `encodeEntries` makes them, when they are at hand.
   */
  append(groupId: string, entries: readonly Entry[], isAhead = true, batch?: Uint8Array): void {
    assert(!this.#hasAppended, "an input appends once, so that it happens or does not");
    this.#hasAppended = true;
    this.#effects.push({ kind: "append", groupId, entries, batch, isAhead });
  }

  /** Everybody in the group who waits for a generation is told to come again. */
  answerWaiting(group: ClassicGroup, error: number): void {
    for (const member of group.members.values()) {
      const { joinToken, syncToken } = member;
      if (joinToken !== undefined) this.answer(group.id, joinToken, joinError(error, member.id));
      if (syncToken !== undefined) this.answer(group.id, syncToken, syncError(error));
    }
  }

  /** Whether the coordinator assigns in this group. */
  isConsumer(groupId: string): boolean {
    return this.shard.fold.groups.get(groupId)?.membership.kind === "consumer";
  }

  /** What a new coordinator makes of the group. */
  begin(groupId: string): void {
    const durable = this.shard.fold.groups.get(groupId)?.membership;
    if (durable?.kind === "classic") this.keep(ClassicGroup.from(groupId, durable, this.nowMs));
    if (durable?.kind !== "consumer") return;
    this.keep(ConsumerSessions.from(groupId, durable, this.nowMs, this.shard.options.consumerSessionTimeoutMs));
  }

  /** The classic group, made from the fold when it is not at hand; undefined when there is none, or one of the new protocol. */
  classic(groupId: string): ClassicGroup | undefined {
    const known = this.shard.live.get(groupId);
    if (known !== undefined) return known.kind === "classic" ? known : undefined;
    const durable = this.shard.fold.groups.get(groupId)?.membership;
    return durable?.kind === "classic" ? this.keep(ClassicGroup.from(groupId, durable, this.nowMs)) : undefined;
  }

  keep<T extends LiveGroup>(group: T): T {
    this.shard.forget(group.id);
    this.shard.live.set(group.id, group);
    this.shard.count(group);
    this.schedule(group, group.nextDeadlineMs);
    return group;
  }

  /** Sees to it that the group is looked at then. */
  schedule(group: LiveGroup, atMs: number): void {
    if (atMs >= group.wakeMs) return;
    group.wakeMs = atMs;
    const { wakes, live } = this.shard;
    wakes.push(atMs, group.id);
    if (wakes.size > STALE_WAKES_RATIO * live.size + STALE_WAKES_MIN)
      wakes.keepOnly((wake) => live.get(wake.groupId)?.wakeMs === wake.atMs);
  }

  /** After each input: a group that nobody is in or comes to needs no place in memory. */
  settle(groupId: string): void {
    const group = this.shard.live.get(groupId);
    if (group === undefined) return;
    if (group.isIdle) this.shard.forget(groupId);
    else this.shard.count(group);
  }

  /** Tells the driver when it is needed next. */
  end(): void {
    const { wakes } = this.shard;
    if (wakes.nextMs >= this.shard.announcedMs) return;
    this.shard.announcedMs = wakes.nextMs;
    this.#effects.push({ kind: "wake", atMs: wakes.nextMs });
  }
}
