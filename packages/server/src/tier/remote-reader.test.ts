import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import { KiB, MiB } from "../base/units.ts";
import { objectKey } from "../model/object-id.ts";
import type { ObjectRange } from "../model/object-range.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { type SourceOfTest, startTier, tierWorld } from "../testing/tier-world.ts";

type World = Pick<ReturnType<typeof tierWorld>, "index">;

/** Partition 1 with what `fill` appends, uploaded. */
async function uploaded(fill: (source: SourceOfTest) => void, cacheBytes = 16 * MiB, objectBytesMax = 1 * MiB) {
  const the = tierWorld(1, {}, { objectBytesMax }, cacheBytes);
  const source = the.source(1);
  fill(source);
  ok(await the.world.settle(the.uploader.drain(60_000)));
  const read = (offset: number, endOffset = source.uploadedEnd, bytesMax = 1 * MiB, atLeastOne = true) =>
    the.world.settle(the.reader.read(1, offset, endOffset, bytesMax, atLeastOne));
  return { ...the, source, read };
}

function keyOf({ index }: World, n = 0): string {
  const object = index.unmerged(1).filter((range) => range.object !== undefined)[n]?.object;
  ok(object !== undefined);
  return objectKey("cluster-1", object, "records");
}

const fails = (promise: Promise<unknown>, code: string, text: RegExp): Promise<void> =>
  rejects(promise, (error) => {
    ok(error instanceof QueueError);
    equal(error.code, code);
    ok(text.test(error.message), error.message);
    return true;
  });

test("any offset, any end, any size: whole batches from the one that holds the offset", async () => {
  const { source, read } = await uploaded((one) => {
    for (let n = 0; n < 60; n++) one.append(1 + (n % 7), 300 * (n % 11));
  }, 16 * MiB);
  const random = new SimRandom(7);
  for (let round = 0; round < 400; round++) {
    const offset = random.between(0, source.uploadedEnd - 1);
    const endOffset = random.between(offset + 1, source.uploadedEnd);
    const bytesMax = random.between(0, 60_000);
    const atLeastOne = random.chance(0.5);
    const slices = await read(offset, endOffset, bytesMax, atLeastOne);
    let expected = Buffer.alloc(0);
    let next = offset;
    for (const one of source.batches) {
      if (one.endOffset <= offset) continue;
      const first = expected.length === 0;
      const fits = expected.length + one.bytes.length <= bytesMax || (atLeastOne && first);
      if (one.endOffset > endOffset || !fits) break;
      expected = Buffer.concat([expected, one.bytes]);
      next = one.endOffset;
    }
    const got = Buffer.concat(slices.pieces);
    equal(got.length, slices.bytes);
    ok(expected.subarray(0, got.length).equals(got), `offset=${offset} end=${endOffset} bytes=${bytesMax}`);
    equal(got.length, expected.length, "nothing is left out when it fits");
    if (got.length > 0) equal(slices.nextOffset, next);
    else ok(slices.nextOffset >= offset && slices.nextOffset <= endOffset);
  }
});

test("small sections are joined into one answer", async () => {
  const the = tierWorld(2);
  const source = the.source(1);
  for (let n = 0; n < 6; n++) {
    source.append(2, 1000);
    ok(await the.world.settle(the.uploader.drain(5_000)));
  }
  equal(the.index.unmergedCount(1), 6);
  const slices = await the.world.settle(the.reader.read(1, 1, 12, 1 * MiB, true));
  equal(slices.nextOffset, 12);
  ok(Buffer.concat(slices.pieces).equals(source.stored(0, 12)));
});

