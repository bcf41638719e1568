import { assert } from "../base/assert.ts";
import type { ObjectId } from "./object-id.ts";

/**
 * Offsets [startOffset, endOffset) of one partition and where their bytes are. One entry of the object index.
 *
 * In the object the range is one section: `dataBytes` of data blocks from `position` on, then `indexBytes` of section
 * index, then the base of the range's end (docs/formats/object.md).
 */
export type ObjectRange = Readonly<{
  partitionId: number;
  startOffset: number;
  /** Exclusive. */
  endOffset: number;
  /** Of the leader that uploaded it; single batches may be of earlier epochs. */
  leaderEpoch: number;
  /** Largest timestamp of a batch in it, -1 when it has none. */
  maxTimestampMs: number;
  /**
   * `data`: read it from the object. `hole`: lost by damage, nobody has accepted that yet. `gap`: no record was ever
   * here, or the loss was accepted before the upload. The last two have no object, and 0 in every field below.
   */
  kind: "data" | "hole" | "gap";
  object: ObjectId | undefined;
  /** Length of the whole object. */
  objectBytes: number;
  position: number;
  dataBytes: number;
  indexBytes: number;
  /** CRC32C of the section index, so that no other index passes for this one. */
  indexCrc: number;
}>;

/** The older history of a partition, [startOffset, endOffset): one manifest object (docs/formats/manifest.md). */
export type ManifestPointer = Readonly<{
  partitionId: number;
  startOffset: number;
  /** Exclusive; the ranges in the state continue here. */
  endOffset: number;
  /** Largest timestamp of all its ranges, -1 when none has one. */
  maxTimestampMs: number;
  object: ObjectId;
  /** Length and CRC32C of the whole manifest object. */
  objectBytes: number;
  objectCrc: number;
  /** Number of ranges in it, and data bytes of all of them. */
  rangeCount: number;
  dataBytes: number;
}>;

/** Ranges of one partition that its state may hold outside of the manifest. */
export const UNMERGED_RANGES_MAX = 32;

/** What one partition's ranges and pointer may take in a snapshot. */
export const PARTITION_INDEX_BYTES_MAX = 4096;

export function assertRange(range: ObjectRange): void {
  assert(range.startOffset >= 0 && range.startOffset < range.endOffset, `range [${range.startOffset}, ${range.endOffset}) is empty`);
  const hasObject = range.kind === "data";
  assert((range.object !== undefined) === hasObject, `a ${range.kind} range ${hasObject ? "needs an" : "has no"} object`);
  const bytes = range.dataBytes + range.indexBytes;
  assert(hasObject ? range.position + bytes <= range.objectBytes && range.indexBytes > 0 : bytes === 0, "a section lies inside its object");
}
