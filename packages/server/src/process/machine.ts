import { QueueError } from "../base/errors.ts";
import { formatBytes, MiB } from "../base/units.ts";
import type { ServingConfig } from "../config/server-config.ts";
import type { Clock } from "../io/clock.ts";
import { type Disk, DiskError, type DiskErrorCode } from "../io/disk.ts";
import type { Random } from "../io/random.ts";
import { RealClock } from "../io/real/clock.ts";
import type { DataFolder } from "../io/real/data-folder.ts";
import { DroppingDisk } from "../io/real/dropping-disk.ts";
import { createLog } from "../io/real/log.ts";
import { ProcessStats } from "../io/real/process-stats.ts";
import { RealRandom } from "../io/real/random.ts";
import type { Log } from "../telemetry/log.ts";
import type { ProcessUse } from "./load-meter.ts";

/** Set for tests: writes that were not synced are lost when the process dies, as if the power had failed. */
const DROP_UNSYNCED_VARIABLE = "TIDEMQ_TEST_DROP_UNSYNCED";

/** Besides the files of the write-ahead log: metadata, snapshots, and room for objects to begin with. */
const FREE_BYTES_MIN = 64 * MiB;
const EXIT_BROKEN = 70;

/** What of the real world every process has, whatever it is. */
export class Machine {
  readonly clock: Clock = new RealClock();
  readonly random: Random = new RealRandom();
  readonly log: Log = createLog({ level: "info", format: "auto" });
  readonly stats = new ProcessStats();

  /** What is on the disk is consistent; what is in memory may not be. So nothing is cleaned up, and the next start decides. */
  readonly fatal = (error: Error): never => {
    const remedy = error instanceof DiskError ? REMEDIES[error.code] : undefined;
    this.log.error("the process ends: it cannot go on safely", { reason: error.message, remedy, stack: error.stack });
    process.exit(EXIT_BROKEN);
  };

  use(): ProcessUse {
    const { cpuSeconds, residentBytes, memoryBytesMax } = this.stats;
    return { cpuSeconds, residentBytes, memoryBytesMax };
  }
}

/** The folder as the parts see it. */
export function diskOf(folder: DataFolder): Disk {
  return process.env[DROP_UNSYNCED_VARIABLE] === "1" ? new DroppingDisk(folder) : folder;
}

/** What a person does about each fault of the disk. */
const REMEDIES: Readonly<Record<DiskErrorCode, string>> = {
  "no-space": "free some room there and start again",
  "read-only": "make it writable again and start again",
  denied: "let this user read and write there and start again",
  "not-found": "put back what is missing and start again",
  exists: "move it away and start again",
  io:
    "mend it and start again; if that cannot be, copy the data folder by a program that puts zeros where it cannot read (such as " +
    "ddrescue) and start with the copy: what is missing is named then, and can be given up",
};

/** A disk that fails decides nothing about the data: there is no start until somebody has looked at it. */
export function refusedByDisk(error: unknown): unknown {
  if (!(error instanceof DiskError)) return error;
  return new QueueError("START_REFUSED", `the disk fails: ${error.message}: ${REMEDIES[error.code]}`, { cause: error });
}

/** Files that are there already take no more room. @throws {QueueError} START_REFUSED */
export async function checkRoom(folder: DataFolder, config: ServingConfig): Promise<void> {
  const missing = Math.floor(config.walCapacityBytes / config.walFileBytes) - (await folder.list("wal")).length;
  const needed = Math.max(0, missing) * config.walFileBytes + FREE_BYTES_MIN;
  const free = await folder.freeBytes();
  if (free >= needed) return;
  throw new QueueError(
    "START_REFUSED",
    `the disk of ${config.data} has ${formatBytes(free)} free, ${formatBytes(needed)} are needed: ` +
      "choose another with --data, free some, or make the write-ahead log smaller with --wal-capacity",
  );
}
