import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import { WalWorld } from "../testing/wal/wal-world.ts";
import { Wal, WalOpenError } from "./wal.ts";

async function started(seed: number, options = {}, faults = {}): Promise<WalWorld> {
  const w = new WalWorld(seed, options, faults);
  await w.start();
  w.open.ready();
  await w.run(50);
  return w;
}

/** Everything readable is what was appended. */
async function checkAll(w: WalWorld): Promise<void> {
  for (const model of w.models.values()) {
    const p = w.partition(model.id);
    const found = await w.world.settle(w.readAll(model.id, p.firstOffset, p.logEnd));
    deepEqual(
      found.map((batch) => batch.stored),
      model.batches.filter((batch) => batch.base >= p.firstOffset).map((batch) => batch.stored),
    );
  }
}

describe("append and read", () => {
  test("batches of any size come back byte for byte, from memory and from files", async () => {
    const w = await started(1);
    w.host(1);
    w.host(2);
    for (let i = 0; i < 120; i++) {
      w.append(1, 61 + ((i * 7919) % 40_000), 1 + (i % 5));
      if (i % 3 === 0) w.append(2, 100, 1);
      if (i % 10 === 0) await w.run(2);
    }
    await w.run(20);
    equal(w.partition(1).durableEnd, w.partition(1).logEnd);
    await checkAll(w);
    ok(w.open.stats.coldReads.reads > 0, "some came from files");
  });

  test("a write begins when the turn ends, or at once when it is asked for", async () => {
    const w = await started(1);
    w.host(1);
    await w.run(20);
    const { writes } = w.open.stats;
    w.append(1, 1000, 1);
    equal(w.open.stats.writes, writes);
    w.open.writeNow();
    equal(w.open.stats.writes, writes + 1);
    w.open.writeNow();
    await w.run(20);
    deepEqual([w.open.stats.writes, w.partition(1).durableEnd], [writes + 1, 1]);
  });

  test("a batch may run on over several slabs", async () => {
    const w = await started(2);
    w.host(1);
    w.append(1, w.open.batchBytesMax, 3);
    w.append(1, 200_000, 3);
    await w.run(20);
    await checkAll(w);
  });

  test("a read takes whole batches up to its limit, but at least one if asked to", async () => {
    const w = await started(3);
    const p = w.host(1);
    for (let i = 0; i < 5; i++) w.append(1, 1000, 10);
    await w.run(20);
    const all = await p.read(0, 50, 10_000, false);
    deepEqual([all.bytes, all.nextOffset], [5000, 50]);
    const two = await p.read(5, 50, 2500, false);
    deepEqual([two.bytes, two.nextOffset], [2000, 20]);
    const none = await p.read(0, 50, 999, false);
    deepEqual([none.bytes, none.nextOffset], [0, 0]);
    const one = await p.read(0, 50, 999, true);
    deepEqual([one.bytes, one.nextOffset], [1000, 10]);
    const below = await p.read(0, 25, 10_000, true);
    deepEqual([below.bytes, below.nextOffset], [2000, 20]);
    equal((await p.read(50, 50, 100, true)).bytes, 0);
  });

  test("nothing is readable before it is durable", async () => {
    const w = await started(4);
    const p = w.host(1);
    w.append(1, 1000, 10);
    equal((await p.read(0, 10, 10_000, true)).bytes, 0);
    await w.run(20);
    equal((await p.read(0, 10, 10_000, true)).bytes, 1000);
  });

  test("headers are visited in order, with append times", async () => {
    const w = await started(5);
    const p = w.host(1);
    for (let i = 0; i < 200; i++) {
      w.append(1, 3000, 2);
      await w.run(i % 7 === 0 ? 5 : 0);
    }
    await w.run(20);
    const bases: number[] = [];
    let lastMs = 0;
    const visit = (header: Uint8Array, _position: number, appendTimeMs: number): void => {
      bases.push(Number(Buffer.from(header).readBigInt64BE(0)));
      ok(appendTimeMs >= lastMs);
      lastMs = appendTimeMs;
    };
    await w.world.settle(Promise.resolve(p.scanHeaders(101, 350, visit)));
    deepEqual(
      bases,
      Array.from({ length: 125 }, (_, i) => 100 + 2 * i),
    );
  });

  test("truncated batches are never served again", async () => {
    const w = await started(6);
    w.host(1);
    for (let i = 0; i < 10; i++) w.append(1, 500, 5);
    w.truncate(1, 25);
    w.append(1, 700, 3);
    await w.run(20);
    await checkAll(w);
    w.losePower();
    await w.start();
    equal(w.partition(1).logEnd, 28);
  });
});

