import { Buffer } from "node:buffer";
import type { Disk, DiskFile } from "../io/disk.ts";
import { FIRST_GROUP_POSITION } from "./file-header-codec.ts";
import { decodeGroupHeader, looksLikeGroup } from "./group-codec.ts";
import { BLOCK_BYTES, SEARCH_READ_BYTES } from "./limits.ts";
import { readFileHeader, walIdOf } from "./recovery-survey.ts";
import { slotOf, walFilePath } from "./wal-file.ts";

/** Which log lies in a folder. `hasBatches`: whether any was ever appended to it. */
export type StoredIdentity = Readonly<{ id: string; hasBatches: boolean }>;

/**
 * Looks before a log is opened, which changes it. Undefined: there is none, or no file header is readable.
 * @throws {WalOpenError} If the log is of a newer version or of another file size.
 */
export async function storedIdentity(
  disk: Disk,
  options: Readonly<{ folder: string; fileBytes: number }>,
  isExpected: (id: string) => boolean,
): Promise<StoredIdentity | undefined> {
  const { folder, fileBytes } = options;
  const slots = (await disk.list(folder)).map(slotOf).filter((slot) => slot !== undefined);
  const files: DiskFile[] = [];
  try {
    for (const slot of slots) files.push(await disk.open(walFilePath(folder, slot), "read"));
    const found = await Promise.all(files.map(async (file) => ({ file, header: await readFileHeader(file) })));
    const walId = walIdOf(found, fileBytes);
    if (walId === undefined) return undefined;
    const id = Buffer.from(walId).toString("hex");
    if (isExpected(id)) return { id, hasBatches: true };
    let hasBatches = false;
    for (const { file, header } of found) if (header !== undefined) hasBatches ||= await holdsBatches(file, walId, fileBytes);
    return { id, hasBatches };
  } finally {
    for (const file of files) await file.close();
  }
}

/** Every group says how many offsets were taken before its end. */
async function holdsBatches(file: DiskFile, walId: Uint8Array, fileBytes: number): Promise<boolean> {
  const bytes = Buffer.alloc(SEARCH_READ_BYTES);
  for (let at = FIRST_GROUP_POSITION; ; at += SEARCH_READ_BYTES) {
    const read = await file.read(at, bytes);
    for (let block = 0; block < read; block += BLOCK_BYTES) {
      if (!looksLikeGroup(bytes, block)) continue;
      const header = decodeGroupHeader(bytes.subarray(0, read), block, walId, at + block, fileBytes);
      if (header !== undefined && header.offsets > 0) return true;
    }
    if (read < SEARCH_READ_BYTES) return false;
  }
}
