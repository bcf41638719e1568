import { Buffer } from "node:buffer";
import { QueueError } from "../../base/errors.ts";
import { type Disk, DiskError } from "../../io/disk.ts";
import { ROOT } from "../../io/disk-path.ts";
import { META_FOLDER } from "./data-format.ts";

/** In a folder without meta/format: a copy of metadata from elsewhere was begun here, and counts for nothing yet. */
export const INCOMING_FILE = "meta/incoming";
const FROM_BYTES_MAX = 16_384;

/** Durable on return: what lies in the folder from now on is of an unfinished copy. `from` is for people. */
export async function beginIncoming(disk: Disk, from: string): Promise<void> {
  await disk.makeFolder(META_FOLDER);
  await disk.syncFolder(ROOT);
  if ((await readIncoming(disk)) !== undefined) return;
  const file = await disk.open(INCOMING_FILE, "create");
  await file.write(0, [Buffer.from(`${from}\n`.slice(0, FROM_BYTES_MAX), "utf8")], true);
  await file.close();
  await disk.syncFolder(META_FOLDER);
}

/** Where the copy came from that was not finished; undefined: there is none. */
export async function readIncoming(disk: Disk): Promise<string | undefined> {
  try {
    const file = await disk.open(INCOMING_FILE, "read");
    const bytes = Buffer.alloc(FROM_BYTES_MAX);
    const length = await file.read(0, bytes);
    await file.close();
    return bytes.toString("utf8", 0, length).trimEnd();
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** @throws {QueueError} START_REFUSED */
export async function refuseUnfinishedCopy(disk: Disk): Promise<void> {
  const from = await readIncoming(disk);
  if (from !== undefined) throw unfinishedCopy(from);
}

export function unfinishedCopy(from: string): QueueError {
  return new QueueError(
    "START_REFUSED",
    `the folder holds a copy of metadata that was not finished: run \`tidemq metadata copy\` again, or remove its folder \`meta\`. from=${from}`,
  );
}
