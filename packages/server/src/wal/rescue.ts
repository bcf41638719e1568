import { decodeGroupHeader, encodeGroupHeader } from "./group-codec.ts";
import { BLOCK_BYTES } from "./limits.ts";
import { readAgain } from "./read-again.ts";
import type { Cut } from "./recovery-cut.ts";
import { positionIn } from "./recovery-survey.ts";
import type { WalFile } from "./wal-file.ts";
import type { WalFiles } from "./wal-files.ts";
import { WalOpenError } from "./wal-options.ts";

/**
 * Writes the groups above D once more, under their own numbers, as groups of this run, and syncs them: what was only in the
 * kernel's memory when the last process died is on the disk then.
 *
 * @returns Their addresses, by number.
 */
export async function rescueGroups(cut: Cut, files: WalFiles, target: WalFile, slabBytes: number): Promise<Map<number, number>> {
  const addresses = new Map<number, number>();
  for (const { scan, number } of cut.rescued) {
    const bytes = await readGroup(scan.file, positionIn(scan, number), files, target, cut.durable);
    if (target.end + bytes.byteLength > files.fileBytes) {
      throw new WalOpenError(`groups above ${cut.durable} do not fit into one file: this WAL was not written by this program`);
    }
    await target.disk.write(target.end, [bytes], false);
    addresses.set(number, files.address(target, target.end));
    target.end += bytes.byteLength;
    target.lastGroup = number;
  }
  if (cut.rescued.length > 0) {
    await target.disk.sync();
    // Slabs are windows of the file: the next group begins in one that holds nothing of these.
    target.end = Math.ceil(target.end / slabBytes) * slabBytes;
  }
  return addresses;
}

/** The group's bytes, with a header of its new place. */
async function readGroup(file: WalFile, position: number, files: WalFiles, target: WalFile, durable: number): Promise<Buffer> {
  const first = Buffer.alloc(BLOCK_BYTES);
  await readAgain(file, position, first);
  const header = decodeGroupHeader(first, 0, files.walId, position, files.fileBytes);
  const bytes = Buffer.alloc(header?.bytes ?? 0);
  const read = await readAgain(file, position, bytes);
  if (header === undefined || read < bytes.byteLength)
    throw new WalOpenError(`the disk does not give the same bytes twice. file=${file.disk.path}`);
  header.incarnation = target.incarnation;
  header.run = target.run;
  header.durableGroup = durable;
  header.block = target.end / BLOCK_BYTES;
  header.flags = 0;
  encodeGroupHeader(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, files.walId, header);
  return bytes;
}
