import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../base/assert.ts";
import type { ObjectRange } from "../model/object-range.ts";
import { assertRange } from "../model/object-range.ts";
import { combineCrc32c } from "./crc32c-combine.ts";
import type { ObjectIdentity } from "./identity-codec.ts";
import { BASE_BYTES_MAX, SECTION_DATA_BYTES_MAX } from "./limits.ts";
import { type DirectoryEntry, encodeObjectEnd, OBJECT_MAGIC } from "./object-codec.ts";
import type { SectionData } from "./section-builder.ts";
import { type AbortedTransaction, encodeSectionIndex, type OffsetSpan } from "./section-index-codec.ts";

/** One partition's part of an object to be: data and what the section index says beside it. */
export type SectionDraft = Readonly<{
  data: SectionData;
  startOffset: number;
  endOffset: number;
  leaderEpoch: number;
  lastStable: number;
  aborted: readonly AbortedTransaction[];
  holes: readonly OffsetSpan[];
  base: Uint8Array;
}>;

/** A whole object as bytes, and the ranges it would commit. */
export type BuiltObject = Readonly<{
  identity: ObjectIdentity;
  pieces: readonly Uint8Array[];
  bytes: number;
  crc: number;
  ranges: readonly ObjectRange[];
}>;

/**
 * Puts sections, directory and trailer together under an id. Copies no record and passes over none: the checksum of the
 * whole is combined from those of the blocks. Cheap enough to be repeated under another id.
 */
export function buildObject(identity: ObjectIdentity, drafts: readonly SectionDraft[]): BuiltObject {
  const whole = new Whole();
  whole.add(OBJECT_MAGIC);
  const entries = drafts.map((draft) => addSection(whole, identity, draft));
  whole.add(encodeObjectEnd({ identity, entries }, whole.bytes));
  const ranges = entries.map((entry) => rangeOf(entry, identity, whole.bytes));
  return { identity, pieces: whole.pieces, bytes: whole.bytes, crc: whole.crc, ranges };
}

function addSection(whole: Whole, identity: ObjectIdentity, draft: SectionDraft): DirectoryEntry {
  const { data, startOffset, endOffset, leaderEpoch, base } = draft;
  assert(data.dataBytes > 0 && data.dataBytes <= SECTION_DATA_BYTES_MAX, `a section of ${data.dataBytes} bytes`);
  assert(base.byteLength <= BASE_BYTES_MAX, `a base of ${base.byteLength} bytes is above the limit`);
  const { partitionId, maxTimestampMs, dataBytes, blocks, epochs } = data;
  const fixed = { identity, partitionId, startOffset, endOffset, maxTimestampMs, leaderEpoch, baseBytes: base.byteLength };
  const { lastStable, aborted, holes } = draft;
  const index = encodeSectionIndex({ ...fixed, lastStable, baseCrc: crc32c(base), blocks, epochs, aborted, holes });
  const position = whole.bytes;
  whole.addSummed(data.pieces, dataBytes, data.dataCrc);
  whole.add(index);
  whole.add(base);
  const sizes = { position, dataBytes, indexBytes: index.byteLength, indexCrc: crc32c(index), baseBytes: base.byteLength };
  return { partitionId, startOffset, endOffset, maxTimestampMs, leaderEpoch, ...sizes };
}

function rangeOf(entry: DirectoryEntry, identity: ObjectIdentity, objectBytes: number): ObjectRange {
  const { baseBytes: _, ...section } = entry;
  const range: ObjectRange = { ...section, kind: "data", object: identity.object, objectBytes };
  assertRange(range);
  return range;
}

class Whole {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  crc = 0;

  add(piece: Uint8Array): void {
    if (piece.byteLength > 0) this.addSummed([piece], piece.byteLength, crc32c(piece));
  }

  addSummed(pieces: readonly Uint8Array[], bytes: number, crc: number): void {
    for (const piece of pieces) this.pieces.push(piece);
    this.crc = combineCrc32c(this.crc, crc, bytes);
    this.bytes += bytes;
  }
}

/** A range without a record, committed without an object. */
export function emptyRange(kind: "hole" | "gap", partitionId: number, span: OffsetSpan, leaderEpoch: number): ObjectRange {
  const nowhere = { object: undefined, objectBytes: 0, position: 0, dataBytes: 0, indexBytes: 0, indexCrc: 0 };
  const range: ObjectRange = {
    partitionId,
    startOffset: span.from,
    endOffset: span.to,
    leaderEpoch,
    maxTimestampMs: -1,
    kind,
    ...nowhere,
  };
  assertRange(range);
  return range;
}
