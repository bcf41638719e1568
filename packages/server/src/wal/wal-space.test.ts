import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { WalWorld } from "../testing/wal/wal-world.ts";

async function started(seed: number, options = {}): Promise<WalWorld> {
  const w = new WalWorld(seed, { capacityBytes: 16 * 512 * 1024, ...options });
  await w.start();
  w.open.ready();
  await w.run(200);
  return w;
}

test("a full log slows producers, then refuses; nothing is lost, and it goes on when uploads do", async () => {
  const w = await started(1);
  const p = w.host(1);
  let throttled = 0;
  let accepted = 0;
  for (; accepted < 10_000; accepted++) {
    const throttleMs = w.open.admit(p, 20_000);
    if (throttleMs > 0) throttled += 1;
    if (!w.append(1, 20_000, 1)) break;
    await w.run(2);
  }
  ok(throttled > 10, "slowed down before");
  equal(w.open.admit(p, 20_000), -1);
  ok(w.open.occupancy().filesFree >= 2, "the reserve is left");
  await w.run(100);
  equal(p.durableEnd, accepted);
  w.upload(1, p.durableEnd);
  await w.run(500);
  equal(w.open.admit(p, 20_000), 0);
  ok(w.append(1, 20_000, 1));
  await w.run(20);
  w.losePower();
  await w.start();
  equal(w.partition(1).logEnd, accepted + 1);
});

test("much more than the capacity flows through when it is uploaded", async () => {
  const w = await started(2);
  for (let id = 1; id <= 20; id++) w.host(id);
  for (let round = 0; round < 400; round++) {
    for (let id = 1; id <= 20; id++) ok(w.append(id, 61 + ((round * id * 37) % 8000), 3), `round ${round}`);
    await w.run(3);
    if (round % 5 === 0) for (let id = 1; id <= 20; id++) w.upload(id, w.partition(id).durableEnd);
  }
  ok(w.open.stats.bytesWritten > 3 * w.options.capacityBytes);
  ok(w.open.stats.freed > 30);
  w.losePower();
  await w.start();
});

test("used space is what only uploads can free", async () => {
  const w = await started(7);
  w.host(1);
  for (let i = 0; i < 100; i++) {
    w.append(1, 20_000, 1);
    await w.run(2);
  }
  const full = w.open.occupancy();
  ok(full.usedBytes >= 2_000_000 && full.usedBytes === full.filledBytes);
  w.upload(1, 90);
  const after = w.open.occupancy();
  equal(after.filledBytes, full.filledBytes);
  ok(after.usedBytes < 2 * w.options.fileBytes, `${after.usedBytes} bytes used by 10 batches`);
});

test("a partition that cannot upload is refused alone", async () => {
  const w = await started(3);
  for (let id = 1; id <= 4; id++) w.host(id);
  const accepted = [0, 0, 0, 0, 0];
  const refused = [0, 0, 0, 0, 0];
  let throttledMs = 0;
  for (let round = 0; round < 1500; round++) {
    throttledMs += w.open.admit(w.partition(2), 8_000);
    for (let id = 1; id <= 4; id++) {
      if (w.append(id, 8_000, 1)) accepted[id] = (accepted[id] ?? 0) + 1;
      else refused[id] = (refused[id] ?? 0) + 1;
    }
    await w.run(3);
    for (let id = 2; id <= 4; id++) w.upload(id, w.partition(id).durableEnd);
  }
  ok((refused[1] ?? 0) > 500, `the one that pins was refused ${refused[1]} times`);
  deepEqual([refused[2], refused[3], refused[4]], [0, 0, 0]);
  ok(throttledMs / 1500 < 130, `the others were slowed down by ${throttledMs / 1500} ms each time`);
  w.losePower();
  await w.start();
  equal(w.partition(1).uploadedEnd, 0);
  equal(w.partition(1).firstOffset, 0);
});

test("truncations, forgets and epochs outlive the emptying of their files", async () => {
  const w = await started(4);
  w.host(1);
  w.host(2);
  w.host(3);
  for (let i = 0; i < 30; i++) w.append(1, 3000, 1);
  for (let i = 0; i < 30; i++) w.append(2, 3000, 1);
  await w.run(20);
  w.truncate(1, 10);
  w.partition(1).startEpoch(w.model(1).leaderEpoch);
  w.forget(2);
  for (let round = 0; round < 300; round++) {
    w.append(3, 30_000, 1);
    await w.run(5);
    w.upload(3, w.partition(3).durableEnd);
  }
  ok(w.open.stats.copiedFiles > 0, "the first file was emptied by copying");
  w.host(2); // hosted again: nothing of before may come back
  w.append(2, 100, 7);
  await w.run(20);
  w.losePower();
  await w.start();
  deepEqual([w.partition(1).logEnd, w.partition(2).logEnd], [10, 7]);
  equal(w.partition(1).leaderEpoch, 1);
});

