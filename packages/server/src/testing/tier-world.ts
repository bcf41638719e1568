import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { assert } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { MiB } from "../base/units.ts";
import type { ObjectId } from "../model/object-id.ts";
import { sameObjectId } from "../model/object-id.ts";
import { type ManifestPointer, type ObjectRange, UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import type { Hold, RecordSlices } from "../model/record-slices.ts";
import type { Log, LogFields } from "../telemetry/log.ts";
import { ObjectIds } from "../tier/object-ids.ts";
import type { CommitManifestRequest, CommitReply, CommitRequest, ManifestVerdict, ObjectIndex } from "../tier/object-index.ts";
import { RemoteReader } from "../tier/remote-reader.ts";
import type { AbortedTransaction, OffsetSpan } from "../tier/section-index-codec.ts";
import { TierMetrics } from "../tier/tier-metrics.ts";
import { Uploader, type UploaderOptions } from "../tier/upload.ts";
import type { UploadSource } from "../tier/upload-source.ts";
import type { UploadEvent } from "../tier/upload-task.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "./sim-io/object-store.ts";
import type { SimProcess } from "./sim-io/process.ts";
import { SimRandom } from "./sim-io/random.ts";
import { SimWorld } from "./sim-io/sim-world.ts";

/** Keeps what was logged, for tests to look at. */
export class LogOfTest implements Log {
  readonly lines: string[] = [];

  debug(): void {}

  info(message: string, fields?: LogFields): void {
    this.lines.push(`info ${message} ${JSON.stringify(fields ?? {})}`);
  }

  warn(message: string, fields?: LogFields): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields ?? {})}`);
  }

  error(message: string, fields?: LogFields): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields ?? {})}`);
  }

  with(): Log {
    return this;
  }
}

export type BatchOfTest = Readonly<{ baseOffset: number; endOffset: number; bytes: Uint8Array }>;

/** Batch of `count` records of about `valueBytes` each, with bytes from the seed. */
export function batchOfTest(
  baseOffset: number,
  count: number,
  valueBytes: number,
  of: Partial<{ leaderEpoch: number; timestampMs: number }> = {},
): BatchOfTest {
  const random = new SimRandom(baseOffset * 7919 + count);
  const timestampMs = of.timestampMs ?? 1_000_000 + baseOffset;
  const value = random.bytes(valueBytes);
  const records = Array.from({ length: count }, (_, n) => ({ timestampMs: timestampMs + n, value }));
  const bytes = buildBatch(records, { baseOffset, leaderEpoch: of.leaderEpoch ?? 1 });
  return { baseOffset, endOffset: baseOffset + count, bytes };
}

/** A partition's log in memory, for uploads: batches in order, perhaps with holes and gaps between them. */
export class SourceOfTest implements UploadSource {
  readonly partitionId: number;
  leaderEpoch = 1;
  uploadedEnd = 0;
  highWatermark = 0;
  readonly batches: BatchOfTest[] = [];
  readonly holeList: OffsetSpan[] = [];
  abortedList: readonly AbortedTransaction[] = [];
  firstAppendTimeMs: number | undefined;
  /** Pieces are cut at multiples of this, so that batches and headers lie across them. */
  pieceBytes = 1 << 20;
  /** Reads answer later, through the process's clock. */
  readMs: number | undefined;
  /** Makes folds larger. */
  basePadding = 0;
  /** As slabs are; else it is memory of its own, as what was read from a file. */
  shared = true;
  failReads: QueueError | undefined;
  readonly holds = { taken: 0, released: 0 };
  /** Through whose clock it answers; another one after a restart. */
  process: SimProcess;

  constructor(partitionId: number, process: SimProcess) {
    this.partitionId = partitionId;
    this.process = process;
  }

  append(count: number, valueBytes: number, of: Partial<{ leaderEpoch: number; timestampMs: number }> = {}): void {
    const batch = batchOfTest(this.highWatermark, count, valueBytes, { leaderEpoch: this.leaderEpoch, ...of });
    this.batches.push(batch);
    this.highWatermark = batch.endOffset;
  }

  /** Offsets without records, lost (hole) or never there. */
  skip(count: number, hole: boolean): void {
    if (hole) this.holeList.push({ from: this.highWatermark, to: this.highWatermark + count });
    this.highWatermark += count;
  }

  holes(): readonly OffsetSpan[] {
    return this.holeList.filter((hole) => hole.to > this.uploadedEnd);
  }

  lastStableAt(endOffset: number): number {
    return endOffset;
  }