describe("group commit", () => {
  test("what arrives during a sync shares the next one", async () => {
    const w = await started(10, {}, { syncMs: [10, 10], writeMs: [0, 0] });
    w.host(1);
    const before = w.open.stats.writes;
    for (let i = 0; i < 100; i++) {
      w.append(1, 200, 1);
      await w.run(0.3);
    }
    await w.run(50);
    const writes = w.open.stats.writes - before;
    ok(writes >= 3 && writes <= 6, `100 appends in 30 ms took ${writes} writes of 10 ms`);
    equal(w.partition(1).durableEnd, 100);
  });

  test("one write in each turn at most: appends of one turn are one group", async () => {
    const w = await started(11);
    w.host(1);
    w.host(2);
    const before = w.open.stats.groups;
    for (let i = 0; i < 50; i++) {
      w.append(1, 200, 1);
      w.append(2, 200, 1);
    }
    await w.run(20);
    equal(w.open.stats.groups - before, 1);
    equal(w.groupsDone > 0, true);
  });

  test("an idle log writes one mark, unsynced, and then nothing", async () => {
    const w = await started(12);
    await w.run(5_000); // files are filled
    w.host(1);
    w.append(1, 200, 1);
    await w.run(50);
    const { writes, syncs } = w.disk.counts;
    const marks = w.open.stats.marks;
    await w.run(600_000);
    equal(w.disk.counts.writes - writes, 1);
    equal(w.disk.counts.syncs - syncs, 0);
    equal(w.open.stats.marks - marks, 1);
  });

  test("after the idle mark a crash leaves nothing to rescue", async () => {
    const w = await started(13);
    w.host(1);
    w.append(1, 200, 1);
    await w.run(500);
    w.crash();
    await w.start();
    equal(w.report?.groupsRescued, 1); // the mark itself
    equal(w.report?.lastGroup, (w.report?.durableGroup ?? 0) + 1);
  });

  test("a torn tail is cut, and the start says how much was", async () => {
    const w = await started(17);
    w.host(1);
    for (let i = 0; i < 3; i++) {
      w.append(1, 200, 7);
      await w.run(4);
    }
    const last = Buffer.from(w.disk.contents("wal/00000.wal")).lastIndexOf("TideWALg");
    w.crash();
    w.disk.file("wal/00000.wal").flipBit(last + 300, 1);
    await w.world.settle(w.opening());
    deepEqual([w.report?.groupsCut, w.report?.offsetsCut, w.partition(1).logEnd], [1, 7, 14]);
    w.crash();
    await w.world.settle(w.opening());
    deepEqual([w.report?.groupsCut, w.report?.offsetsCut], [0, 0], "told once");
  });

  test("without sync a group counts when written, and is synced within the interval", async () => {
    const w = await started(14, { sync: false, flushIntervalMs: 1000 }, { syncMs: [5, 5] });
    await w.run(5_000);
    w.host(1);
    const { syncs } = w.disk.counts;
    w.append(1, 200, 1);
    await w.run(3);
    equal(w.partition(1).durableEnd, 1);
    equal(w.disk.counts.syncs, syncs);
    await w.run(1_100);
    equal(w.disk.counts.syncs, syncs + 1);
  });

  test("without sync no write waits for one, until half a file is unsynced", async () => {
    const w = await started(16, { sync: false, flushIntervalMs: 10 }, { syncMs: [400, 400], writeMs: [0.1, 0.1] });
    await w.run(20_000);
    w.host(1);
    w.append(1, 200, 1);
    await w.run(100); // a sync is under way
    const { syncs } = w.disk.counts;
    for (let round = 0; round < 20; round++) {
      w.append(1, 200, 1);
      await w.run(1);
      equal(w.partition(1).durableEnd, w.partition(1).logEnd);
    }
    equal(w.disk.counts.syncs, syncs);
    const before = w.partition(1).logEnd;
    for (let bytes = 0; bytes < w.options.fileBytes; bytes += 10_000) {
      w.append(1, 10_000, 1);
      await w.run(1);
    }
    ok(w.partition(1).durableEnd > before);
    ok(w.partition(1).durableEnd < w.partition(1).logEnd);
    equal(w.disk.counts.syncs, syncs);
    await w.run(5_000);
    equal(w.partition(1).durableEnd, w.partition(1).logEnd);
    await checkAll(w);
  });

  test("without sync a sync that begins while a write is under way counts without it", async () => {
    const powerLoss = { keptRatio: 0, tornRatio: 0 };
    const w = await started(17, { sync: false, flushIntervalMs: 1 }, { syncMs: [1, 40], writeMs: [1, 20], powerLoss });
    w.host(1);
    for (let round = 0; round < 20; round++) {
      await w.run(1_000);
      for (let count = 0; count < 5; count++) {
        ok(w.append(1, 200, 1));
        await w.run(w.world.random.between(1, 20));
      }
      await w.world.settle(w.open.synced());
      w.losePower();
      await w.start();
      equal(w.partition(1).logEnd, 5 * (round + 1));
      w.open.ready();
    }
  });

  test("a failed write or sync is fatal, once, and nothing counts afterwards", async () => {
    for (const faults of [{ writeErrorRatio: 1 }, { syncErrorRatio: 1 }]) {
      const w = await started(15);
      await w.run(5_000);
      w.host(1);
      Object.assign(w.disk.faults, faults);
      w.append(1, 200, 1);
      await w.run(100);
      ok(w.fatal !== undefined, "told");
      equal(w.partition(1).durableEnd, 0);
    }
  });

  test("a closed log is not read: who reads in the background is told so", async () => {
    const w = await started(18);
    w.host(1);
    for (let i = 0; i < 70; i++) {
      ok(w.append(1, 20_000, 1));
      await w.run(2);
    }
    const p = w.partition(1);
    await w.world.settle(w.open.close());
    await rejects(async () => p.read(p.firstOffset, p.logEnd, 1_000, true), { code: "WAL_UNREADABLE" });
    await rejects(async () => p.scanHeaders(p.firstOffset, p.logEnd, () => undefined), { code: "WAL_UNREADABLE" });
  });

  test("close makes everything durable and leaves a clean end", async () => {
    const w = await started(16);
    w.host(1);
    for (let i = 0; i < 20; i++) w.append(1, 5000, 1);
    await w.world.settle(w.open.close());
    w.losePower();
    await w.start();
    equal(w.partition(1).logEnd, 20);
    equal(w.report?.lastGroup, w.report?.durableGroup === undefined ? -1 : w.report.durableGroup + 1);
  });
});

