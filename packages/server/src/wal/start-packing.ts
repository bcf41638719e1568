import { FileEmptier, type NewBase } from "./file-emptier.ts";
import { FILE_SLACK_BYTES, RESERVE_FILES } from "./limits.ts";
import type { LogParts } from "./log-parts.ts";
import { Space } from "./space.ts";
import type { WalFile } from "./wal-file.ts";
import { baseChunkBytesMax } from "./wal-options.ts";
import type { WalPartition } from "./wal-partition.ts";

export type Packing = Readonly<{ emptier: FileEmptier; packed: readonly WalFile[] }>;

/**
 * Every start takes a file and leaves one partly filled. When fewer than two are free, the emptiest ones are copied together
 * into the new one. There are no folds yet, so bases are copied as they are, and everything above them.
 */
export async function packFiles(log: LogParts): Promise<Packing> {
  const { files, writer } = log;
  const emptier = new FileEmptier(
    files,
    writer,
    log.cold,
    log.controls,
    {
      partitions: log.partitions,
      floorOf: (p) => Math.min(p.base?.offset ?? 0, p.uploadedEnd),
      hasBase: () => true,
      baseOf: (p) => storedBase(log, p),
    },
    log.parts.clock,
    { pendingBytesMax: spaceOf(log).pendingBytesMax, baseChunkBytes: baseChunkBytesMax(log.options), keepBytes: FILE_SLACK_BYTES / 2 },
  );
  const packed: WalFile[] = [];
  while (files.freeCount + files.absentCount + packed.length < RESERVE_FILES) {
    const file = emptiest(emptier, log, packed);
    if (file === undefined || !(await emptier.empty(file))) break;
    packed.push(file);
  }
  return { emptier, packed };
}

export function spaceOf(log: LogParts): Space {
  const { files, slabs } = log;
  return new Space({ capacityBytes: files.usableCount * files.fileBytes, fileBytes: files.fileBytes, slabBudgetBytes: slabs.budgetBytes });
}

/** The file with the least to copy, if that fits into what is left of the new one. */
function emptiest(emptier: FileEmptier, log: LogParts, packed: readonly WalFile[]): WalFile | undefined {
  let best: WalFile | undefined;
  let least = log.writer.assembly.room - FILE_SLACK_BYTES;
  for (const file of log.files.inUse()) {
    if (file.state !== "full" || packed.includes(file)) continue;
    const { liveBytes, baseBytes } = emptier.load(file);
    const bytes = (liveBytes + baseBytes) * 1.25;
    if (bytes >= least) continue;
    best = file;
    least = bytes;
  }
  return best;
}

function storedBase(log: LogParts, p: WalPartition): NewBase | undefined {
  const bytes = log.recoveredBases.get(p.id);
  return bytes === undefined || p.base === undefined ? undefined : { offset: p.base.offset, bytes };
}
