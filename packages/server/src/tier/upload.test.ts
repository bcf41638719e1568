import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { KiB, MiB } from "../base/units.ts";
import { parseObjectKey } from "../model/object-id.ts";
import { type SourceOfTest, tierWorld } from "../testing/tier-world.ts";

type World = ReturnType<typeof tierWorld>;

/** Everything of the partition, read from object storage alone, is what its log had. */
async function checkReadable({ world, reader }: World, source: SourceOfTest, from = 0): Promise<void> {
  const chunks: Uint8Array[] = [];
  for (let offset = from; offset < source.uploadedEnd; ) {
    const slices = await world.settle(reader.read(source.partitionId, offset, source.uploadedEnd, 256 * KiB, true));
    ok(slices.nextOffset > offset, "a read goes on");
    chunks.push(...slices.pieces);
    offset = slices.nextOffset;
  }
  ok(Buffer.concat(chunks).equals(source.stored(from, source.uploadedEnd)), "the bytes are those of the log");
  equal(source.holds.released, source.holds.taken, "nothing of the log is held");
}

test("nothing is uploaded before a trigger fires, then everything is", async () => {
  const { world, bucket, uploader, source, index } = tierWorld();
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
      [0, 11],
      [11, 18],
    ],
  );
});

test("many partitions share an object", async () => {
  const { world, bucket, uploader, source } = tierWorld();
  const sources = Array.from({ length: 20 }, (_, n) => source(n + 1));
  for (const one of sources) one.append(3, 1000);
  ok(await world.settle(uploader.drain(5_000)));
  equal(bucket.keys().length, 1);
  ok(sources.every((one) => one.uploadedEnd === 3));
});

test("what was uploaded is read back, however the log is cut into pieces", async () => {
  for (const pieceBytes of [61, 777, 100_000]) {
    const the = tierWorld(pieceBytes);
    const one = the.source(1);
    one.pieceBytes = pieceBytes;
    one.readMs = 1;
    for (let n = 0; n < 40; n++) one.append(1 + (n % 5), 3_000 * (n % 9));
    ok(await the.world.settle(the.uploader.drain(5_000)));
    await checkReadable(the, one);
  }
});

test("age uploads what is old, and what is nearly as old with it", async () => {
  const { world, bucket, uploader, source } = tierWorld();
  const [old, middle, young] = [source(1), source(2), source(3)];
  old.append(1, 100);
  uploader.noteDurable(100);
  await world.run(200_000);
  middle.append(1, 100);
  uploader.noteDurable(100);
  await world.run(500_000);
  young.append(1, 100);
  uploader.noteDurable(100);
  await world.run(590_000);
  equal(bucket.keys().length, 0);
  await world.run(640_000);
  deepEqual([old.uploadedEnd, middle.uploadedEnd, young.uploadedEnd], [1, 1, 0]);
  await world.run(1_200_000);
  equal(young.uploadedEnd, 1);
  equal(bucket.keys().length, 2);
});

test("age counts from the append time for what was there at the start, and a jump of the wall clock uploads nothing", async () => {
  const { world, process, bucket, uploader, source } = tierWorld();
  const one = source(1);
  one.append(1, 100);
  one.firstAppendTimeMs = process.clock.wallMs() - 590_000;
  uploader.add(one); // as at a start
  const other = source(2);
  await world.run(5_000);
  process.clock.jumpWall(3_600_000);
  other.append(1, 100);
  other.firstAppendTimeMs = 0;
  uploader.noteDurable(100);
  await world.run(60_000);
  equal(bucket.keys().length, 1);
  deepEqual([one.uploadedEnd, other.uploadedEnd], [1, 0]);
});

test("a full log, and a full header index, upload before the bytes do", async () => {
  for (const field of ["usedRatio", "indexFull"] as const) {
    const { world, pressure, uploader, source } = tierWorld();
    const one = source(1);
    one.append(1, 100_000);
    uploader.noteDurable(100_000);
    await world.run(5_000);
    equal(one.uploadedEnd, 0);
    if (field === "usedRatio") pressure.usedRatio = 0.41;
    else pressure.indexFull = true;
    one.append(1, 100_000);
    uploader.noteDurable(100_000);
    await world.run(6_000);
    equal(one.uploadedEnd, 2, field);
  }
});