  pendingBytes(): number {
    let bytes = 0;
    for (const batch of this.batches) if (batch.baseOffset >= this.uploadedEnd) bytes += batch.bytes.byteLength;
    return bytes;
  }

  oldestAppendTimeMs(): number | undefined {
    return this.firstAppendTimeMs;
  }

  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices | Promise<RecordSlices> {
    if (this.readMs === undefined) return this.#read(offset, endOffset, bytesMax);
    return this.process.call(this.readMs, () => this.#read(offset, endOffset, bytesMax));
  }

  baseAt(endOffset: number): Uint8Array {
    return Buffer.concat([Buffer.from(`fold of ${this.partitionId} at ${endOffset}`), Buffer.alloc(this.basePadding)]);
  }

  abortedBetween(from: number, to: number): readonly AbortedTransaction[] {
    return this.abortedList.filter((one) => one.lastOffset >= from && one.lastOffset < to);
  }

  uploadedTo(endOffset: number): void {
    assert(endOffset > this.uploadedEnd && endOffset <= this.highWatermark, `uploadedEnd goes from ${this.uploadedEnd} to ${endOffset}`);
    this.uploadedEnd = endOffset;
  }

  /** All batches that overlap [from, to), as stored. */
  stored(from: number, to: number): Buffer {
    return Buffer.concat(this.batches.filter((batch) => batch.endOffset > from && batch.baseOffset < to).map((batch) => batch.bytes));
  }

  #read(offset: number, endOffset: number, bytesMax: number): RecordSlices {
    if (this.failReads !== undefined) throw this.failReads;
    const found: BatchOfTest[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (batch.endOffset <= offset) continue;
      if (batch.endOffset > endOffset || (found.length > 0 && bytes + batch.bytes.byteLength > bytesMax)) break;
      found.push(batch);
      bytes += batch.bytes.byteLength;
    }
    if (found.length === 0) return { pieces: [], bytes: 0, nextOffset: offset, hold: undefined };
    this.holds.taken += 1;
    const pieces = cut(this.#memory(found), this.pieceBytes);
    return { pieces, bytes, nextOffset: (found.at(-1) as BatchOfTest).endOffset, hold: this.#hold(pieces) };
  }

  #memory(batches: readonly BatchOfTest[]): Uint8Array {
    const bytes = Buffer.concat(batches.map((batch) => batch.bytes));
    if (!this.shared) return bytes;
    const slab = Buffer.from(new SharedArrayBuffer(bytes.byteLength));
    bytes.copy(slab);
    return slab;
  }

  /** Once given back, the memory is used for something else. */
  #hold(pieces: readonly Uint8Array[]): Hold {
    let released = false;
    return {
      release: () => {
        assert(!released, "a hold is released once");
        released = true;
        this.holds.released += 1;
        for (const piece of pieces) piece.fill(0xee);
      },
      whenWanted: () => {},
    };
  }
}

function cut(bytes: Uint8Array, pieceBytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return pieces;
}

/** The object index in memory, which judges as the cluster's state does. */
export class IndexOfTest implements ObjectIndex {
  readonly ranges = new Map<number, ObjectRange[]>();
  readonly manifests = new Map<number, ManifestPointer>();
  readonly ends = new Map<number, number>();
  readonly logStarts = new Map<number, number>();
  readonly accepted: OffsetSpan[] = [];
  /** What happens to the next commits: `lost` = not applied, no answer; `silent` = applied, no answer; `hangs` = never settles. */
  readonly nextCommits: ("ok" | "lost" | "silent" | "hangs")[] = [];
  /** Leader epochs below this are refused. */
  leaderEpochMin = 0;
  commits = 0;
  /** Through whose clock it answers; another one after a restart. */
  process: SimProcess;

  constructor(process: SimProcess) {
    this.process = process;
  }

  find(partitionId: number, offset: number): ObjectRange | ManifestPointer | undefined {
    const manifest = this.manifests.get(partitionId);
    if (manifest !== undefined && offset < manifest.endOffset) return manifest;
    return this.unmerged(partitionId).find((range) => range.endOffset > offset);
  }

  unmerged(partitionId: number): readonly ObjectRange[] {
    return this.ranges.get(partitionId) ?? [];
  }

  unmergedCount(partitionId: number): number {
    return this.unmerged(partitionId).length;
  }

  manifestOf(partitionId: number): ManifestPointer | undefined {
    return this.manifests.get(partitionId);
  }

  logStartOf(partitionId: number): number {
    return this.logStarts.get(partitionId) ?? 0;
  }