test("what an answer shows stays as it is until the answer is released, however little the cache holds", async () => {
  const the = await uploaded(
    (one) => {
      for (let n = 0; n < 200; n++) one.append(1 + (n % 5), 100_000);
    },
    2 * MiB,
    8 * MiB,
  );
  const { source, reader, world } = the;
  const random = new SimRandom(3);
  type Shown = { pieces: readonly Uint8Array[]; stored: Buffer; release: () => void };
  let shown: Shown[] = [];
  let isShared = false;
  const show = async (): Promise<void> => {
    const { baseOffset } = source.batches[random.between(0, source.batches.length - 1)] as { baseOffset: number };
    const slices = await reader.read(1, baseOffset, source.uploadedEnd, random.between(1, 400_000), true);
    const stored = Buffer.from(source.stored(baseOffset, slices.nextOffset));
    isShared ||= slices.pieces.some((piece) => piece.buffer instanceof SharedArrayBuffer);
    shown.push({ pieces: slices.pieces, stored, release: () => slices.hold?.release() });
  };
  for (let round = 0; round < 60; round++) {
    await world.settle(Promise.all(Array.from({ length: 6 }, show)));
    for (const { pieces, stored } of shown) ok(Buffer.concat(pieces).equals(stored));
    const [released, kept] = [shown.filter((_, n) => n % 2 === 0), shown.filter((_, n) => n % 2 === 1)];
    for (const { release } of released) release();
    shown = kept.slice(-6);
    for (const { release } of kept.slice(0, -6)) release();
  }
  ok(isShared, "the memory of these reads is used again");
});

test("gaps are passed over, a hole is an error for who stands in it and an end for who comes from below", async () => {
  const the = await uploaded((one) => {
    one.append(5, 100);
    one.skip(5, false);
    one.append(5, 100);
    one.skip(5, true);
    one.append(5, 100);
    one.skip(3, true);
  });
  const { source, read, index } = the;
  const before = await read(0);
  equal(before.nextOffset, 15);
  ok(Buffer.concat(before.pieces).equals(source.stored(0, 15)));
  deepEqual(Buffer.concat((await read(7)).pieces), Buffer.concat((await read(10)).pieces));
  for (const offset of [15, 17, 19]) await fails(read(offset), "CORRUPT_RECORD", /partition=1 offsets=\[15, 20\)/);
  const behind = await read(20);
  ok(Buffer.concat(behind.pieces).equals(source.stored(20, 25)));
  equal(behind.nextOffset, 25);
  await fails(read(26), "CORRUPT_RECORD", /offsets=\[25, 28\)/);
  deepEqual(the.reader.damage.of(1), [
    { from: 15, to: 20 },
    { from: 25, to: 28 },
  ]);
  index.accepted.push({ from: 15, to: 20 }, { from: 25, to: 28 });
  const all = await read(0);
  ok(Buffer.concat(all.pieces).equals(source.stored(0, 28)));
  equal(all.nextOffset, 25);
  deepEqual(await read(26), { pieces: [], bytes: 0, nextOffset: 28, hold: undefined });
});

test("a lost range of its own is an error until it is accepted", async () => {
  const the = await uploaded((one) => {
    one.skip(5, true);
    one.append(5, 100);
  });
  equal(the.index.unmerged(1)[0]?.kind, "hole");
  await fails(the.read(2), "CORRUPT_RECORD", /offsets=\[0, 5\)/);
  the.index.accepted.push({ from: 0, to: 10 });
  equal((await the.read(2)).nextOffset, 10);
});

test("a damaged block is named; the others are served", async () => {
  const the = await uploaded(
    (one) => {
      for (let n = 0; n < 8; n++) one.append(1, 300 * KiB);
    },
    16 * MiB,
    16 * MiB,
  );
  const key = keyOf(the);
  const range = the.index.unmerged(1)[0] as ObjectRange;
  const bytes = Uint8Array.from(the.bucket.object(key)?.bytes ?? []);
  const at = range.position + Math.floor(range.dataBytes * 0.55);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  the.bucket.overwrite(key, bytes);
  const before = await the.read(0, undefined, 8 * MiB);
  ok(before.nextOffset > 0 && before.nextOffset < 8);
  ok(Buffer.concat(before.pieces).equals(the.source.stored(0, before.nextOffset)));
  await fails(the.read(before.nextOffset), "CORRUPT_RECORD", new RegExp(`object=${key} partition=1 .*offsets=\\[${before.nextOffset}, `));
  const behind = await the.read(before.nextOffset + 1, undefined, 8 * MiB);
  equal(behind.nextOffset, 8);
  ok(the.metrics.corruptions > 0);
});

