import type { Clock } from "../io/clock.ts";
import type { Disk } from "../io/disk.ts";
import type { Network } from "../io/network.ts";
import type { ObjectStore } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import type { Log } from "../telemetry/log.ts";

/** Everything outside of the program: the machine's, or the simulator's. */
export type World = Readonly<{
  clock: Clock;
  random: Random;
  disk: Disk;
  network: Network;
  objectStore: ObjectStore;
  log: Log;
  /** The loop had work: told once per group commit. */
  busy(): void;
  /** Something is broken that the program cannot go on with; called at most once per cause, ends the process. */
  fatal(error: Error): void;
}>;
