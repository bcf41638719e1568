import type { Clock } from "../io/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { DAMAGE_LINES_MAX, DAMAGE_LOG_MS_MIN } from "./limits.ts";

/** One line for each damage that fetches meet: a consumer that tries again and again says nothing new. */
export class DamageLog {
  readonly #log: Log;
  readonly #clock: Clock;
  /** When each was told. */
  readonly #told = new Map<string, number>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param reason Names the offsets. */
  met(reason: string): void {
    const nowMs = this.#clock.monotonicMs();
    const toldMs = this.#told.get(reason);
    if (toldMs !== undefined && nowMs - toldMs < DAMAGE_LOG_MS_MIN) return;
    if (this.#told.size >= DAMAGE_LINES_MAX) this.#told.clear();
    this.#told.set(reason, nowMs);
    this.#log.error("a fetch met damaged records", { reason });
  }
}