test("a flipped bit anywhere in a block costs the batch that it hit and nothing else", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 30; n++) one.append(1 + (n % 3), 50 + 170 * (n % 4));
  });
  const { source } = the;
  const key = keyOf(the);
  const range = the.index.unmerged(1)[0] as ObjectRange;
  const good = the.bucket.object(key)?.bytes ?? new Uint8Array();
  const random = new SimRandom(3);
  const flips = Array.from({ length: 150 }, () => random.between(0, range.dataBytes - 1));
  // All of the bytes of one batch's header that its checksum leaves out, too.
  const victim = source.batches[11];
  ok(victim !== undefined);
  const victimAt = Buffer.from(good).indexOf(victim.bytes) - range.position;
  for (let at = 0; at < 21; at++) flips.push(victimAt + at);
  for (const at of flips) {
    const bytes = Uint8Array.from(good);
    bytes[range.position + at] = (bytes[range.position + at] ?? 0) ^ (1 << random.between(0, 7));
    the.bucket.overwrite(key, bytes);
    const { reader } = startTier(the.process, the.bucket, the.index);
    const readAt = (offset: number) => the.world.settle(reader.read(1, offset, source.uploadedEnd, 1 * MiB, true));
    let begin = 0;
    const hit = source.batches.find((one) => {
      begin += one.bytes.length;
      return at < begin;
    });
    ok(hit !== undefined);
    const first = batch.baseOffset(hit.bytes, 0);
    await fails(readAt(first), "CORRUPT_RECORD", new RegExp(`object=${key} partition=1 .*offsets=\\[${first}, ${hit.endOffset}\\)`));
    deepEqual(reader.damage.of(1), [{ from: first, to: hit.endOffset }], `byte ${at}`);
    const front = first === 0 ? undefined : await readAt(0);
    ok(front === undefined || (front.nextOffset === first && Buffer.concat(front.pieces).equals(source.stored(0, first))));
    if (hit.endOffset < source.uploadedEnd) {
      const back = await readAt(hit.endOffset);
      equal(back.nextOffset, source.uploadedEnd);
      ok(Buffer.concat(back.pieces).equals(source.stored(hit.endOffset, source.uploadedEnd)));
    }
  }
});

test("a damaged batch is passed over once its loss is accepted, and served again once its object is mended", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 9; n++) one.append(2, 500);
  });
  const key = keyOf(the);
  const range = the.index.unmerged(1)[0] as ObjectRange;
  const good = the.bucket.object(key)?.bytes ?? new Uint8Array();
  const bytes = Uint8Array.from(good);
  const at = range.position + Math.floor(range.dataBytes / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  the.bucket.overwrite(key, bytes);
  await fails(the.read(8), "CORRUPT_RECORD", /offsets=\[8, 10\)/);
  the.index.accepted.push({ from: 8, to: 10 });
  const around = Buffer.concat([the.source.stored(0, 8), the.source.stored(10, 18)]);
  ok(Buffer.concat((await the.read(0)).pieces).equals(around));
  ok(Buffer.concat((await the.read(9)).pieces).equals(the.source.stored(10, 18)));
  const little = await the.read(0, 9, 1 * MiB);
  ok(Buffer.concat(little.pieces).equals(the.source.stored(0, 8)));
  the.index.accepted.length = 0;
  await fails(the.read(9), "CORRUPT_RECORD", /offsets=\[8, 10\)/);
  equal(the.reader.damage.of(1).length, 1);
  the.bucket.overwrite(key, good);
  ok(Buffer.concat((await the.read(0)).pieces).equals(the.source.stored(0, 18)));
  equal(the.reader.damage.of(1).length, 0);
});

test("a damaged index or base is named", async () => {
  const the = await uploaded((one) => one.append(5, 1000));
  const key = keyOf(the);
  const range = the.index.unmerged(1)[0] as ObjectRange;
  const good = the.bucket.object(key)?.bytes ?? new Uint8Array();
  const flip = (at: number): void => {
    const bytes = Uint8Array.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    the.bucket.overwrite(key, bytes);
  };
  const indexAt = range.position + range.dataBytes;
  flip(indexAt + range.indexBytes);
  await fails(the.world.settle(the.reader.base(1, 5)), "CORRUPT_RECORD", new RegExp(`object=${key}.*checksum of the base`));
  equal((await the.read(0)).nextOffset, 5, "the records are as good as ever");

  const other = startTier(the.process, the.bucket, the.index);
  flip(indexAt + range.indexBytes - 5);
  await fails(
    the.world.settle(other.reader.read(1, 0, 5, 1000, true)),
    "CORRUPT_RECORD",
    new RegExp(`object=${key}.*checksum of the section index`),
  );
});

