import { kafkaErrorOf } from "../base/errors.ts";
import { type MarkWaiter, MarkWaiters } from "./mark-waiters.ts";

/**
 * When a producer is answered, as its request says it: 0 never, 1 when its batch is durable with the leader, n when it is with n members of the
 * in-sync set; these, and all of that. Only what waits for all survives an election for certain.
 */
export const ACKS_ALL = -1;
export const ACKS_MAJORITY = -2;
export const ACKS_LEADER = 1;
export const ACKS_NONE = 0;

/** How far a partition is durable where an answer asks for it; undefined: the in-sync set has not so many members. */
export type EndOfLevel = (acks: number) => number | undefined;

/** Who waits for less than the mark: a queue for each level that somebody asks for. They are answered earlier; what may be read is not changed by that. */
export class AckWaiters {
  readonly #levels = new Map<number, MarkWaiters>();

  get count(): number {
    if (this.#levels.size === 0) return 0;
    let count = 0;
    for (const waiters of this.#levels.values()) count += waiters.count;
    return count;
  }

  add(acks: number, endOffset: number, waiter: MarkWaiter): void {
    let waiters = this.#levels.get(acks);
    if (waiters === undefined) this.#levels.set(acks, (waiters = new MarkWaiters()));
    waiters.add(endOffset, waiter);
  }

  /** What the whole set has is answered in any case; where that is smaller than was asked for, as too few. */
  reach(highWatermark: number, endOf: EndOfLevel): void {
    for (const [acks, waiters] of this.#levels) {
      if (waiters.count === 0) continue;
      const end = endOf(acks);
      if (end === undefined) waiters.reach(highWatermark, TOO_FEW);
      else waiters.reach(Math.max(highWatermark, end), 0);
    }
  }

  failAll(failure: number): void {
    for (const waiters of this.#levels.values()) waiters.failAll(failure);
  }
}

const TOO_FEW = kafkaErrorOf("NOT_ENOUGH_REPLICAS_AFTER_APPEND");