test("batches before and behind copies in one group are all found after a restart", async () => {
  for (let seed = 20; seed < 26; seed++) {
    const w = await started(seed);
    for (let id = 1; id <= 3; id++) w.host(id);
    for (let round = 0; round < 250; round++) {
      // A little of 1 and 2 waits for uploads in every file, so that it is copied while more of them is appended.
      for (let id = 1; id <= 2; id++) if (round % 4 === 0 || w.open.stats.copiedFiles > 0) w.append(id, 300, 2);
      w.append(3, 30_000, 1);
      await w.run(1);
      w.upload(3, w.partition(3).durableEnd);
    }
    ok(w.open.stats.copiedFiles > 0, "files were emptied by copying");
    await w.run(50);
    w.losePower();
    await w.start();
  }
});

test("what was truncated or forgotten in an older file stays dead when the file that says so is emptied first", async () => {
  const w = await started(8);
  for (let id = 1; id <= 4; id++) w.host(id);
  // The first file: nearly all of it counts, so that it is never worth emptying.
  for (let i = 0; i < 10; i++) {
    w.append(1, 3000, 1);
    w.append(2, 3000, 1);
  }
  for (let i = 0; i < 18; i++) {
    w.append(4, 20_000, 1);
    await w.run(2);
  }
  // Later files: what kills those batches, and much that is uploaded.
  for (let i = 0; i < 10; i++) w.append(3, 30_000, 1);
  await w.run(20);
  w.truncate(1, 4);
  w.forget(2);
  for (let round = 0; round < 400; round++) {
    w.append(3, 30_000, 1);
    await w.run(5);
    w.upload(3, w.partition(3).durableEnd);
  }
  ok(w.open.stats.freed > 20);
  equal(w.partition(4).index.group(0) < 2 * w.options.fileBytes, true, "the first file is still there");
  w.host(2); // and nothing is appended that would supersede what was there
  await w.run(300);
  w.losePower();
  await w.start();
  deepEqual([w.partition(1).logEnd, w.partition(2).logEnd], [4, 0]);
});

test("a file that is read is not overwritten until the read ends", async () => {
  const w = await started(5);
  w.host(1);
  for (let i = 0; i < 20; i++) {
    w.append(1, 20_000, 1);
    await w.run(2);
  }
  const file = w.disk.faults;
  const expected = w.model(1).batches[0]?.stored;
  for (let i = 0; i < 60; i++) {
    w.append(1, 30_000, 1);
    await w.run(2);
  }
  file.readMs = [400, 400]; // slower than everything that follows
  const read = Promise.resolve(w.partition(1).read(0, 1, 30_000, true));
  for (let i = 0; i < 200; i++) {
    w.append(1, 60_000, 1);
    await w.run(4);
    w.upload(1, w.partition(1).durableEnd);
  }
  const slices = await w.world.settle(read);
  ok(Buffer.concat(slices.pieces).equals(expected ?? Buffer.alloc(0)));
});

test("a disk without room for all files makes a smaller log, not a broken one", async () => {
  const w = new WalWorld(6, {}, { capacityBytes: 7 * 512 * 1024 });
  w.options = { ...w.options, capacityBytes: 16 * 512 * 1024 };
  await w.start();
  w.open.ready();
  await w.run(500);
  equal(w.open.occupancy().capacityBytes, 7 * 512 * 1024);
  w.host(1);
  for (let i = 0; i < 300; i++) {
    w.append(1, 20_000, 1);
    await w.run(3);
    w.upload(1, w.partition(1).durableEnd);
  }
  ok(w.open.stats.freed > 5);
});

test("the smallest log takes appends as soon as a start is over, however many starts came before", async () => {
  for (const isUploaded of [true, false]) {
    const w = new WalWorld(9, { capacityBytes: 6 * 512 * 1024 });
    await w.start();
    w.open.ready();
    await w.world.settle(w.open.roomMade());
    w.host(1);
    for (let start = 0; start < 12; start++) {
      for (let i = 0; i < 3; i++) ok(w.append(1, 10_000, 1), `start ${start}, batch ${i}`);
      equal(w.open.occupancy().isShort, false);
      await w.run(5);
      if (isUploaded) w.upload(1, w.partition(1).durableEnd);
      w.crash();
      await w.start();
      w.open.ready();
      await w.world.settle(w.open.roomMade());
    }
  }
});