/** Five records in each of three objects, the second of which is no use any more. */
async function withoutSecond(how: "index" | "missing" | "short") {
  const the = await uploaded((one) => one.append(5, 1000));
  for (let n = 0; n < 2; n++) {
    the.source.append(5, 1000);
    ok(await the.world.settle(the.uploader.drain(60_000)));
  }
  const key = keyOf(the, 1);
  const good = Uint8Array.from(the.bucket.object(key)?.bytes ?? []);
  const range = the.index.unmerged(1)[1] as ObjectRange;
  if (how === "missing") the.bucket.remove(key);
  else if (how === "short") the.bucket.overwrite(key, good.subarray(0, range.position + range.dataBytes));
  else {
    const bytes = Uint8Array.from(good);
    const at = range.position + range.dataBytes + 20;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    the.bucket.overwrite(key, bytes);
  }
  return { ...the, mend: () => the.bucket.overwrite(key, good) };
}

for (const how of ["index", "missing", "short"] as const) {
  test(`an object that cannot be read at all (${how}) is named, and passed over once its loss is accepted`, async () => {
    const the = await withoutSecond(how);
    const { read, reader, source, index } = the;
    const code = how === "missing" ? "OBJECT_STORAGE_UNAVAILABLE" : "CORRUPT_RECORD";
    const lost = [{ from: 5, to: 10 }];
    equal((await read(0)).nextOffset, 5, "what lies in front");
    for (const offset of [5, 8]) await fails(read(offset), code, /./);
    ok(Buffer.concat((await read(10)).pieces).equals(source.stored(10, 15)), "and behind");
    deepEqual(reader.damagedSpans(1), lost);
    const byTime = () => the.world.settle(reader.batchAtTimestamp(1, 0, 5, 15));
    await fails(byTime(), code, /./);

    index.accepted.push(...lost);
    ok(Buffer.concat((await read(0)).pieces).equals(Buffer.concat([source.stored(0, 5), source.stored(10, 15)])));
    ok(Buffer.concat((await read(7)).pieces).equals(source.stored(10, 15)));
    deepEqual(await read(6, 10), { pieces: [], bytes: 0, nextOffset: 10, hold: undefined });
    equal(batch.baseOffset((await byTime()) ?? new Uint8Array(61), 0), 10);

    index.accepted.length = 0;
    the.mend();
    ok(Buffer.concat((await read(5)).pieces).equals(source.stored(5, 15)));
    deepEqual(reader.damagedSpans(1), []);
  });
}

/** Partition 1 with a manifest. */
async function rolled() {
  const the = tierWorld(6, {}, { triggers: { bytes: 1, ageMs: 600_000, walUsedRatio: 0.4 } });
  const source = the.source(1);
  const append = async (): Promise<void> => {
    source.append(1, 100);
    the.uploader.noteDurable(1000);
    await the.world.run(the.world.nowMs + 200);
  };
  for (let n = 0; n < 40; n++) await append();
  const manifest = the.index.manifestOf(1);
  ok(manifest !== undefined);
  return { ...the, source, append, manifest, key: objectKey("cluster-1", manifest.object, "manifest") };
}