test("triggers change while running", async () => {
  const { world, uploader, source } = tierWorld();
  const one = source(1);
  one.append(1, 100_000);
  uploader.noteDurable(100_000);
  await world.run(5_000);
  equal(one.uploadedEnd, 0);
  uploader.setTriggers({ ...uploader.triggers, bytes: 50_000 });
  await world.run(6_000);
  equal(one.uploadedEnd, 1);
  one.append(1, 10_000);
  uploader.setTriggers({ ...uploader.triggers, ageMs: 2_000 });
  await world.run(12_000);
  equal(one.uploadedEnd, 2);
});

test("an idle uploader has no timer", async () => {
  const { world, uploader, source } = tierWorld();
  source(1).append(1, 100_000);
  ok(await world.settle(uploader.drain(5_000)));
  await world.run(world.nowMs + 60_000);
  const before = world.eventsRun;
  await world.run(world.nowMs + 3_600_000);
  equal(world.eventsRun, before);
});

test("memory: objects and uploads at a time stay within the window", async () => {
  const { world, bucket, uploader, source } = tierWorld(1, {}, { objectBytesMax: 256 * KiB, windowBytes: 512 * KiB });
  bucket.faults.putMs = [500, 1000];
  const sources = Array.from({ length: 12 }, (_, n) => source(n + 1));
  for (const one of sources) for (let n = 0; n < 10; n++) one.append(1, 20_000);
  let most = 0;
  const drained = uploader.drain(60_000);
  await world.run(60_000, () => {
    most = Math.max(most, uploader.running);
    return sources.every((one) => one.uploadedEnd === 10);
  });
  await world.settle(drained);
  equal(most, 2);
  for (const key of bucket.keys()) ok((bucket.object(key)?.bytes.length ?? 0) < 300 * KiB);
});

test("memory: large folds fill an object too", async () => {
  const { world, bucket, uploader, source } = tierWorld(1, {}, { objectBytesMax: 256 * KiB, windowBytes: 512 * KiB });
  const sources = Array.from({ length: 12 }, (_, n) => source(n + 1));
  for (const one of sources) {
    one.basePadding = 100 * KiB;
    one.append(1, 1000);
  }
  ok(await world.settle(uploader.drain(60_000)));
  equal(bucket.keys().length, 4);
  ok(sources.every((one) => one.uploadedEnd === 1));
});

test("an upload whose outcome is unknown is looked up, not uploaded again", async () => {
  const the = tierWorld(3, { unknownRatio: 1, unknownDoneRatio: 1, unknownLateRatio: 0 });
  const one = the.source(1);
  one.append(5, 1000);
  ok(await the.world.settle(the.uploader.drain(120_000)));
  equal(the.bucket.keys().length, 1);
  equal(the.metrics.putsUnknownDone, 1);
  await checkReadable(the, one);
});

test("a write that lands late does no harm", async () => {
  const the = tierWorld(4, { unknownRatio: 1, unknownDoneRatio: 0, unknownLateRatio: 1 });
  const one = the.source(1);
  one.append(5, 1000);
  await the.world.run(3_000);
  the.bucket.faults.unknownRatio = 0;
  ok(await the.world.settle(the.uploader.drain(200_000)));
  await the.world.run(the.world.nowMs + 100_000);
  await checkReadable(the, one);
  equal(the.index.unmerged(1).length, 1);
  equal(the.bucket.keys().length, 1);
});

test("a write that lands between the look-up and the repetition is found", async () => {
  let refused = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const slow = { unknownAfterMs: [1000, 1000], lateMs: [1020, 1500], putMs: [400, 800] } as const;
    const the = tierWorld(seed, { unknownRatio: 1, unknownDoneRatio: 0, unknownLateRatio: 1, ...slow });
    const one = the.source(1);
    one.append(5, 1000);
    const drained = the.uploader.drain(60_000);
    await the.world.run(900);
    the.bucket.faults.unknownRatio = 0;
    ok(await the.world.settle(drained));
    await the.world.run(the.world.nowMs + 5_000);
    equal(the.bucket.keys().length, 1);
    equal(the.metrics.uploadFailures, 0);
    refused += the.bucket.counts.refusedCreates;
    await checkReadable(the, one);
  }
  ok(refused >= 10, String(refused));
});