describe("memory", () => {
  test("a slow reader is asked to let go and never stops the writer", async () => {
    const w = await started(20);
    const p = w.host(1);
    for (let i = 0; i < 10; i++) w.append(1, 30_000, 1);
    await w.run(20);
    const slices = await p.read(0, 10, 300_000, true);
    ok(slices.hold !== undefined, "large reads hold their slabs");
    let wanted = 0;
    slices.hold.whenWanted(() => {
      wanted += 1;
    });
    for (let i = 0; i < 60; i++) {
      w.append(1, 60_000, 1);
      w.upload(1, p.durableEnd);
      await w.run(30);
    }
    equal(p.durableEnd, 70);
    equal(wanted, 1);
    equal(w.open.stats.beyondBudget, 0);
    // Held memory was not overwritten.
    const bytes = Buffer.concat(slices.pieces);
    ok(bytes.subarray(0, 30_000).equals(w.model(1).batches[0]?.stored ?? Buffer.alloc(0)));
    slices.hold.release();
  });

  test("small reads hold nothing", async () => {
    const w = await started(21);
    const p = w.host(1);
    w.append(1, 30_000, 1);
    await w.run(20);
    equal((await p.read(0, 1, 300_000, true)).hold, undefined);
  });

  test("an index entry stands for 4 KiB", async () => {
    const w = await started(22);
    const p = w.host(1);
    for (let i = 0; i < 1000; i++) w.append(1, 100, 1);
    await w.run(20);
    ok(p.index.length >= 20 && p.index.length <= 40, `${p.index.length} entries for 100 kB`);
    await checkAll(w);
  });
});

