import { setTimeout as sleep } from "node:timers/promises";
import type { HostPort } from "../process/server-process.ts";
import type { Faults, Written } from "./ledger.ts";

/** What every role shares. */
export type Stage = Readonly<{
  at: HostPort;
  faults: Faults;
  written: Written;
  /** Milliseconds of produce batches since the last sample. */
  produceMs: number[];
  /** Counts of what roles did, by name. */
  did: Map<string, number>;
  /** No more load. */
  over: AbortSignal;
}>;

export function count({ did }: Stage, what: string, times = 1): void {
  did.set(what, (did.get(what) ?? 0) + times);
}

/** Does it again and again until the load is over; what it throws is a fault, and it goes on. */
export async function repeat(stage: Stage, name: string, pauseMs: number, act: (round: number) => Promise<void> | void): Promise<void> {
  for (let round = 0; !stage.over.aborted; round += 1) {
    try {
      await act(round);
      count(stage, name);
    } catch (error) {
      if (!stage.over.aborted) stage.faults.add(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    await pause(stage, pauseMs);
  }
}

/** Shorter when the load ends meanwhile. */
export async function pause(stage: Stage, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: stage.over }).catch(() => undefined);
}
