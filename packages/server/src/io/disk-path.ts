import { assert } from "../base/assert.ts";

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** The path of the data folder itself, for `list` and `syncFolder`. */
export const ROOT = "";

/** Paths are made by us, from names that were checked before: segments of [A-Za-z0-9._-] that begin with no dot, joined by `/`. */
export function assertDiskPath(path: string): void {
  for (const segment of path.split("/")) assert(SEGMENT.test(segment), `not a path within the data folder: ${JSON.stringify(path)}`);
}

/** The folder that holds this entry; `ROOT` for the uppermost. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? ROOT : path.slice(0, slash);
}
