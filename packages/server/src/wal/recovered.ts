import type { OffsetRange } from "./wal-options.ts";
import type { HeaderVisitor, WalPartition } from "./wal-partition.ts";

/** What a start found of one partition. */
export type RecoveredPartition = Readonly<{
  partition: WalPartition;
  /**
   * The newest base that is whole; undefined: none was ever written (the log then begins with an empty fold at
   * `partition.firstOffset`, which is 0 for a log that was never trimmed), or `baseDamaged`.
   */
  base: Readonly<{ offset: number; bytes: Uint8Array; incomplete: boolean }> | undefined;
  /** A base was there, but its checksum is wrong: the object that ends at its offset carries the same. */
  baseDamaged: boolean;
  /** Base and batches do not join without a gap: a fold of them is incomplete. */
  foldIncomplete: boolean;
  /** The log ended below `uploadedEnd` (its tail was lost, but had been uploaded): the fold must come from the object. */
  behind: boolean;
  /** High watermark: the highest one noted, at least `uploadedEnd`. */
  mark: number;
  /** The same as the log alone has it: what lies above may be of a leader that was replaced. */
  markNoted: number;
  holes: readonly OffsetRange[];
  /** Visits the headers of all batches at or above the base's offset that can be read, ascending; some of them again behind one that cannot. */
  replay(visit: HeaderVisitor): Promise<void>;
}>;

export type RecoveryReport = {
  /** The log was made now: there was none. */
  created: boolean;
  durationMs: number;
  filesRead: number;
  groupsRead: number;
  bytesRead: number;
  /** D, and the newest group that was kept. */
  durableGroup: number;
  lastGroup: number;
  /** Groups above D that were written again. */
  groupsRescued: number;
  /** Groups behind `lastGroup` that were found but do not count (a write that was under way), and offsets in them. */
  groupsCut: number;
  offsetsCut: number;
  /** The first of them, which need not have been found, was written whole: a bit has flipped since. They may have been acknowledged. */
  cutByFlip: boolean;
  unfinishedStarts: number;
  filesPacked: number;
  /** What was damaged, for people. */
  damage: string[];
};
