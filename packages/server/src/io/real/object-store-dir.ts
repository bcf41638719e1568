import { resolve } from "node:path";
import type { ObjectThreadData } from "./object-messages.ts";
import { ThreadObjectStore } from "./object-store-thread.ts";

/**
 * A local directory as object store (`dir:PATH`). A put is written to a temporary file, synced, and linked to its
 * name, which creates it once; its folder is synced. So its answer is honest about durability, and its checksum is
 * that of the bytes that were handed to the kernel: nothing is read back.
 *
 * A file system that hangs, hangs the calls: callers have their own time limit.
 */
export class DirectoryObjectStore extends ThreadObjectStore {
  /**
   * @param create Makes the directory, and the mark that it is a store, when they are missing. Without it a directory
   *   that is not there (an unmounted disk) answers `unavailable`, and nothing is written to what lies beneath.
   */
  constructor(root: string, create: boolean) {
    const data: ObjectThreadData = { root: resolve(root), create };
    super({ program: new URL("./object-thread.ts", import.meta.url), name: "objects", data });
  }
}
