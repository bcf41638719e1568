import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "../testing/sim-io/object-store.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { IndexOfTest, LogOfTest, SourceOfTest } from "../testing/tier-world.ts";
import { ObjectIds } from "./object-ids.ts";
import { RemoteReader } from "./remote-reader.ts";
import { TierMetrics } from "./tier-metrics.ts";
import { Uploader } from "./upload.ts";
import type { UploadEvent } from "./upload-task.ts";

function setUp(seed = 1, faults: Partial<SimObjectStoreFaults> = {}) {
  const world = new SimWorld(seed);
  const process = world.startProcess("broker");
  const bucket = new SimObjectStore(world, "bucket", faults);
  const index = new IndexOfTest(process);
  const log = new LogOfTest();
  const metrics = new TierMetrics();
  const ids = new ObjectIds({ clusterId: "cluster-1", broker: 1, brokerEpoch: 5 }, process.random);
  const pressure = { usedRatio: 0, indexFull: false };
  const events: UploadEvent[] = [];
  const options = {
    triggers: { bytes: 1 * MiB, ageMs: 600_000, walUsedRatio: 0.4 },
    objectBytesMax: 1 * MiB,
    windowBytes: 2 * MiB,
    uploadsMax: 10,
  };
  const fatal = (error: Error): void => {
    throw error;
  };
  const parts = { store: bucket.connect(process), index, ids, clock: process.clock, random: process.random, log, metrics };
  const reader = new RemoteReader({ ...parts, clusterId: ids.clusterId }, 16 * MiB);
  const uploader = new Uploader(options, { ...parts, manifests: reader.manifests, pressure: () => pressure, fatal });
  uploader.observe((event) => events.push(event));
  const source = (partitionId: number): SourceOfTest => {
    const made = new SourceOfTest(partitionId, process);
    uploader.add(made);
    return made;
  };
  return { world, process, bucket, index, log, metrics, pressure, uploader, reader, events, source };
}

test("nothing is uploaded before a trigger fires, then everything is", async () => {
  const { world, bucket, uploader, source, index } = setUp();
  const one = source(1);
  for (let n = 0; n < 9; n++) one.append(1, 100_000);
  uploader.noteDurable(900_000);
  await world.run(10_000);
  equal(bucket.keys().length, 0);
  for (let n = 0; n < 9; n++) one.append(1, 100_000);
  uploader.noteDurable(900_000);
  await world.run(20_000);
  equal(one.uploadedEnd, 18);
  equal(one.holds.released, one.holds.taken);
  deepEqual(
    index.unmerged(1).map(({ startOffset, endOffset }) => [startOffset, endOffset]),
    [
      [0, 10],
      [10, 18],
    ],
  );
});

test("many partitions share an object", async () => {
  const { world, bucket, uploader, source } = setUp();
  const sources = Array.from({ length: 20 }, (_, n) => source(n + 1));
  for (const one of sources) one.append(3, 1000);
  ok(await world.settle(uploader.drain(5_000)));
  equal(bucket.keys().length, 1);
  ok(sources.every((one) => one.uploadedEnd === 3));
});

test("what was uploaded is read back", async () => {
  const { world, uploader, source, reader } = setUp();
  const one = source(1);
  one.pieceBytes = 777;
  for (let n = 0; n < 40; n++) one.append(3, 50_000);
  ok(await world.settle(uploader.drain(5_000)));
  let offset = 0;
  const chunks: Uint8Array[] = [];
  while (offset < one.uploadedEnd) {
    const slices = await world.settle(reader.read(1, offset, one.uploadedEnd, 300_000, true));
    ok(slices.bytes > 0 && slices.nextOffset > offset);
    chunks.push(...slices.pieces);
    offset = slices.nextOffset;
  }
  ok(Buffer.concat(chunks).equals(one.stored(0, 120)));
});
