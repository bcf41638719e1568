import type { CacheCounters } from "./read-cache.ts";

/** Counters of the tier since the process began; bytes and milliseconds, never reset. Read by whoever exports metrics. */
export class TierMetrics {
  // uploads
  objectsUploaded = 0;
  objectBytesUploaded = 0;
  rangesCommitted = 0;
  rangesRefused = 0;
  emptyRangesCommitted = 0;
  uploadFailures = 0;
  /** Writes whose outcome was not known, and how many of them turned out to have been done. */
  putsUnknown = 0;
  putsUnknownDone = 0;
  /** Objects read back because the store confirms no checksum. */
  objectsReadBack = 0;
  /** Objects that the store holds with other bytes than were sent. */
  putMismatches = 0;
  commitsAskedAgain = 0;
  manifestsWritten = 0;
  manifestsRefused = 0;
  uploadMsTotal = 0;
  // collection
  objectsCollected = 0;
  bytesCollected = 0;
  collections = 0;
  collectionFailures = 0;
  /** Found to be of no use and not deleted yet. */
  objectsWaiting = 0;
  // reads
  storeReads = 0;
  storeReadBytes = 0;
  storeReadFailures = 0;
  storeReadMsTotal = 0;
  readonly blocks: CacheCounters = { hits: 0, misses: 0, sharedMisses: 0, aheadWastedBytes: 0, waits: 0 };
  readonly indexes: CacheCounters = { hits: 0, misses: 0, sharedMisses: 0, aheadWastedBytes: 0, waits: 0 };
  readonly manifests: CacheCounters = { hits: 0, misses: 0, sharedMisses: 0, aheadWastedBytes: 0, waits: 0 };
  readAheadBytes = 0;
  /** Indexes, blocks and manifests that failed their check. */
  corruptions = 0;
  objectsMissing = 0;

  get blockHits(): number {
    return this.blocks.hits;
  }

  get blockMisses(): number {
    return this.blocks.misses;
  }

  /** Reads of blocks that joined one under way. */
  get blockSharedMisses(): number {
    return this.blocks.sharedMisses;
  }

  /** Reads that waited for room. */
  get cacheWaits(): number {
    return this.blocks.waits + this.indexes.waits + this.manifests.waits;
  }

  /** Read ahead and evicted before anybody asked for it. */
  get readAheadWastedBytes(): number {
    return this.blocks.aheadWastedBytes;
  }
}
