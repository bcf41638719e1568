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
  // reads
  storeReads = 0;
  storeReadBytes = 0;
  storeReadFailures = 0;
  storeReadMsTotal = 0;
  blockHits = 0;
  blockMisses = 0;
  /** Misses that joined a read under way. */
  blockSharedMisses = 0;
  readAheadBytes = 0;
  /** Read ahead and evicted before anybody asked for it. */
  readAheadWastedBytes = 0;
  /** Indexes, blocks and manifests that failed their check. */
  corruptions = 0;
  objectsMissing = 0;
}