test("a damaged or missing manifest is named, and keeps nothing else back", async () => {
  const the = await rolled();
  const { manifest, key } = the;
  the.bucket.flipBits(key, 1);
  const fresh = startTier(the.process, the.bucket, the.index, { triggers: the.uploader.triggers });
  const read = (offset: number) => the.world.settle(fresh.reader.read(1, offset, the.source.uploadedEnd, 1000, true));
  await fails(read(0), "CORRUPT_RECORD", new RegExp(`object=${key} partition=1`));
  ok((await read(manifest.endOffset)).bytes > 0, "what is in the state needs no manifest");

  // New ranges do not wait for it: the next root keeps it as a child.
  the.uploader.remove(1);
  fresh.uploader.add(the.source);
  for (let n = 0; n < 60; n++) {
    await the.append();
    fresh.uploader.noteDurable(1000);
    await the.world.run(the.world.nowMs + 200);
  }
  ok(await the.world.settle(fresh.uploader.drain(60_000)));
  const now = the.index.manifestOf(1);
  ok(now !== undefined && now.startOffset === 0 && now.endOffset > 40 && now.rangeCount > manifest.rangeCount);
  await fails(read(0), "CORRUPT_RECORD", new RegExp(`object=${key} partition=1`));
  ok((await read(manifest.endOffset)).bytes > 0);
  the.bucket.remove(key);
  await fails(read(0), "OBJECT_STORAGE_UNAVAILABLE", /missing/);
});

test("a manifest that was replaced and deleted meanwhile is looked up once more", async () => {
  const the = await rolled();
  for (let n = 0; the.index.manifestOf(1)?.object.sequence === the.manifest.object.sequence && n < 40; n++) await the.append();
  ok(the.index.manifestOf(1)?.object.sequence !== the.manifest.object.sequence);
  the.bucket.remove(the.key);
  const fresh = startTier(the.process, the.bucket, the.index);
  const find = the.index.find.bind(the.index);
  let stale = 1;
  the.index.find = (partitionId, offset) => (stale-- > 0 ? the.manifest : find(partitionId, offset));
  ok((await the.world.settle(fresh.reader.read(1, 0, 40, 100, true))).bytes > 0);
  equal(fresh.metrics.objectsMissing, 1);
});

test("a flipped bit on the way is read once more, and never comes out", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 40; n++) one.append(1, 100 * KiB);
  }, 1 * MiB);
  the.bucket.faults.corruptReadRatio = 0.2;
  const before = the.bucket.counts.faults;
  const random = new SimRandom(11);
  let [good, bad] = [0, 0];
  for (let n = 0; n < 200; n++) {
    const offset = random.between(0, 39);
    const slices = await the.read(offset, undefined, 1).catch(() => undefined);
    if (slices === undefined) bad += 1;
    else {
      good += 1;
      ok(Buffer.concat(slices.pieces).equals(the.source.stored(offset, slices.nextOffset)));
    }
  }
  ok(the.bucket.counts.faults - before > 20, "there were flips");
  ok(good > 5 * bad, `${good} good, ${bad} bad`);
});

test("an object in the place of another is noticed", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 12; n++) one.append(1, 200 * KiB);
  });
  const [a, b] = [keyOf(the, 0), keyOf(the, 1)];
  const [bytesA, bytesB] = [the.bucket.object(a)?.bytes, the.bucket.object(b)?.bytes];
  ok(bytesA !== undefined && bytesB !== undefined);
  the.bucket.overwrite(a, bytesB);
  await fails(the.read(0), "CORRUPT_RECORD", new RegExp(`object=${a}`));
});

test("a short object is noticed", async () => {
  const the = await uploaded((one) => one.append(5, 10_000));
  const key = keyOf(the);
  const bytes = the.bucket.object(key)?.bytes ?? new Uint8Array();
  the.bucket.overwrite(key, bytes.subarray(0, 20_000));
  await fails(the.read(0), "CORRUPT_RECORD", /shorter/);
});

test("a missing object is looked up once more, and found where it went", async () => {
  const the = await uploaded((one) => one.append(5, 10_000));
  const key = keyOf(the);
  const old = the.index.unmerged(1)[0] as ObjectRange;
  the.bucket.remove(key);
  await fails(the.read(0), "OBJECT_STORAGE_UNAVAILABLE", new RegExp(`missing.*key=${key}`));
  equal(the.metrics.objectsMissing, 1);

  // What compaction does: the same range in another object, the old one deleted.
  the.index.ends.set(1, 0);
  the.index.ranges.set(1, []);
  the.source.uploadedEnd = 0;
  ok(await the.world.settle(the.uploader.drain(5_000)));
  const now = the.index.unmerged(1)[0] as ObjectRange;
  the.index.ranges.set(1, [old]);
  const find = the.index.find.bind(the.index);
  let asked = 0;
  the.index.find = (partitionId, offset) => {
    asked += 1;
    if (asked === 2) the.index.ranges.set(1, [now]);
    return find(partitionId, offset);
  };
  const slices = await the.read(0);
  equal(asked, 2);
  ok(Buffer.concat(slices.pieces).equals(the.source.stored(0, 5)));
});

