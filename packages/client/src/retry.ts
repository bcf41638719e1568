import { type Clock, sleep } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { fraction, type Random } from "./random.ts";

/** Pauses between tries: doubling from the first to the longest, each ± 20 %. */
export type BackOff = Readonly<{ firstMs: number; longestMs: number }>;

const JITTER = 0.2;

/**
 * Length of the pause after this many failures in a row (1 or more), in milliseconds. Chance spreads clients that failed together.
 */
export function pauseMs(backOff: BackOff, failures: number, random: Random): number {
  const plainMs = Math.min(backOff.longestMs, backOff.firstMs * 2 ** Math.min(30, failures - 1));
  return plainMs * (1 - JITTER + 2 * JITTER * fraction(random));
}

export type RetryParts = Readonly<{ clock: Clock; random: Random; backOff: BackOff }>;

/**
 * Runs `attempt` until it succeeds, throws something that trying again will not mend, or so many milliseconds have passed.
 * It always runs at least once; the last error is thrown as it is.
 *
 * @param timeoutMs A function is asked at each failure: how long to try may depend on what is known by then.
 * @param isRetriable Which errors to try again after; those that call themselves retriable when absent.
 */
export async function retrying<T>(
  parts: RetryParts,
  timeoutMs: number | (() => number),
  attempt: () => Promise<T>,
  isRetriable: (error: ClientError) => boolean = (error) => error.retriable,
): Promise<T> {
  const beganMs = parts.clock.monotonicMs();
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = ClientError.from(thrown);
      const waitMs = pauseMs(parts.backOff, failures, parts.random);
      const giveUpAtMs = beganMs + (typeof timeoutMs === "number" ? timeoutMs : timeoutMs());
      if (!isRetriable(error) || parts.clock.monotonicMs() + waitMs > giveUpAtMs) throw error;
      await sleep(parts.clock, waitMs);
    }
  }
}