test("a write that takes for ever keeps its bytes until it ends", async () => {
  const the = tierWorld(3);
  the.bucket.faults.putMs = [400_000, 400_000]; // the store checks at the end that nobody changed them
  const one = the.source(1);
  one.append(5, 1000);
  void the.uploader.drain(380_000);
  await the.world.run(390_000);
  equal(one.uploadedEnd, 5, "it was looked up, found and committed long before the answer");
  equal(one.holds.released, 0);
  await the.world.run(900_000);
  equal(one.holds.released, one.holds.taken);
  await checkReadable(the, one);
});

test("a store that confirms no checksum is read back", async () => {
  const the = tierWorld(5, { confirmsChecksum: false });
  const one = the.source(1);
  for (let n = 0; n < 6; n++) one.append(1, 900_000);
  ok(await the.world.settle(the.uploader.drain(20_000)));
  ok(the.metrics.objectsReadBack > 0);
  await checkReadable(the, one);
});

test("an object that the store damaged is never committed", async () => {
  for (const confirmsChecksum of [true, false]) {
    const the = tierWorld(6, { corruptPutRatio: 1, confirmsChecksum });
    const one = the.source(1);
    one.append(5, 1000);
    equal(await the.world.settle(the.uploader.drain(30_000)), false);
    ok(the.metrics.putMismatches > 0);
    equal(one.uploadedEnd, 0);
    equal(the.index.commits, 0);
    the.bucket.faults.corruptPutRatio = 0;
    ok(await the.world.settle(the.uploader.drain(60_000)));
    await checkReadable(the, one);
  }
});

test("an outage is seen, survived, and over when it is over", async () => {
  for (const outage of ["fails", "hangs"] as const) {
    const the = tierWorld(7, { outage });
    const sources = [the.source(1), the.source(2)];
    for (const one of sources) for (let n = 0; n < 20; n++) one.append(1, 50_000);
    the.uploader.noteDurable(2_000_000);
    await the.world.run(120_000);
    const { failingSinceMs, lastError } = the.uploader.storeState;
    ok(failingSinceMs !== undefined && lastError !== undefined && /outage|no answer/.test(lastError));
    equal(the.log.lines.filter((line) => line.includes("object storage fails")).length, 1, "one line, not a flood");
    const tries = the.bucket.counts.faults;
    await the.world.run(180_000);
    ok(the.bucket.counts.faults - tries < 60, "it is not hammered");
    the.bucket.faults.outage = "none";
    await the.world.run(260_000);
    equal(the.uploader.storeState.failingSinceMs, undefined);
    for (const one of sources) {
      equal(one.uploadedEnd, 20, outage);
      await checkReadable(the, one);
    }
  }
});

test("a full bucket and refused credentials are failures like others", async () => {
  for (const faults of [{ capacityBytes: 1000 }, { denied: true }]) {
    const the = tierWorld(8, faults);
    const one = the.source(1);
    one.append(5, 10_000);
    equal(await the.world.settle(the.uploader.drain(30_000)), false);
    ok(the.uploader.storeState.lastError?.startsWith(the.bucket.faults.denied ? "denied" : "full"));
    the.bucket.faults.capacityBytes = 1e9;
    the.bucket.faults.denied = false;
    ok(await the.world.settle(the.uploader.drain(30_000)));
    await checkReadable(the, one);
  }
});

test("a commit without an answer is asked again; nothing is uploaded twice", async () => {
  for (const fate of ["lost", "silent", "hangs"] as const) {
    const the = tierWorld(9);
    the.index.nextCommits.push(fate, fate);
    const one = the.source(1);
    one.append(5, 1000);
    ok(await the.world.settle(the.uploader.drain(60_000)));
    equal(the.bucket.keys().length, 1, fate);
    equal(the.index.commits, 3);
    equal(the.metrics.commitsAskedAgain, 2);
    equal(the.index.unmerged(1).length, 1);
    await checkReadable(the, one);
  }
});

