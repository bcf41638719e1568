import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { assert } from "../base/assert.ts";
import { type Answer, joinError, syncError } from "./answers.ts";
import { ClassicGroup } from "./classic-group.ts";
import type { Effect } from "./effects.ts";
import type { Entry } from "./entries.ts";
import type { GroupsFold } from "./groups-fold.ts";
import type { Times } from "./inputs.ts";
import type { GroupOptions } from "./options.ts";
import type { Topology } from "./topology.ts";
import { WakeQueue } from "./wake-queue.ts";

/**
 * The groups of one internal partition that this broker leads. `fold` is the partition's own: entries that `apply` asks to append change it, in the
 * turn of the append. Everything else here is volatile.
 */
export class GroupShard {
  readonly fold: GroupsFold;
  readonly options: GroupOptions;
  readonly topology: Topology;
  /** Groups with members or with a rebalance under way; the others are made from the fold when somebody asks. */
  readonly live = new Map<string, ClassicGroup>();
  readonly wakes = new WakeQueue();
  /** The wake that the driver knows of. */
  announcedMs = Number.POSITIVE_INFINITY;

  constructor(fold: GroupsFold, options: GroupOptions, topology: Topology) {
    this.fold = fold;
    this.options = options;
    this.topology = topology;
  }

  /** From ⅞ of its room on, what is new is refused and what exists goes on. */
  get isFull(): boolean {
    return this.fold.bytes >= this.options.foldBytesMax * (7 / 8);
  }

  /**
   * Begins with a group as a new coordinator does: every member of the fold gets a fresh session, requests that waited are answered. For each group when the
   * partition begins to be led, and for the group of an append that was refused.
   */
  dropVolatile(groupId: string, times: Times, effects: Effect[]): void {
    const turn = new Turn(this, times, effects);
    const before = this.live.get(groupId);
    if (before !== undefined) answerWaiting(turn, before, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    this.live.delete(groupId);
    turn.classic(groupId);
    turn.settle(groupId);
    turn.end();
  }

  /** All requests that wait are answered, nothing is left: the partition is not led any more. */
  resign(times: Times, effects: Effect[]): void {
    const turn = new Turn(this, times, effects);
    for (const group of this.live.values()) answerWaiting(turn, group, ErrorCode.NOT_COORDINATOR);
    this.live.clear();
  }
}

function answerWaiting(turn: Turn, group: ClassicGroup, error: number): void {
  for (const member of group.members.values()) {
    const { joinToken, syncToken } = member;
    if (joinToken !== undefined) turn.answer(group.id, joinToken, joinError(error, member.id));
    if (syncToken !== undefined) turn.answer(group.id, syncToken, syncError(error));
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

  append(groupId: string, entries: readonly Entry[]): void {
    assert(!this.#hasAppended, "an input appends once, so that it happens or does not");
    this.#hasAppended = true;
    this.#effects.push({ kind: "append", groupId, entries });
  }

  /** The classic group, made from the fold when it is not at hand; undefined when there is none, or one of the new protocol. */
  classic(groupId: string): ClassicGroup | undefined {
    const { live, fold } = this.shard;
    const known = live.get(groupId);
    if (known !== undefined) return known;
    const durable = fold.groups.get(groupId)?.membership;
    return durable?.kind === "classic" ? this.keep(ClassicGroup.from(groupId, durable, this.nowMs)) : undefined;
  }

  keep(group: ClassicGroup): ClassicGroup {
    this.shard.live.set(group.id, group);
    this.schedule(group, group.nextDeadlineMs);
    return group;
  }

  /** Sees to it that the group is looked at then. */
  schedule(group: ClassicGroup, atMs: number): void {
    if (atMs >= group.wakeMs) return;
    group.wakeMs = atMs;
    this.shard.wakes.push(atMs, group.id);
  }

  /** A group that nobody is in or comes to needs no place in memory. */
  settle(groupId: string): void {
    const group = this.shard.live.get(groupId);
    if (group === undefined) return;
    if (group.state === "Empty" && group.pending.size === 0 && group.members.size === 0) this.shard.live.delete(groupId);
  }

  /** Tells the driver when it is needed next. */
  end(): void {
    const { wakes } = this.shard;
    if (wakes.nextMs >= this.shard.announcedMs) return;
    this.shard.announcedMs = wakes.nextMs;
    this.#effects.push({ kind: "wake", atMs: wakes.nextMs });
  }
}
