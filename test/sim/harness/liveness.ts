import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import type { SimObjectStore } from "@tidemq/server/testing/sim-io/object-store.ts";
import type { SimRun } from "./sim-run.ts";

/** How long after the last fault something may still fail or wait, in virtual time: one broker, or all of a cluster, serve. */
export const READY_WITHIN_MS = 60_000;
/** Of a cluster: what was acknowledged before can be read again. */
export const READABLE_WITHIN_MS = 10_000;
/** Every record that was sent is acknowledged or given up. */
export const SETTLED_WITHIN_MS = 120_000;
/** Every partition takes a record; a stop, a start. */
export const PROBE_WITHIN_MS = 30_000;
/** Followers have what their leaders have: who fell out asks again, and what comes from elsewhere begins where uploads ended. */
export const WHOLE_WITHIN_MS = 60_000;
export const UPLOADED_WITHIN_MS = 120_000;
export const READ_WITHIN_MS = 60_000;
/** Writes that were given up may land late. */
export const COLLECTED_WITHIN_MS = 180_000;
/** All who apply commands are at the same index. */
export const EQUAL_WITHIN_MS = 30_000;

/** Rejects when it takes longer. @throws {CheckFailure} liveness */
export async function within<T>(sim: SimRun, ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timedOut = false;
  const late = new Promise<never>((_, reject) => {
    const event = sim.world.after(ms, () => {
      timedOut = true;
      reject(new Error("late"));
    });
    promise.finally(() => event.cancel()).catch(() => undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    check(!timedOut, "liveness", `${what}: not within ${ms} ms after the faults stopped`);
    throw error;
  }
}

/** So long calls that were given up may still take effect in the bucket. */
export function lateMs({ world }: SimRun, { lateUntilMs }: SimObjectStore): number {
  return Math.max(0, lateUntilMs - world.nowMs);
}

/** So long somebody may still wait for a call that began before the faults stopped, and fail with it. */
export function hangsMs({ world }: SimRun, { hangsUntilMs }: SimObjectStore): number {
  return Math.max(0, hangsUntilMs - world.nowMs);
}