  isLossAccepted(_partitionId: number, from: number, to: number): boolean {
    return this.accepted.some((span) => span.from <= from && to <= span.to);
  }

  commit(request: CommitRequest): Promise<CommitReply> {
    this.commits += 1;
    const fate = this.nextCommits.shift() ?? "ok";
    if (fate === "hangs") return new Promise(() => {});
    return this.process.call(2, () => {
      if (fate === "lost") throw new QueueError("REQUEST_TIMED_OUT", "lost");
      const reply = this.#judge(request);
      if (fate === "silent") throw new QueueError("REQUEST_TIMED_OUT", "applied, but the answer is lost");
      return reply;
    });
  }

  commitManifest({ manifest, previous }: CommitManifestRequest): Promise<ManifestVerdict> {
    return this.process.call(2, () => {
      const current = this.manifests.get(manifest.partitionId);
      if (current !== undefined && sameObjectId(current.object, manifest.object)) return "accepted";
      if (!sameOrNone(current?.object, previous)) return "refused";
      const ranges = this.unmerged(manifest.partitionId);
      const merged = ranges.findIndex((range) => range.endOffset === manifest.endOffset) + 1;
      if (merged === 0 || merged === ranges.length) return "refused";
      this.manifests.set(manifest.partitionId, manifest);
      this.ranges.set(manifest.partitionId, ranges.slice(merged));
      return "accepted";
    });
  }

  #judge(request: CommitRequest): CommitReply {
    const accepted: ObjectRange[] = [];
    const refused: ObjectRange[] = [];
    for (const range of request.ranges) (this.#take(range) ? accepted : refused).push(range);
    return { accepted, refused };
  }

  #take(range: ObjectRange): boolean {
    const ranges = [...this.unmerged(range.partitionId)];
    if (ranges.some((one) => one.startOffset === range.startOffset && sameOrNone(one.object, range.object))) return true;
    if (range.startOffset !== (this.ends.get(range.partitionId) ?? 0) || range.leaderEpoch < this.leaderEpochMin) return false;
    if (ranges.length >= UNMERGED_RANGES_MAX) return false;
    this.ranges.set(range.partitionId, [...ranges, range]);
    this.ends.set(range.partitionId, range.endOffset);
    return true;
  }
}

function sameOrNone(a: ObjectId | undefined, b: ObjectId | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameObjectId(a, b);
}

/** A run of a broker's tier: everything that dies with its process. */
export function startTier(
  process: SimProcess,
  bucket: SimObjectStore,
  index: ObjectIndex,
  changed: Partial<UploaderOptions> = {},
  cacheBytes = 16 * MiB,
  brokerEpoch = 5,
) {
  const log = new LogOfTest();
  const metrics = new TierMetrics();
  const ids = new ObjectIds({ clusterId: "cluster-1", broker: 1, brokerEpoch }, process.random);
  const pressure = { usedRatio: 0, indexFull: false };
  const options = {
    triggers: { bytes: 1 * MiB, ageMs: 600_000, walUsedRatio: 0.4 },
    objectBytesMax: 1 * MiB,
    windowBytes: 2 * MiB,
    uploadsMax: 10,
    ...changed,
  };
  const fatal = (error: Error): void => {
    throw error;
  };
  const parts = { store: bucket.connect(process), index, ids, clock: process.clock, random: process.random, log, metrics };
  const reader = new RemoteReader({ ...parts, clusterId: ids.clusterId }, cacheBytes);
  const uploader = new Uploader(options, { ...parts, manifests: reader.manifests, pressure: () => pressure, fatal });
  const events: UploadEvent[] = [];
  uploader.observe((event) => events.push(event));
  return { process, log, metrics, pressure, reader, uploader, events };
}

/** A broker's tier over a simulated bucket: uploader, reader, index and log of a test. */
export function tierWorld(
  seed = 1,
  faults: Partial<SimObjectStoreFaults> = {},
  changed: Partial<UploaderOptions> = {},
  cacheBytes = 16 * MiB,
) {
  const world = new SimWorld(seed);
  const process = world.startProcess("broker");
  const bucket = new SimObjectStore(world, "bucket", faults);
  const index = new IndexOfTest(process);
  const tier = startTier(process, bucket, index, changed, cacheBytes);
  const source = (partitionId: number): SourceOfTest => {
    const made = new SourceOfTest(partitionId, process);
    tier.uploader.add(made);
    return made;
  };
  return { world, bucket, index, source, ...tier };
}
