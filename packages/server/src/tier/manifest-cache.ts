import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { objectKey } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { corrupt } from "./identity-codec.ts";
import { MANIFEST_DEPTH_MAX } from "./limits.ts";
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

  get readingBytes(): number {
    return this.#manifests.readingBytes;
  }

  /** The manifest that a pointer names. @throws QueueError CORRUPT_RECORD, OBJECT_STORAGE_UNAVAILABLE. */
  manifest(pointer: ManifestPointer): Manifest | Promise<Manifest> {
    const key = objectKey(this.#clusterId, pointer.object, "manifest");
    return this.#manifests.getOrLoad(key, pointer.objectBytes * MEMORY_FACTOR, () => this.#read(key, pointer));
  }

  /** The range that contains the offset or the first above it; undefined when the history ends below. */
  async find(root: ManifestPointer, offset: number): Promise<ObjectRange | undefined> {
    let manifest = await this.manifest(root);
    for (let depth = 1; ; depth++) {
      const child = firstAbove(manifest.children, offset);
      if (child === undefined) return firstAbove(manifest.ranges, offset);
      checkDepth(depth, root);
      manifest = await this.manifest(child);
    }
  }

  /** The first range that ends above the offset and has a batch of this time or later. Leaves without one are not read. */
  async findTimestamp(root: ManifestPointer, timestampMs: number, offset: number, depth = 1): Promise<ObjectRange | undefined> {
    const late = (one: Readonly<{ maxTimestampMs: number; endOffset: number }>): boolean =>
      one.maxTimestampMs >= timestampMs && one.endOffset > offset;
    const manifest = await this.manifest(root);
    for (const child of manifest.children) {
      if (!late(child)) continue;
      checkDepth(depth, root);
      const range = await this.findTimestamp(child, timestampMs, offset, depth + 1);
      if (range !== undefined) return range;
    }
    return manifest.ranges.find(late);
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

function checkDepth(depth: number, root: ManifestPointer): void {
  if (depth > MANIFEST_DEPTH_MAX) throw corrupt(`partition=${root.partitionId}`, "manifests below manifests without end");
}
