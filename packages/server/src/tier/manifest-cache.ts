import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { objectKey } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { decodeManifest, firstAbove, type Manifest } from "./manifest-codec.ts";
import { ReadCache } from "./read-cache.ts";
import { readStore, type StoreReadParts } from "./store-read.ts";

/** What a manifest takes in memory, as a multiple of its encoding: small objects. */
const MEMORY_FACTOR = 4;

/** The older history of partitions, roots and leaves, as far as it was asked for lately. */
export class ManifestCache {
  readonly #parts: StoreReadParts;
  readonly #clusterId: string;
  readonly #manifests: ReadCache<Manifest>;

  constructor(parts: StoreReadParts, clusterId: string, bytesMax: number) {
    this.#parts = parts;
    this.#clusterId = clusterId;
    this.#manifests = new ReadCache(bytesMax, parts.metrics.manifests);
  }

  get bytes(): number {
    return this.#manifests.bytes;
  }

  /** The manifest that a pointer names. @throws QueueError CORRUPT_RECORD, OBJECT_STORAGE_UNAVAILABLE. */
  manifest(pointer: ManifestPointer): Manifest | Promise<Manifest> {
    const key = objectKey(this.#clusterId, pointer.object, "manifest");
    return this.#manifests.getOrLoad(key, pointer.objectBytes * MEMORY_FACTOR, () => this.#read(key, pointer));
  }

  /** The range that contains the offset or the first above it; undefined when the history ends below. */
  async find(root: ManifestPointer, offset: number): Promise<ObjectRange | undefined> {
    const manifest = await this.manifest(root);
    const child = firstAbove(manifest.children, offset);
    if (child === undefined) return firstAbove(manifest.ranges, offset);
    return firstAbove((await this.manifest(child)).ranges, offset);
  }

  async #read(key: string, pointer: ManifestPointer): Promise<Manifest> {
    const where = `object=${key} partition=${pointer.partitionId} manifest=[${pointer.startOffset}, ${pointer.endOffset})`;
    for (let last = false; ; last = true) {
      const bytes = await readStore(this.#parts, key, 0, pointer.objectBytes, where);
      if (!last && crc32c(bytes) !== pointer.objectCrc) continue;
      try {
        return decodeManifest(bytes, pointer, this.#clusterId, where);
      } catch (error) {
        this.#parts.metrics.corruptions += 1;
        throw error;
      }
    }
  }
}