test("a refused range is dead bytes: the partition starts anew from where the state says", async () => {
  const the = tierWorld(10);
  const one = the.source(1);
  for (let n = 0; n < 4; n++) one.append(1, 1000);
  the.bucket.faults.putMs = [1000, 1000];
  const drained = the.uploader.drain(30_000);
  await the.world.run(500);
  the.index.ends.set(1, 2); // logStart was raised meanwhile, and uploadedEnd with it
  one.uploadedEnd = 2;
  ok(await the.world.settle(drained));
  equal(the.metrics.rangesRefused, 1);
  deepEqual(
    the.index.unmerged(1).map((range) => [range.startOffset, range.endOffset]),
    [[2, 4]],
  );
  await checkReadable(the, one, 2);
});

test("ranges are judged one by one, and a leader of the past commits nothing", async () => {
  const the = tierWorld(11);
  const [one, two] = [the.source(1), the.source(2)];
  one.append(3, 100);
  two.leaderEpoch = 5;
  two.append(3, 100);
  the.index.leaderEpochMin = 5;
  equal(await the.world.settle(the.uploader.drain(10_000)), false);
  deepEqual([one.uploadedEnd, two.uploadedEnd], [0, 3]);
  ok(the.events[0]?.accepted.length === 1 && the.events[0].refused.length === 1);
  ok(the.index.commits < 15, "a refused partition rests");
});

test("a partition has one range under way", async () => {
  const the = tierWorld(12, {}, { objectBytesMax: 64 * KiB, windowBytes: 1 * MiB });
  the.bucket.faults.putMs = [300, 400];
  const one = the.source(1);
  for (let n = 0; n < 30; n++) one.append(1, 20_000);
  const drained = the.uploader.drain(60_000);
  let most = 0;
  await the.world.run(60_000, () => {
    most = Math.max(most, the.uploader.running);
    return one.uploadedEnd === 30;
  });
  ok(await the.world.settle(drained));
  equal(most, 1);
  equal(the.metrics.rangesRefused, 0);
  await checkReadable(the, one);
});

test("every hole is a range of its own; a range that is all hole or all gap needs no object", async () => {
  const the = tierWorld(13);
  const one = the.source(1);
  one.skip(5, true);
  one.append(5, 1000);
  one.skip(3, true);
  one.append(2, 1000);
  one.skip(4, false);
  one.append(2, 1000);
  one.skip(2, false);
  ok(await the.world.settle(the.uploader.drain(10_000)));
  deepEqual(
    the.index.unmerged(1).map(({ startOffset, endOffset, kind }) => [startOffset, endOffset, kind]),
    [
      [0, 5, "hole"],
      [5, 10, "data"],
      [10, 13, "hole"],
      [13, 23, "data"],
    ],
  );
  equal(the.bucket.keys().length, 2);
  equal(the.metrics.emptyRangesCommitted, 2);
  one.skip(4, false);
  one.skip(2, true);
  one.skip(2, true);
  ok(await the.world.settle(the.uploader.drain(10_000)));
  deepEqual(
    the.index
      .unmerged(1)
      .slice(4)
      .map(({ startOffset, endOffset, kind }) => [startOffset, endOffset, kind]),
    [
      [23, 27, "gap"],
      [27, 31, "hole"],
    ],
  );
});

test("a partition whose log cannot be read does not stop the others", async () => {
  const the = tierWorld(14);
  const [bad, good] = [the.source(1), the.source(2)];
  bad.append(3, 100);
  bad.failReads = new QueueError("CORRUPT_RECORD", "a flipped bit");
  good.append(3, 100);
  equal(await the.world.settle(the.uploader.drain(5_000)), false);
  deepEqual([bad.uploadedEnd, good.uploadedEnd], [0, 3]);
  ok(the.metrics.uploadFailures < 10, "it rests");
  bad.failReads = undefined;
  ok(await the.world.settle(the.uploader.drain(5_000)));
  equal(bad.uploadedEnd, 3);
});

test("a log that brings no batches is refused, not uploaded", async () => {
  const the = tierWorld(15);
  const one = the.source(1);
  one.append(3, 100);
  one.append(3, 100);
  one.batches[1]?.bytes.fill(0, 8, 12);
  equal(await the.world.settle(the.uploader.drain(3_000)), false);
  equal(one.uploadedEnd, 0);
  equal(one.holds.released, one.holds.taken);
});

