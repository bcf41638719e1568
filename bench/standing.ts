import { setTimeout as sleep } from "node:timers/promises";
import { produceFirstRecord } from "./cases.ts";
import { residentMiB, untilQuiet, wakes, writtenBytes } from "./process-cost.ts";
import type { Figures, Target } from "./target.ts";

/** Files are still being prepared at first. */
const SETTLE_MS = 3_000;
const IDLE_MS = 10_000;

/**
 * What a server costs that nobody uses.
 *
 * @param startMs From the start of the process until it answered.
 */
export async function standing(target: Target, startMs: number): Promise<Figures> {
  const beforeMs = performance.now();
  await produceFirstRecord(target);
  const firstRecordMs = startMs + performance.now() - beforeMs;
  await untilQuiet(target.processId);
  await sleep(SETTLE_MS);
  const before = { wakes: wakes(target.processId), written: writtenBytes(target.processId) };
  await sleep(IDLE_MS);
  return {
    "ms to the first record": firstRecordMs,
    "MiB idle": residentMiB(target.processId),
    "wakes/s idle": (wakes(target.processId) - before.wakes) / (IDLE_MS / 1000),
    "KiB/s written idle": (writtenBytes(target.processId) - before.written) / 1024 / (IDLE_MS / 1000),
  };
}
