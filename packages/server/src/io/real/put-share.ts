import type { PutPace } from "../object-store.ts";
import { OBJECT_PAUSE_MS_MAX, OBJECT_RELAXED_PAUSES, OBJECT_TURN_DEBT_MS_MAX } from "./limits.ts";

/**
 * Who of one thread is next: a step of the put in progress, or one of the other calls. While both have work an urgent put gets half
 * of the time, and one that is relaxed rests after each step for a multiple of what it took, whether there is other work or not.
 */
export class PutShare {
  /** How much more time puts took than other calls since both have had work. */
  #aheadMs = 0;
  #restsUntilMs = 0;

  /** Not above zero: the put is next. Else other calls are, or nothing for so long. */
  waitMs(nowMs: number, pace: PutPace, othersWait: boolean): number {
    if (!othersWait) this.#aheadMs = 0;
    return pace === "relaxed" ? this.#restsUntilMs - nowMs : this.#aheadMs;
  }

  /** The put took a step. The log may lie on the same disk: a sync of an append must not wait behind one step after the other. */
  stepped(startMs: number, endMs: number): void {
    const tookMs = endMs - startMs;
    this.#aheadMs = Math.min(OBJECT_TURN_DEBT_MS_MAX, this.#aheadMs + tookMs);
    this.#restsUntilMs = endMs + Math.min(OBJECT_PAUSE_MS_MAX, tookMs * OBJECT_RELAXED_PAUSES);
  }

  /** Another call was served, while a put was waiting or not. */
  served(startMs: number, endMs: number, putWaits: boolean): void {
    this.#aheadMs = putWaits ? Math.max(-OBJECT_TURN_DEBT_MS_MAX, this.#aheadMs - (endMs - startMs)) : 0;
  }
}