test("manifests: a partition never has more than 32 ranges in the state, and all of it can be read", async () => {
  const the = tierWorld(16, {}, { triggers: { bytes: 1, ageMs: 600_000, walUsedRatio: 0.4 } });
  const one = the.source(1);
  let most = 0;
  for (let n = 0; n < 120; n++) {
    one.append(1 + (n % 3), 300);
    the.uploader.noteDurable(1000);
    await the.world.run(the.world.nowMs + 1_000);
    most = Math.max(most, the.index.unmergedCount(1));
  }
  ok(await the.world.settle(the.uploader.drain(30_000)));
  ok(most >= 24 && most <= 32, String(most));
  const manifest = the.index.manifestOf(1);
  ok(manifest !== undefined && manifest.startOffset === 0 && manifest.rangeCount + the.index.unmergedCount(1) === 120);
  equal(the.metrics.manifestsWritten, the.bucket.keys().filter((key) => parseObjectKey(key)?.kind === "manifest").length);
  await checkReadable(the, one);
});

test("manifests: without a roll nothing more is uploaded, and it goes on when there was one", async () => {
  const the = tierWorld(17, {}, { triggers: { bytes: 1, ageMs: 600_000, walUsedRatio: 0.4 } });
  const one = the.source(8); // rolled at 32
  const commitManifest = the.index.commitManifest.bind(the.index);
  the.index.commitManifest = () => Promise.resolve("refused");
  for (let n = 0; n < 40; n++) {
    one.append(1, 100);
    the.uploader.noteDurable(1000);
    await the.world.run(the.world.nowMs + 200);
  }
  await the.world.run(the.world.nowMs + 20_000);
  equal(the.index.unmergedCount(8), 32);
  equal(one.uploadedEnd, 32);
  ok(the.metrics.manifestsRefused > 2 && the.metrics.manifestsRefused < 40, String(the.metrics.manifestsRefused));
  equal(the.metrics.rangesRefused, 0, "no object is made for a range that the state has no room for");
  the.index.commitManifest = commitManifest;
  ok(await the.world.settle(the.uploader.drain(60_000)));
  ok(the.index.manifestOf(8) !== undefined);
  await checkReadable(the, one);
});

test("manifests: a roll survives a store that fails", async () => {
  const the = tierWorld(22, {}, { triggers: { bytes: 1, ageMs: 600_000, walUsedRatio: 0.4 } });
  const one = the.source(8);
  for (let n = 0; n < 70; n++) {
    one.append(1, 100);
    the.uploader.noteDurable(1000);
    the.bucket.faults.unavailableRatio = n % 10 > 6 ? 0.7 : 0;
    the.bucket.faults.unknownRatio = n % 10 > 6 ? 0.2 : 0;
    await the.world.run(the.world.nowMs + 2_000);
  }
  the.bucket.faults.unavailableRatio = 0;
  the.bucket.faults.unknownRatio = 0;
  ok(await the.world.settle(the.uploader.drain(60_000)));
  ok((the.index.manifestOf(8)?.rangeCount ?? 0) >= 24);
  await checkReadable(the, one);
});

test("stopping ends what is under way or says that it has not", async () => {
  const the = tierWorld(18);
  const one = the.source(1);
  one.append(5, 1000);
  const drained = the.uploader.drain(10_000);
  await the.world.run(2);
  ok(await the.world.settle(the.uploader.stop(5_000)));
  await the.world.settle(drained);
  equal(one.uploadedEnd, 5);
  one.append(5, 1000);
  the.uploader.noteDurable(10 * MiB);
  await the.world.run(the.world.nowMs + 10_000);
  equal(one.uploadedEnd, 5, "nothing new begins");

  const stuck = tierWorld(19, { outage: "hangs" });
  stuck.source(1).append(5, 1000);
  void stuck.uploader.drain(100_000);
  await stuck.world.run(2);
  equal(await stuck.world.settle(stuck.uploader.stop(500)), false);
});

test("a partition that is led elsewhere by now is left alone", async () => {
  const the = tierWorld(20);
  const one = the.source(1);
  one.append(5, 1000);
  the.uploader.remove(1);
  ok(await the.world.settle(the.uploader.drain(5_000)));
  equal(one.uploadedEnd, 0);
  equal(the.bucket.keys().length, 0);
});