test("a store that does not answer is a retriable error, and nothing of it stays", async () => {
  for (const outage of ["fails", "hangs"] as const) {
    const the = await uploaded((one) => one.append(5, 10_000));
    the.bucket.faults.outage = outage;
    await fails(the.read(0), "OBJECT_STORAGE_UNAVAILABLE", /try again/);
    the.bucket.faults.outage = "none";
    equal((await the.read(0)).nextOffset, 5);
  }
});

test("one bad answer is tried again before anybody hears of it", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 10; n++) one.append(1, 100 * KiB);
  });
  the.bucket.faults.unavailableRatio = 0.3;
  let worked = 0;
  for (let n = 0; n < 10; n++) if ((await the.read(n).catch(() => undefined)) !== undefined) worked += 1;
  ok(worked >= 7, String(worked));
});

test("concurrent misses share one read", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 4; n++) one.append(1, 200 * KiB);
  });
  const reads = the.bucket.counts.reads;
  const all = await the.world.settle(Promise.all(Array.from({ length: 50 }, () => the.reader.read(1, 0, 4, 8 * MiB, true))));
  ok(all.every((slices) => slices.nextOffset === 4));
  equal(the.bucket.counts.reads - reads, 2, "one for the index, one for the blocks");
  const again = the.bucket.counts.reads;
  await the.read(0);
  equal(the.bucket.counts.reads, again, "and none when it is there");
});

test("a range request, never the whole object", async () => {
  const the = await uploaded(
    (one) => {
      for (let n = 0; n < 40; n++) one.append(1, 250 * KiB);
    },
    64 * MiB,
    16 * MiB,
  );
  await the.read(20, undefined, 1000);
  ok(the.metrics.storeReadBytes < 1 * MiB, String(the.metrics.storeReadBytes));
});

test("the cache stays within its bound while many read everywhere", async () => {
  const bound = 4 * MiB;
  const the = await uploaded((one) => {
    for (let n = 0; n < 100; n++) one.append(1, 150 * KiB);
  }, bound);
  const random = new SimRandom(3);
  const reads: Promise<unknown>[] = [];
  for (let n = 0; n < 200; n++) reads.push(the.reader.read(1, random.between(0, 99), 100, 2 * MiB, true));
  let most = 0;
  let done = false;
  const all = Promise.all(reads).then(() => {
    done = true;
  });
  await the.world.run(600_000, () => {
    most = Math.max(most, the.reader.blocks.bytes + the.reader.manifests.bytes);
    return done;
  });
  await all;
  ok(most <= bound, String(most));
  ok(most > bound / 2);
});

test("read-ahead begins with the second read in a row, grows, and stays bounded", async () => {
  const the = await uploaded(
    (one) => {
      for (let n = 0; n < 160; n++) one.append(1, 250 * KiB);
    },
    64 * MiB,
    8 * MiB,
  );
  await the.read(100);
  await the.world.run(the.world.nowMs + 1_000);
  equal(the.metrics.readAheadBytes, 0, "a single read asks for nothing more");
  let offset = 0;
  let behind = 0;
  for (let n = 0; offset < 160; n++) {
    const slices = await the.read(offset);
    offset = slices.nextOffset;
    await the.world.run(the.world.nowMs + 500);
    behind += slices.bytes;
    const ahead = the.metrics.storeReadBytes - behind;
    ok(ahead < 12 * MiB, `${ahead} bytes ahead at read ${n}`);
  }
  ok(the.metrics.readAheadBytes > 25 * MiB, "most of a scan is read ahead");
  ok(the.metrics.blockMisses < 20, `misses ${the.metrics.blockMisses}`);
  const reads = the.metrics.storeReads;
  ok(the.metrics.storeReadBytes / reads > 1 * MiB, "in large reads");
});

