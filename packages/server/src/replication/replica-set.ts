import { LAG_MAX_MS } from "./limits.ts";
import { kthLowest } from "./order-statistic.ts";

/** Who has a partition, and who of them has everything that counts. */
export type Members = Readonly<{ replicas: readonly number[]; inSync: readonly number[] }>;

/** What is known of a follower in this leader epoch. */
type Progress = {
  /** Everything below is durable there. */
  end: number;
  /** When it was at the end of the log last. */
  caughtUpMs: number;
  /** The log's end at a moment: reaching it says that it was there then. */
  targetEnd: number;
  targetMs: number;
};

/** What the leader knows at the moment of a decision. */
export type SetSituation = Readonly<{
  logEnd: number;
  highWatermark: number;
  nowMs: number;
  /** The set never falls below. */
  minimum: number;
  /** Registered, not fenced. */
  isReady: (broker: number) => boolean;
}>;

/**
 * The replicas of a partition that is led here, in one leader epoch: what each of them is known to have, the high watermark that
 * follows from it, and how the in-sync set should change (docs/rfcs/0011-replication.md). No time, no messages.
 */
export class ReplicaSet {
  readonly #self: number;
  /** The log's end when the epoch began, and when that was. */
  readonly #startEnd: number;
  readonly #startMs: number;
  readonly #followers = new Map<number, Progress>();
  /** Index in the metadata log of what made the replicas what they are, damage of one included: whoever follows has applied that. */
  since = 0;
  #asked = 0;
  readonly #answers = new Map<number, number>();
  #members: Members;
  /** Asked of the controllers, and not settled: both sets count. */
  #proposed: readonly number[] | undefined;
  /** The leader's own end, while ends are compared. */
  #ownEnd = 0;
  /** It was refused, but an earlier attempt had no answer and may still come into force: the set as it is is asked for in its place. */
  #isWithdrawn = false;

  constructor(self: number, members: Members, start: Readonly<{ logEnd: number; nowMs: number }>) {
    this.#self = self;
    this.#members = members;
    this.#startEnd = start.logEnd;
    this.#startMs = start.nowMs;
  }

  get members(): Members {
    return this.#members;
  }

  /** What is to be asked again, since it is not settled. */
  get pending(): readonly number[] | undefined {
    return this.#isWithdrawn ? this.#members.inSync : this.#proposed;
  }

  /** As applied: whatever was proposed is settled, in this or another way. */
  set members(members: Members) {
    this.#members = members;
    this.#proposed = undefined;
    this.#isWithdrawn = false;
  }

  propose(inSync: readonly number[]): void {
    this.#proposed = inSync;
  }

  /** `isOnly`: no attempt before had no answer, so that it cannot come into force any more. */
  refused(isOnly: boolean): void {
    if (isOnly) this.#proposed = undefined;
    else this.#isWithdrawn = true;
  }

  /** Who is a replica no more has given up what it had, though it may be one again soon. @returns them. */
  replicasLeft(next: Members): readonly number[] {
    const left = this.#members.replicas.filter((broker) => !next.replicas.includes(broker));
    for (const broker of left) this.forget(broker);
    return left;
  }

  /** The follower has everything below `end`, durably. */
  acknowledged(broker: number, end: number, logEnd: number, nowMs: number): void {
    let progress = this.#followers.get(broker);
    if (progress === undefined) {
      progress = { end, caughtUpMs: -1, targetEnd: logEnd, targetMs: nowMs };
      this.#followers.set(broker, progress);
    }
    progress.end = Math.max(progress.end, end);
    if (progress.end >= logEnd) progress.caughtUpMs = nowMs;
    else if (progress.end >= progress.targetEnd) progress.caughtUpMs = progress.targetMs;
    else return;
    progress.targetEnd = logEnd;
    progress.targetMs = nowMs;
  }

  /**
   * The log ends there at this moment, and nobody has to say a word of it: without this, the first record after a quiet time would find
   * every follower late by all of it.
   */
  looked(logEnd: number, nowMs: number): void {
    for (const progress of this.#followers.values()) {
      if (progress.end < logEnd) continue;
      progress.caughtUpMs = nowMs;
      progress.targetEnd = logEnd;
      progress.targetMs = nowMs;
    }
  }

