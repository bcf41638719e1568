// Uploads and a cold scan over a local directory: MiB/s and CPU seconds per GiB of this process, all threads.
// node packages/server/src/tier/tier.bench.ts [MiB]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiB } from "../base/units.ts";
import { RealClock } from "../io/real/clock.ts";
import { DirectoryObjectStore } from "../io/real/object-store-dir.ts";
import { RealRandom } from "../io/real/random.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import { batchOfTest, LogOfTest } from "../testing/tier-world.ts";
import { OBJECT_DATA_BYTES_MAX, UPLOAD_WINDOW_BYTES, UPLOADS_MAX } from "./limits.ts";
import { ObjectIds } from "./object-ids.ts";
import type { CommitReply, CommitRequest, ObjectIndex } from "./object-index.ts";
import { RemoteReader } from "./remote-reader.ts";
import { TierMetrics } from "./tier-metrics.ts";
import { Uploader } from "./upload.ts";
import type { UploadSource } from "./upload-source.ts";

const totalBytes = Number(process.argv[2] ?? 1024) * MiB;
const batch = batchOfTest(0, 250, 1024);
const slab = new Uint8Array(new SharedArrayBuffer(Math.floor((4 * MiB) / batch.bytes.byteLength) * batch.bytes.byteLength));
const perSlab = slab.byteLength / batch.bytes.byteLength;

/** The same slab again and again, with the offsets that belong there: as from the log's memory. */
class SlabSource implements UploadSource {
  readonly partitionId = 1;
  readonly leaderEpoch = 1;
  uploadedEnd = 0;
  highWatermark = 250 * Math.floor(totalBytes / batch.bytes.byteLength);
  lastStableAt = (endOffset: number): number => endOffset;
  pendingBytes = (): number => ((this.highWatermark - this.uploadedEnd) / 250) * batch.bytes.byteLength;
  oldestAppendTimeMs = (): undefined => undefined;
  holes = (): readonly [] => [];
  abortedBetween = (): readonly [] => [];
  baseAt = (): Uint8Array => new Uint8Array(200);

  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices {
    const count = Math.max(1, Math.min(Math.floor(bytesMax / batch.bytes.byteLength), (endOffset - offset) / 250, perSlab));
    const bytes = Buffer.from(new SharedArrayBuffer(count * batch.bytes.byteLength));
    for (let n = 0; n < count; n++) {
      Buffer.from(batch.bytes).copy(bytes, n * batch.bytes.byteLength);
      bytes.writeBigInt64BE(BigInt(offset + n * 250), n * batch.bytes.byteLength);
    }
    return { pieces: [bytes], bytes: bytes.byteLength, nextOffset: offset + count * 250, hold: undefined };
  }

  uploadedTo(endOffset: number): void {
    this.uploadedEnd = endOffset;
  }
}

class BenchIndex implements ObjectIndex {
  readonly #ranges: ObjectRange[] = [];
  find = (_: number, offset: number): ObjectRange | ManifestPointer | undefined => this.#ranges.find((range) => range.endOffset > offset);
  unmerged = (): readonly ObjectRange[] => this.#ranges;
  unmergedCount = (): number => 0;
  manifestOf = (): undefined => undefined;
  logStartOf = (): number => 0;
  isLossAccepted = (): boolean => false;
  commitManifest = (): Promise<"refused"> => Promise.resolve("refused");

  commit(request: CommitRequest): Promise<CommitReply> {
    this.#ranges.push(...request.ranges);
    return Promise.resolve({ accepted: request.ranges, refused: [] });
  }
}

const time = new RealClock();

async function measure(name: string, bytes: number, run: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const startMs = time.monotonicMs();
  await run();
  const seconds = (time.monotonicMs() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const perGiB = (user + system) / 1e6 / (bytes / 1024 / MiB);
  console.log(`${name}: ${Math.round(bytes / MiB / seconds)} MiB/s, ${perGiB.toFixed(2)} CPU s/GiB`);
}

const folder = mkdtempSync(join(tmpdir(), "tidemq-tier-"));
const store = new DirectoryObjectStore(folder, true);
try {
  const [clock, random, log, metrics, index] = [new RealClock(), new RealRandom(), new LogOfTest(), new TierMetrics(), new BenchIndex()];
  const ids = new ObjectIds({ clusterId: "bench", broker: 1, brokerEpoch: 1 }, random);
  const parts = { store, index, ids, clock, random, log, metrics, clusterId: "bench" };
  const reader = new RemoteReader(parts, 128 * MiB);
  const fatal = (error: Error): void => {
    throw error;
  };
  const triggers = { bytes: 128 * MiB, ageMs: 600_000, walUsedRatio: 0.4 };
  const limits = { triggers, objectBytesMax: OBJECT_DATA_BYTES_MAX, windowBytes: UPLOAD_WINDOW_BYTES, uploadsMax: UPLOADS_MAX };
  const pressure = () => ({ usedRatio: 0, indexFull: false });
  const uploader = new Uploader(limits, { ...parts, manifests: reader.manifests, pressure, fatal });
  const source = new SlabSource();
  await measure("upload (copy from a slab included)", totalBytes, async () => {
    uploader.add(source);
    await uploader.drain(600_000);
  });
  for (const name of ["scan 1", "scan 2", "scan 3"]) {
    await measure(name, totalBytes, async () => {
      for (let offset = 0; offset < source.uploadedEnd; ) {
        const slices = await reader.read(1, offset, source.uploadedEnd, 1 * MiB, true);
        offset = slices.nextOffset;
      }
    });
  }
  console.log(
    `reads of ${Math.round(metrics.storeReadBytes / metrics.storeReads / 1024)} KiB, ${metrics.blockMisses} misses, wasted ${metrics.readAheadWastedBytes}`,
  );
} finally {
  await store.close();
  rmSync(folder, { recursive: true });
}
