import { Buffer } from "node:buffer";
import { QueueError } from "../../base/errors.ts";
import type { Disk } from "../../io/disk.ts";
import type { Random } from "../../io/random.ts";
import { META_FOLDER, readDataFormat, writeDataFormat } from "./data-format.ts";
import { beginIncoming, INCOMING_FILE, readIncoming } from "./incoming-file.ts";
import { encodeFileHeader, FILE_HEADER_BYTES, FILE_VERSION } from "./record-codec.ts";
import { SnapshotFiles } from "./snapshot-files.ts";

const LOG_FILE = "meta/log";

/** A log that came from elsewhere: its batches up to `index` are a snapshot. */
export type IncomingLog = Readonly<{ clusterId: string; index: number; from: string }>;

/** What stands in the way of a copy into this folder; undefined: nothing, or an earlier copy that was not finished. */
export async function occupantOfFolder(disk: Disk, clusterId: string): Promise<string | undefined> {
  const format = await readDataFormat(disk);
  // The folder of a broker, whose controllers had the metadata elsewhere.
  if (format?.clusterId === clusterId && format.moved === undefined && !(await hasLog(disk))) return undefined;
  if (format?.moved !== undefined) return `meta/format of cluster ${format.clusterId}, whose metadata was moved to ${format.moved.place}`;
  if (format !== undefined) return `meta/format of cluster ${format.clusterId}`;
  if ((await readIncoming(disk)) !== undefined) return undefined;
  for (const name of await disk.list(META_FOLDER)) if (!(await isNothing(disk, name))) return `${META_FOLDER}/${name}`;
  return undefined;
}

/** Writes everything but meta/format, without which nothing of it counts. Durable on return. */
export async function prepareFolder(
  { disk, random }: Readonly<{ disk: Disk; random: Random }>,
  { clusterId, index, from }: IncomingLog,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  await beginIncoming(disk, from);
  for (const name of await disk.list(META_FOLDER))
    if (`${META_FOLDER}/${name}` !== INCOMING_FILE) await disk.remove(`${META_FOLDER}/${name}`);
  await disk.syncFolder(META_FOLDER);
  await new SnapshotFiles(disk).put(index, pieces);
  const file = await disk.open(LOG_FILE, "create");
  const incarnation = Buffer.from(random.bytes(8)).toString("hex");
  await file.write(0, [encodeFileHeader({ version: FILE_VERSION, firstIndex: index + 1, incarnation, clusterId })], true);
  await file.close();
  await disk.syncFolder(META_FOLDER);
}

/** From now on the folder holds the cluster's metadata. */
export async function activateFolder(disk: Disk, clusterId: string): Promise<void> {
  await writeDataFormat(disk, { clusterId, moved: undefined });
  await disk.remove(INCOMING_FILE);
  await disk.syncFolder(META_FOLDER);
}

/** The next start of this folder is refused, and told where the metadata went. */
export async function retireFolder(disk: Disk, clusterId: string, moved: Readonly<{ index: number; place: string }>): Promise<void> {
  const format = await readDataFormat(disk);
  if (format?.clusterId !== clusterId) throw new QueueError("CORRUPT_METADATA", "meta/format changed while the metadata was copied");
  await writeDataFormat(disk, { clusterId, moved });
}

/** Whether metadata lies in the folder, whole or damaged. */
export async function hasLog(disk: Disk): Promise<boolean> {
  return (await disk.list(META_FOLDER)).some((name) => name === "log" || name.startsWith("snapshot-"));
}

/** What a first start leaves that ended early. */
async function isNothing(disk: Disk, name: string): Promise<boolean> {
  if (name === "format.new" || name === "log.new" || name === "snapshot.new") return true;
  if (name !== "log") return false;
  const file = await disk.open(LOG_FILE, "read");
  const size = await file.size();
  await file.close();
  return size <= FILE_HEADER_BYTES;
}