  /** What the follower has acknowledged in this epoch; undefined: nothing yet. */
  endOf(broker: number): number | undefined {
    return this.#followers.get(broker)?.end;
  }

  /** When the follower was at the log's end last, as far as it has said; without a word of it, when this epoch began. */
  caughtUpMs(broker: number, logEnd: number, nowMs: number): number {
    const progress = this.#followers.get(broker);
    if (progress !== undefined && progress.end >= logEnd) return nowMs;
    return Math.max(progress?.caughtUpMs ?? -1, this.#startMs);
  }

  /** Another process of the broker has come, or it has lost something: what it has is not known any more. */
  forget(broker: number): void {
    this.#followers.delete(broker);
    this.#answers.delete(broker);
  }

  /** The leader wants to know whether it is still followed. Resolved by what is acknowledged of messages that were sent since. */
  ask(): number {
    this.#asked += 1;
    return this.#asked;
  }

  /** What was asked last: goes with every message. */
  get asked(): number {
    return this.#asked;
  }

  /** The follower has acknowledged a message that was sent when this had been asked. */
  answered(broker: number, asked: number): void {
    this.#answers.set(broker, Math.max(asked, this.#answers.get(broker) ?? 0));
  }

  /** Whether all members, of whom the next leader is one, still followed when this was asked: then nobody else had committed anything. */
  isFollowed(asked: number): boolean {
    const members = [...this.#members.inSync, ...(this.#proposed ?? [])];
    return members.every((broker) => broker === this.#self || (this.#answers.get(broker) ?? 0) >= asked);
  }

  /** The lowest end in the set, and in the proposed one; −1 while a member has said nothing. */
  markOf(ownEnd: number): number {
    const mark = this.#lowest(this.#members.inSync, ownEnd);
    return this.#proposed === undefined ? mark : Math.min(mark, this.#lowest(this.#proposed, ownEnd));
  }

  /** Everything below is with so many members of the set; undefined: it has not so many. */
  endWith(members: number, ownEnd: number): number | undefined {
    const { inSync } = this.#members;
    if (members > inSync.length) return undefined;
    this.#ownEnd = ownEnd;
    return kthLowest(inSync, this.#endOf, inSync.length - members + 1);
  }

  #lowest(brokers: readonly number[], ownEnd: number): number {
    this.#ownEnd = ownEnd;
    return Math.min(ownEnd, kthLowest(brokers, this.#endOf, 1));
  }

  readonly #endOf = (broker: number): number => (broker === this.#self ? this.#ownEnd : (this.#followers.get(broker)?.end ?? -1));

  /** The set as it should be; undefined: as it is. */
  wanted(situation: SetSituation): readonly number[] | undefined {
    const { replicas, inSync } = this.#members;
    const joining = replicas.filter((broker) => !inSync.includes(broker) && this.#mayJoin(broker, situation));
    let size = inSync.length + joining.length;
    const leaving = inSync.filter((broker) => {
      if (broker === this.#self || size <= Math.max(1, situation.minimum) || !this.#isLate(broker, situation)) return false;
      size -= 1;
      return true;
    });
    if (joining.length === 0 && leaving.length === 0) return undefined;
    return [...inSync.filter((broker) => !leaving.includes(broker)), ...joining];
  }

  #mayJoin(broker: number, { highWatermark, logEnd, isReady }: SetSituation): boolean {
    const end = this.#followers.get(broker)?.end;
    if (end === undefined || !isReady(broker)) return false;
    return end >= highWatermark && end >= Math.min(this.#startEnd, logEnd);
  }

  /** Who is fenced is still a member because the set was at its minimum. */
  #isLate(broker: number, { logEnd, nowMs, isReady }: SetSituation): boolean {
    return !isReady(broker) || nowMs - this.caughtUpMs(broker, logEnd, nowMs) > LAG_MAX_MS;
  }
}
