import {
  BASE_OFFSET_AT,
  decodeGroupHeader,
  ENTRY_BYTES,
  EntryKind,
  type GroupHeader,
  KIND_AT,
  LAST_DELTA_AT,
  LENGTH_AT,
  PARTITION_AT,
  POSITION_AT,
  readU64,
  WAL_ID_BYTES,
} from "../../wal/group-codec.ts";
import { BLOCK_BYTES } from "../../wal/limits.ts";

/** Offsets [from, to) of a partition, by id: one batch of so many bytes, which begins at `position` of the file. */
export type DamagedOffsets = Readonly<{ partitionId: number; from: number; to: number; position: number; bytes: number }>;

/** A group in a file; positions are those in the file. */
export type GroupInFile = Readonly<{ position: number; header: GroupHeader; directoryAt: number; batches: readonly DamagedOffsets[] }>;

/** Where the wal id lies in a group header. */
const WAL_ID_AT = 8;

/** Every block of this WAL file that a right group begins in, whether it still counts or not. */
export function groupsIn(file: Uint8Array): GroupInFile[] {
  const groups: GroupInFile[] = [];
  for (let position = 0; position < file.byteLength; position += BLOCK_BYTES) {
    const header = headerAt(file, position);
    if (header === undefined) continue;
    const directoryAt = position + header.directoryPosition;
    groups.push({ position, header, directoryAt, batches: offsetsInDirectory(file, position, directoryAt, header.entryCount) });
  }
  return groups;
}

/** What a flip at `position` of this WAL file can damage at most: the batches of the group that lies there. */
export function offsetsInGroupAt(file: Uint8Array, position: number): DamagedOffsets[] {
  for (let at = position - (position % BLOCK_BYTES); at >= 0; at -= BLOCK_BYTES) {
    const header = headerAt(file, at);
    if (header === undefined) continue;
    if (at + header.bytes <= position) return [];
    return offsetsInDirectory(file, at, at + header.directoryPosition, header.entryCount);
  }
  return [];
}

/** Where bodies of bases begin in this WAL file. */
export function basesIn(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: number[] = [];
  for (const { position, header, directoryAt } of groupsIn(file)) {
    for (let at = directoryAt; at < directoryAt + header.entryCount * ENTRY_BYTES; at += ENTRY_BYTES) {
      if (view.getUint8(at + KIND_AT) === EntryKind.base) found.push(position + view.getUint32(at + POSITION_AT));
    }
  }
  return found;
}

function headerAt(file: Uint8Array, at: number): GroupHeader | undefined {
  return decodeGroupHeader(file, at, file.subarray(at + WAL_ID_AT, at + WAL_ID_AT + WAL_ID_BYTES), at, file.byteLength);
}

function offsetsInDirectory(file: Uint8Array, groupAt: number, directoryAt: number, entryCount: number): DamagedOffsets[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: DamagedOffsets[] = [];
  for (let entry = 0; entry < entryCount; entry++) {
    const at = directoryAt + entry * ENTRY_BYTES;
    if (view.getUint8(at + KIND_AT) !== EntryKind.append) continue;
    const from = readU64(view, at + BASE_OFFSET_AT);
    const to = from + view.getInt32(at + LAST_DELTA_AT) + 1;
    const position = groupAt + view.getUint32(at + POSITION_AT);
    found.push({ partitionId: view.getUint32(at + PARTITION_AT), from, to, position, bytes: view.getUint32(at + LENGTH_AT) });
  }
  return found;
}
