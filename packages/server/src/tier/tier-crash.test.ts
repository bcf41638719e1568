import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../base/units.ts";
import { objectKey, parseObjectKey } from "../model/object-id.ts";
import { HEALTHY_OBJECT_STORE, SimObjectStore } from "../testing/sim-io/object-store.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { IndexOfTest, SourceOfTest, startTier } from "../testing/tier-world.ts";

// Goal: whatever store, process and chance do, what the index names is in the bucket, complete and right; and when
// the faults stop, everything gets there. Method: the real uploader over a simulated bucket, the process dies at any moment; the log
// and the index survive it. Same seed, same run.
const PARTITIONS = 5;
const SEEDS = 40;

const options = { triggers: { bytes: MiB / 4, ageMs: 20_000, walUsedRatio: 0.4 }, objectBytesMax: MiB / 8, windowBytes: MiB / 2 };

async function run(seed: number): Promise<string> {
  const world = new SimWorld(seed);
  const { random } = world;
  const bucket = new SimObjectStore(world, "bucket");
  let epoch = 1;
  let process = world.startProcess("broker");
  const index = new IndexOfTest(process);
  const sources = Array.from({ length: PARTITIONS }, (_, n) => new SourceOfTest(n + 1, process));
  const start = () => {
    process = world.startProcess("broker");
    epoch += 1;
    index.process = process;
    const tier = startTier(process, bucket, index, options, 1 * MiB, epoch);
    for (const source of sources) {
      source.process = process;
      source.leaderEpoch += 1;
      source.uploadedEnd = index.ends.get(source.partitionId) ?? 0;
      source.pieceBytes = random.between(70, 20_000);
      source.shared = random.chance(0.5);
      source.readMs = random.chance(0.5) ? 1 : undefined;
      source.holds.taken = source.holds.released; // memory of a dead process
      tier.uploader.add(source);
    }
    return tier;
  };
  let tier = start();
  for (let step = 0; step < 60; step++) {
    const source = random.pick(sources);
    const size = random.between(0, 30_000);
    if (random.chance(0.04)) source.skip(random.between(1, 4), random.chance(0.5));
    else source.append(random.between(1, 4), size);
    tier.uploader.noteDurable(size * 2);
    if (random.chance(0.15)) {
      bucket.faults.unavailableRatio = random.chance(0.5) ? 0.3 : 0;
      bucket.faults.unknownRatio = random.chance(0.5) ? 0.5 : 0;
      bucket.faults.corruptPutRatio = random.chance(0.3) ? 0.3 : 0;
      bucket.faults.corruptReadRatio = random.chance(0.3) ? 0.3 : 0;
      bucket.faults.confirmsChecksum = random.chance(0.6);
      bucket.faults.outage = random.chance(0.1) ? random.pick(["fails", "hangs"]) : "none";
    }
    if (random.chance(0.2)) index.nextCommits.push(random.pick(["lost", "silent", "hangs"]));
    await world.run(world.nowMs + random.between(1, 6_000));
    if (random.chance(0.08)) {
      process.crash();
      if (random.chance(0.5)) await world.run(world.nowMs + random.between(1, 30_000));
      tier = start();
    }
  }
  Object.assign(bucket.faults, HEALTHY_OBJECT_STORE);
  index.nextCommits.length = 0;
  ok(await world.settle(tier.uploader.drain(300_000)), `everything is uploaded when the faults stop, seed=${seed}`);
  for (const source of sources) {
    equal(source.uploadedEnd, source.highWatermark);
    equal(source.holds.released, source.holds.taken);
    index.accepted.splice(0, index.accepted.length, { from: 0, to: source.highWatermark });
    const chunks: Uint8Array[] = [];
    for (let offset = 0; offset < source.uploadedEnd; ) {
      const slices = await world.settle(tier.reader.read(source.partitionId, offset, source.uploadedEnd, random.between(1, 300_000), true));
      ok(slices.nextOffset > offset);
      chunks.push(...slices.pieces);
      offset = slices.nextOffset;
    }
    ok(Buffer.concat(chunks).equals(source.stored(0, source.highWatermark)), `bytes of partition ${source.partitionId}, seed=${seed}`);
  }
  checkBucket(bucket, index);
  return world.trace.digest;
}

/** Every object of the index is there under its key; keys name this cluster and were never reused. */
function checkBucket(bucket: SimObjectStore, index: IndexOfTest): void {
  const keys = new Set(bucket.keys());
  for (const ranges of index.ranges.values()) {
    for (const { object, objectBytes } of ranges) {
      if (object === undefined) continue;
      const key = objectKey("cluster-1", object, "records");
      equal(bucket.object(key)?.bytes.length, objectBytes);
    }
  }
  for (const key of keys) ok(parseObjectKey(key) !== undefined, key);
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`uploads survive crashes and a bad store (seed ${seed})`, async () => {
    await run(seed);
  });
}

test("the same seed is the same run", async () => {
  equal(await run(1001), await run(1001));
});