describe("starts", () => {
  test("a start reads headers and directories, not bodies", async () => {
    const w = await started(30, { fileBytes: 4 << 20, capacityBytes: 32 << 20, slabBytes: 1 << 20, slabBudgetBytes: 8 << 20 });
    await w.run(1000);
    w.host(1);
    for (let i = 0; i < 40; i++) {
      w.append(1, 250_000, 1);
      await w.run(5);
    }
    await w.world.settle(w.open.close());
    w.crash();
    await w.world.settle(w.opening());
    const bytesRead = w.report?.bytesRead ?? 0;
    // 16 KiB a group, and a look into each file that was never used.
    ok(bytesRead < 2_500_000, `${bytesRead} bytes read for 10 MB`);
    await w.checkRecovered();
  });

  test("a hundred starts in a row, crashing now and then on the way, lose nothing and keep two files free", async () => {
    const w = await started(31);
    const p = w.host(1);
    for (let i = 0; i < 20; i++) w.append(1, 20_000, 1);
    await w.run(50);
    equal(p.durableEnd, 20);
    let packed = 0;
    for (let start = 0; start < 100; start++) {
      if (start % 2 === 0) w.crash();
      else w.losePower();
      if (start % 3 === 0) {
        void w.opening().catch(() => undefined);
        await w.run(w.world.random.between(0, 15));
        w.crash();
      }
      await w.start();
      packed += w.report?.filesPacked ?? 0;
      if (start % 5 === 0) w.append(1, 1000, 1);
      await w.run(start % 4);
      ok(w.open.occupancy().filesFree >= 2, `start ${start} leaves ${w.open.occupancy().filesFree} free files`);
    }
    equal(w.fatal, undefined);
    ok(packed > 10, `${packed} files were packed together`);
    ok(w.partition(1).logEnd >= 20);
  });

  test("a start that never finished counts for nothing", async () => {
    const w = await started(32);
    w.host(1);
    w.append(1, 1000, 1);
    await w.run(50);
    let unfinished = 0;
    for (let attempt = 0; attempt < 60; attempt++) {
      w.crash();
      void w.opening().catch(() => undefined);
      await w.run(attempt / 6);
      w.crash();
      await w.start();
      unfinished += w.report?.unfinishedStarts ?? 0;
    }
    ok(unfinished > 0, "some start was interrupted between its file header and its start entry");
    equal(w.partition(1).logEnd, 1);
  });

  test("the metadata index comes back", async () => {
    const w = await started(33);
    w.host(1);
    w.open.setMetadataIndex(77);
    w.append(1, 100, 1);
    await w.run(20);
    w.losePower();
    await w.start();
    equal(w.newestMetadataIndex, 77);
  });

  test("a log of another file size or a newer version is refused with a remedy", async () => {
    const w = await started(34);
    w.crash();
    w.options = { ...w.options, fileBytes: 1024 * 1024, capacityBytes: 8 * 1024 * 1024 };
    await rejects(
      w.world.settle(w.opening()),
      (error: unknown) => error instanceof WalOpenError && /configure that one/.test(error.message),
    );
  });

  test("sizes that do not fit together are refused", async () => {
    const w = new WalWorld(35);
    const parts = {} as never;
    for (const wrong of [{ fileBytes: 1 << 16 }, { slabBytes: 1000 }, { capacityBytes: 1 << 20 }, { fileBytes: 100_000 }]) {
      await rejects(
        Wal.open({ ...w.options, ...wrong }, parts, () => undefined),
        WalOpenError,
      );
    }
  });

  test("a log that lost all headers is not taken for a new one", async () => {
    const w = await started(36);
    w.host(1);
    w.append(1, 1000, 1);
    await w.run(50);
    w.crash();
    for (let slot = 0; slot < 8; slot++) w.disk.overwrite(`wal/0000${slot}.wal`, 0, new Uint8Array(32_768));
    await rejects(w.world.settle(w.opening()), WalOpenError);
  });

  test("a forgotten partition is gone after a start, and its id can be hosted anew", async () => {
    const w = await started(37);
    w.host(1);
    w.host(2);
    for (let i = 0; i < 5; i++) w.append(1, 1000, 1);
    w.append(2, 1000, 1);
    await w.run(20);
    w.forget(1);
    w.host(1);
    w.append(1, 700, 2);
    await w.run(20);
    w.losePower();
    await w.start();
    deepEqual([w.partition(1).logEnd, w.partition(2).logEnd], [2, 1]);
  });
});

test("what is left of a partition that is hosted no more does not come back when it is hosted again", async () => {
  const w = await started(38);
  w.host(1);
  w.host(2);
  for (let i = 0; i < 5; i++) w.append(1, 1000, 1);
  await w.run(20);
  w.crash();
  w.models.delete(1); // moved away while this broker was down: no entry says so
  await w.start();
  w.host(1);
  w.append(1, 700, 2);
  await w.run(20);
  w.losePower();
  await w.start();
  equal(w.partition(1).logEnd, 2);
});

describe("bases", () => {
  test("an installed base makes everything earlier dead and survives", async () => {
    const w = await started(40);
    const p = w.host(1);
    for (let i = 0; i < 5; i++) w.append(1, 1000, 1);
    await w.run(20);
    const bytes = Buffer.alloc(300_000, 9);
    p.installBase(1000, bytes);
    await w.run(50);
    equal(p.durableEnd, 1000, "whoever waits for what lies below is told, though no batch follows");
    w.losePower();
    w.model(1).uploadedEnd = 1000;
    await w.world.settle(w.opening());
    const [found] = w.recovered;
    equal(found?.base?.offset, 1000);
    ok(Buffer.from(found?.base?.bytes ?? []).equals(bytes), "all chunks, in order");
    deepEqual([w.partition(1).firstOffset, w.partition(1).logEnd], [1000, 1000]);
    deepEqual([found?.behind, found?.foldIncomplete, found?.holes.length], [false, false, 0]);
  });

  test("a log whose tail was lost but had been uploaded goes on at the uploaded end", async () => {
    const w = await started(41);
    w.host(1);
    w.append(1, 1000, 1);
    await w.run(50);
    w.losePower();
    w.model(1).uploadedEnd = 500;
    await w.world.settle(w.opening());
    const [found] = w.recovered;
    equal(found?.behind, true);
    deepEqual([w.partition(1).logEnd, w.partition(1).firstOffset, found?.mark], [500, 500, 500]);
  });
});