test("jumping about reads nothing ahead", async () => {
  const the = await uploaded(
    (one) => {
      for (let n = 0; n < 60; n++) one.append(1, 250 * KiB);
    },
    64 * MiB,
    8 * MiB,
  );
  const random = new SimRandom(5);
  let last = -1;
  for (let n = 0; n < 40; n++) {
    let offset = random.between(0, 59);
    if (offset === last) offset = (offset + 7) % 60;
    last = (await the.read(offset, undefined, 300 * KiB)).nextOffset;
  }
  ok(the.metrics.readAheadBytes < 8 * MiB, String(the.metrics.readAheadBytes));
});

test("what time it was: the first batch with that time or later, over ranges and manifests", async () => {
  const the = tierWorld(4, {}, { triggers: { bytes: 1, ageMs: 600_000, walUsedRatio: 0.4 } });
  const source = the.source(1);
  const random = new SimRandom(9);
  for (let n = 0; n < 60; n++) {
    for (let k = 0; k < 3; k++) source.append(1 + (k % 2), 200, { timestampMs: 1000 * n + random.between(0, 5000) });
    if (n % 9 === 4) source.skip(2, n % 2 === 0);
    the.uploader.noteDurable(1000);
    await the.world.run(the.world.nowMs + 1_000);
  }
  ok(await the.world.settle(the.uploader.drain(30_000)));
  ok(the.index.manifestOf(1) !== undefined);
  for (let round = 0; round < 150; round++) {
    const timestampMs = random.between(0, 70_000);
    const from = random.chance(0.5) ? 0 : random.between(0, source.uploadedEnd - 1);
    const end = random.chance(0.5) ? source.uploadedEnd : random.between(from + 1, source.uploadedEnd);
    const expected = source.batches.find(
      (one) => one.endOffset > from && one.baseOffset < end && batch.maxTimestamp(one.bytes, 0) >= timestampMs,
    );
    const found = await the.world.settle(the.reader.batchAtTimestamp(1, timestampMs, from, end));
    equal(found === undefined ? undefined : batch.baseOffset(found, 0), expected?.baseOffset);
    if (found !== undefined) ok(Buffer.from(found).equals(expected?.bytes ?? Buffer.alloc(0)));
  }
});

test("the base of the newest object", async () => {
  const the = await uploaded((one) => {
    for (let n = 0; n < 8; n++) one.append(1, 300 * KiB);
    one.skip(4, false);
  });
  equal(the.index.unmerged(1).at(-1)?.kind, "gap");
  const base = await the.world.settle(the.reader.base(1, 12));
  equal(base?.endOffset, 8, "a gap has no object, hence no base of its own");
  equal(Buffer.from(base?.bytes ?? []).toString(), "fold of 1 at 8");
  equal((await the.world.settle(the.reader.base(1, 7)))?.endOffset, 4);
  equal(await the.world.settle(the.reader.base(2, 12)), undefined);
});

test("an offset that nobody uploaded brings nothing", async () => {
  const the = await uploaded((one) => one.append(5, 100));
  deepEqual(await the.read(5, 9), { pieces: [], bytes: 0, nextOffset: 9, hold: undefined });
  deepEqual(await the.world.settle(the.reader.read(77, 0, 10, 1000, true)), { pieces: [], bytes: 0, nextOffset: 10, hold: undefined });
});

test("a range that expires while it is read is out of range, not damaged; a search by time goes on behind it", async () => {
  const the = await withoutSecond("missing");
  const second = the.index.unmerged(1)[1];
  ok(second !== undefined);
  await fails(the.read(second.startOffset), "OBJECT_STORAGE_UNAVAILABLE", /missing/);
  const { objectsMissing } = the.metrics;
  the.index.logStarts.set(1, second.endOffset);
  await fails(the.read(second.startOffset), "OFFSET_OUT_OF_RANGE", /no longer there/);
  equal(the.metrics.objectsMissing, objectsMissing);
  const found = await the.world.settle(the.reader.batchAtTimestamp(1, 0, second.startOffset, the.source.uploadedEnd));
  ok(found !== undefined);
  equal(batch.baseOffset(found, 0), second.endOffset);
});
