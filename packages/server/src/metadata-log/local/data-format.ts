import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../../base/errors.ts";
import { type Disk, DiskError } from "../../io/disk.ts";
import { isClusterId } from "../../model/object-id.ts";
import type { Moved } from "../moved.ts";
import { damaged } from "./log-scan.ts";

// docs/formats/metadata-log.md, "meta/format".

export const META_FOLDER = "meta";
const FORMAT_FILE = "meta/format";
const FORMAT_NEW = "meta/format.new";
const FORMAT_BYTES_MAX = 16_384;

/** Of everything in the data folder. */
export const DATA_VERSION = 1;

const FIRST_LINE = /^tidemq data ([1-9][0-9]{0,8})\n/;
/** Any version that still ends in a checksum of what stands before. */
const CHECKED = /^([^]*\n)crc ([0-9a-f]{8})\n$/;
const WHOLE = /^tidemq data 1\ncluster ([A-Za-z0-9_-]{1,64})\n(?:moved ([0-9]{1,16}) ([!-~]+)\n)?crc [0-9a-f]{8}\n$/;

/** Whose data the folder holds, and where its metadata went if it is not here any more. */
export type DataFormat = Readonly<{ clusterId: string; moved: Moved | undefined }>;

/**
 * What the data folder holds; undefined when it holds no data yet.
 * @throws {QueueError} NEWER_FORMAT when newer software wrote it; CORRUPT_METADATA.
 */
export async function readDataFormat(disk: Disk): Promise<DataFormat | undefined> {
  const text = await readSmallFile(disk, FORMAT_FILE);
  if (text === undefined) return undefined;
  const [, lines, sum] = CHECKED.exec(text) ?? [];
  const isDamaged = lines !== undefined && checksum(lines) !== sum;
  const version = Number(FIRST_LINE.exec(text)?.[1] ?? 0);
  if (version > DATA_VERSION && !isDamaged)
    throw new QueueError(
      "NEWER_FORMAT",
      `meta/format: the data folder was written by newer software: start that version again. version=${version} known=${DATA_VERSION}`,
    );
  const match = WHOLE.exec(text);
  if (match === null || isDamaged) throw damaged("meta/format is not readable");
  const [, clusterId = "", index, place] = match;
  return { clusterId, moved: place === undefined ? undefined : { index: Number(index), place: decodedPlace(place) } };
}

/** Durable on return. From now on the folder holds data, or says where they went. */
export async function writeDataFormat(disk: Disk, { clusterId, moved }: DataFormat): Promise<void> {
  if (!isClusterId(clusterId)) throw new QueueError("START_REFUSED", `not a cluster id: ${JSON.stringify(clusterId)}`);
  const movedLine = moved === undefined ? "" : `moved ${moved.index} ${encodeURI(moved.place.toWellFormed())}\n`;
  const lines = `tidemq data ${DATA_VERSION}\ncluster ${clusterId}\n${movedLine}`;
  await disk.remove(FORMAT_NEW);
  const file = await disk.open(FORMAT_NEW, "create");
  await file.write(0, [Buffer.from(`${lines}crc ${checksum(lines)}\n`, "latin1")], true);
  await file.close();
  await disk.rename(FORMAT_NEW, FORMAT_FILE);
  await disk.syncFolder(META_FOLDER);
}

async function readSmallFile(disk: Disk, path: string): Promise<string | undefined> {
  try {
    const file = await disk.open(path, "read");
    const bytes = Buffer.alloc(FORMAT_BYTES_MAX);
    const length = await file.read(0, bytes);
    await file.close();
    return bytes.toString("latin1", 0, length);
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return undefined;
    throw error;
  }
}

function decodedPlace(text: string): string {
  try {
    return decodeURI(text);
  } catch (error) {
    if (error instanceof URIError) throw damaged("meta/format names a place that is none");
    throw error;
  }
}

function checksum(text: string): string {
  return crc32c(Buffer.from(text, "latin1")).toString(16).padStart(8, "0");
}
