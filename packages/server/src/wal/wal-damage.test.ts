import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { WalWorld } from "../testing/wal/wal-world.ts";
import { decodeGroupHeader, type GroupHeader } from "./group-codec.ts";
import { BLOCK_BYTES } from "./limits.ts";
import type { RecoveredPartition } from "./wal.ts";
import { walFilePath } from "./wal-file.ts";

type PlacedGroup = Readonly<{ path: string; position: number; header: GroupHeader }>;

/** All groups on the disk, the newest last. */
function groupsOn(w: WalWorld): PlacedGroup[] {
  const found: PlacedGroup[] = [];
  for (let slot = 0; slot < w.options.capacityBytes / w.options.fileBytes; slot++) {
    const path = walFilePath("wal", slot);
    const bytes = Buffer.from(w.disk.contents(path));
    for (let position = 0; position < bytes.byteLength; position += BLOCK_BYTES) {
      const header = decodeGroupHeader(bytes, position, Buffer.from(w.open.id, "hex"), position, w.options.fileBytes);
      if (header !== undefined) found.push({ path, position, header });
    }
  }
  return found.sort((a, b) => a.header.number - b.header.number);
}

function flip(w: WalWorld, path: string, position: number): void {
  w.disk.file(path).flipBit(position, 3);
}

/** Partitions 1 to 3 with ten groups each, in turn; then a quiet time, so that all of them lie below D. */
async function filled(seed: number, batchBytes = 1000): Promise<{ w: WalWorld; groups: PlacedGroup[] }> {
  const w = new WalWorld(seed);
  await w.start();
  w.open.ready();
  await w.run(100);
  for (let id = 1; id <= 3; id++) w.host(id);
  for (let round = 0; round < 10; round++) {
    for (let id = 1; id <= 3; id++) {
      w.append(id, batchBytes, 4);
      await w.run(4);
    }
  }
  await w.run(300);
  return { w, groups: groupsOn(w).filter(({ header }) => header.entryCount === 1 && header.offsets > 0) };
}

async function reopened(w: WalWorld): Promise<RecoveredPartition[]> {
  w.crash();
  await w.world.settle(w.opening());
  return [...w.recovered];
}

const isCorrupt = (text: RegExp) => (error: unknown) =>
  error instanceof QueueError && error.code === "CORRUPT_RECORD" && text.test(error.message);

describe("a flipped bit in a batch", () => {
  test("is named and refused; everything else is served", async () => {
    const { w, groups } = await filled(1);
    const group = groups[15] as PlacedGroup; // partition 1, sixth batch: [20, 24)
    equal(group.header.offsets, 64);
    for (const at of [0, 9, 13, 16, 18, 25, 40, 900]) {
      const victim = at === 0 ? group : group;
      flip(w, victim.path, victim.position + 128 + at);
      await reopened(w);
      const p = w.partition(1);
      equal(p.holes.length, 0);
      const before = await w.world.settle(Promise.resolve(p.read(0, 40, 100_000, true)));
      deepEqual([before.nextOffset, before.bytes], [20, 5000], `byte ${at}`);
      deepEqual(p.holes, [{ from: 20, to: 24 }]);
      throws(() => p.read(22, 40, 100_000, true), isCorrupt(/offsets=\[20, 24\)/));
      equal((await w.world.settle(w.readAll(1, 24, 40))).length, 4);
      equal((await w.world.settle(w.readAll(2, 0, 40))).length, 10);
      flip(w, victim.path, victim.position + 128 + at); // heal
    }
  });

  test("is a gap once a person accepts the loss", async () => {
    const { w, groups } = await filled(2);
    const group = groups[15] as PlacedGroup;
    flip(w, group.path, group.position + 128 + 500);
    await reopened(w);
    const p = w.partition(1);
    await rejects(w.world.settle(Promise.resolve(p.read(20, 40, 100_000, true))), isCorrupt(/partition=1 offsets=\[20, 24\)/));
    p.acceptLoss(20, 24);
    equal(p.holes.length, 0);
    p.addHole(18, 26); // as when copying meets it again
    deepEqual(p.holes, [
      { from: 18, to: 20 },
      { from: 24, to: 26 },
    ]);
    p.setHoles([]);
    const before = await w.world.settle(Promise.resolve(p.read(0, 40, 100_000, true)));
    deepEqual([before.nextOffset, before.bytes], [20, 5000]);
    const behind = await w.world.settle(Promise.resolve(p.read(20, 40, 100_000, true)));
    deepEqual([behind.nextOffset, behind.bytes], [40, 4000]);
  });

  test("is none of a log that was cut there, or began anew, while it was read", async () => {
    for (const change of ["truncate", "installBase"] as const) {
      const { w, groups } = await filled(4);
      const group = groups[15] as PlacedGroup;
      flip(w, group.path, group.position + 128 + 500);
      await reopened(w);
      const p = w.partition(1);
      const reading = rejects(Promise.resolve(p.read(20, 40, 100_000, true)), isCorrupt(/offsets=\[20, 24\)/));
      if (change === "truncate") p.truncate(20, 9);
      else p.installBase(0, new Uint8Array(8));
      await w.world.settle(reading);
      deepEqual(p.holes, [], change);
    }
  });

  test("is forgotten with what is cut off", async () => {
    const { w } = await filled(5);
    const p = w.partition(1);
    p.addHole(18, 26);
    p.truncate(20, 9);
    deepEqual(p.holes, [{ from: 18, to: 20 }]);
  });

  test("is left behind when its file is emptied: the hole stays, nothing else is lost", async () => {
    const { w, groups } = await filled(3, 15_000);
    const group = groups[15] as PlacedGroup;
    w.host(9);
    w.upload(2, 40);
    w.upload(3, 40);
    flip(w, group.path, group.position + 128 + 500);
    for (let round = 0; w.partition(1).holes.length === 0; round++) {
      ok(round < 3000);
      // Batches are copied only when space gets short.
      if (!w.append(9, 20_000, 1)) w.upload(9, w.partition(9).durableEnd);
      await w.run(4);
    }
    await w.run(300);
    deepEqual(w.partition(1).holes, [{ from: 20, to: 24 }]);
    equal((await w.world.settle(w.readAll(1, 24, 40))).length, 4);
    const recovered = await reopened(w);
    deepEqual(recovered.find(({ partition }) => partition.id === 1)?.holes, [{ from: 20, to: 24 }]);
    equal((await w.world.settle(w.readAll(1, 0, 20))).length, 5);
    for (const isCold of [true, false]) {
      const p = w.partition(1);
      p.acceptLoss(20, 24);
      const before = await w.world.settle(Promise.resolve(p.read(0, 40, 1_000_000, true)));
      deepEqual([before.nextOffset, before.bytes], [20, 75_000], `isCold=${isCold}`);
      const behind = await w.world.settle(Promise.resolve(p.read(20, 40, 1_000_000, true)));
      deepEqual([behind.nextOffset, behind.bytes], [40, 60_000]);
      if (isCold) await reopened(w);
    }
  });
});

describe("a lost group at or below D", () => {
  for (const [what, at] of [
    ["header", 33],
    ["checksum of the header", 125],
  ] as const) {
    test(`(${what} unreadable) is a hole of its partition; ends of quiet partitions resume behind it`, async () => {
      const { w, groups } = await filled(10);
      const group = groups[15] as PlacedGroup;
      flip(w, group.path, group.position + at);
      const recovered = await reopened(w);
      deepEqual(
        recovered.map(({ holes }) => holes),
        [[{ from: 20, to: 24 }], [], []],
      );
      equal(recovered[0]?.foldIncomplete, true);
      deepEqual(
        recovered.map(({ partition }) => partition.logEnd),
        [40, 40, 40],
      );
      ok(w.report?.damage.some((line) => /at most 4 offsets/.test(line)));
    });
  }

  test("(directory unreadable) is the same", async () => {
    const { w, groups } = await filled(11);
    const group = groups[15] as PlacedGroup;
    flip(w, group.path, group.position + group.header.directoryPosition + 40);
    const recovered = await reopened(w);
    deepEqual(
      recovered.map(({ holes }) => holes),
      [[{ from: 20, to: 24 }], [], []],
    );
  });

  test("with nothing behind it: every partition may have lost its end, and none uses an offset twice", async () => {
    const { w, groups } = await filled(12);
    const group = groups[29] as PlacedGroup; // the last one: partition 3, [36, 40)
    flip(w, group.path, group.position + 33);
    let recovered = await reopened(w);
    deepEqual(
      recovered.map(({ partition }) => partition.logEnd),
      [44, 44, 40],
    );
    deepEqual(
      recovered.map(({ holes }) => holes),
      [[{ from: 40, to: 44 }], [{ from: 40, to: 44 }], [{ from: 36, to: 40 }]],
    );
    throws(() => w.partition(3).read(36, 40, 1000, true), isCorrupt(/partition=3 offsets=\[36, 40\)/));
    // The next starts find the same, and a partition that came later has lost nothing.
    w.host(4);
    await w.run(20);
    for (let start = 0; start < 3; start++) {
      recovered = await reopened(w);
      deepEqual(
        recovered.map(({ partition }) => partition.logEnd),
        [44, 44, 40, 0],
      );
      deepEqual(recovered[3]?.holes, []);
    }
    w.partition(1).append(Buffer.from(w.model(1).batches[0]?.stored ?? []), 0, 1000, 44, 0, 1);
    await w.run(20);
    equal((await w.world.settle(Promise.resolve(w.partition(1).read(44, 48, 9999, true)))).nextOffset, 48);
  });

  test("in the group that a start wrote again: its partitions may have lost their ends", async () => {
    const { w } = await filled(15);
    for (let n = 0; n < 2; n++) {
      w.append(1, 1_000, 4);
      await w.run(20); // durable; no header says so of the second
    }
    await reopened(w);
    w.open.ready();
    ok((w.report?.groupsRescued ?? 0) > 0);
    await w.run(300);
    const rescued = groupsOn(w).findLast(({ header }) => header.number === w.report?.lastGroup) as PlacedGroup;
    flip(w, rescued.path, rescued.position + 20);
    const recovered = await reopened(w);
    const lost = recovered.find(({ partition }) => partition.id === 1);
    deepEqual(lost?.holes, [{ from: 44, to: 48 }]);
  });

  test("the end that was resumed outlives the file in which the group was lost", async () => {
    const { w, groups } = await filled(14);
    flip(w, (groups[29] as PlacedGroup).path, (groups[29] as PlacedGroup).position + 33);
    await reopened(w);
    w.open.ready();
    w.host(9);
    for (const id of [1, 2]) {
      w.partition(id).setUploadedEnd(40);
      w.model(id).uploadedEnd = 40;
    }
    for (let round = 0; w.open.stats.freed < 12; round++) {
      ok(round < 3000);
      w.append(9, 30_000, 1);
      await w.run(4);
      w.upload(9, w.partition(9).durableEnd);
    }
    const recovered = await reopened(w);
    ok(!w.report?.damage.some((line) => /unreadable/.test(line)), "the damaged file was freed");
    deepEqual([recovered[0]?.partition.logEnd, recovered[1]?.partition.logEnd], [44, 44]);
    deepEqual(recovered[0]?.holes, [{ from: 40, to: 44 }]);
  });

  test("uploaded ranges are no holes", async () => {
    const { w, groups } = await filled(13);
    w.upload(1, 28);
    const group = groups[15] as PlacedGroup;
    flip(w, group.path, group.position + 33);
    const recovered = await reopened(w);
    deepEqual(recovered[0]?.holes, []);
    equal(recovered[0]?.foldIncomplete, true);
    equal(w.partition(1).firstOffset, 24);
  });
});

describe("above D", () => {
  test("a damaged group is the cut, and nothing behind it is used, however valid", async () => {
    const w = new WalWorld(20, { sync: false, flushIntervalMs: 100_000 });
    await w.start();
    w.host(1);
    for (let i = 0; i < 6; i++) {
      w.append(1, 1000, 1);
      await w.run(3);
    }
    const group = groupsOn(w).filter(({ header }) => header.entryCount === 1 && header.offsets > 0)[3] as PlacedGroup;
    flip(w, group.path, group.position + 128 + 400);
    const recovered = await reopened(w);
    equal(w.partition(1).logEnd, 3);
    deepEqual([recovered[0]?.holes, w.report?.damage], [[], []]);
    // The dead ones stay dead: at once, and when offsets are assigned again.
    await reopened(w);
    equal(w.partition(1).logEnd, 3);
    w.model(1).truncate(3);
    w.append(1, 700, 1);
    await w.run(300);
    await reopened(w);
    equal(w.partition(1).logEnd, 4);
    deepEqual((await w.world.settle(w.readAll(1, 3, 4)))[0]?.stored, w.model(1).batches.at(-1)?.stored);
  });

  test("groups of an earlier use of a file do not count, though their numbers were never reached again", async () => {
    const w = new WalWorld(21, { sync: false, flushIntervalMs: 100_000 });
    await w.start();
    await w.run(100);
    w.host(1);
    for (const path = groupsOn(w)[0]?.path; groupsOn(w).at(-1)?.path === path; await w.run(3)) w.append(1, 30_000, 1);
    const cut = groupsOn(w).at(-1) as PlacedGroup;
    // Too little for a sync.
    for (let i = 0; i < 7; i++) {
      w.append(1, 1000, 1);
      await w.run(3);
    }
    flip(w, cut.path, cut.position + 128 + 400);
    await reopened(w);
    let end = w.partition(1).logEnd;
    deepEqual(w.report?.damage, []);
    w.model(1).truncate(end);
    let uses = 0;
    for (let start = 0; start < 4; start++) {
      ok(w.append(1, 500, 1));
      await w.run(5);
      end += 1;
      await reopened(w);
      if (groupsOn(w).some(({ path, header }) => path === cut.path && header.run > 1)) uses += 1;
      deepEqual([w.partition(1).logEnd, w.report?.damage], [end, []]);
    }
    ok(uses > 0, "the file was used again");
  });
});

describe("files", () => {
  test("one unreadable header copy is nothing; two are reported, and the groups count", async () => {
    const { w } = await filled(30);
    const path = groupsOn(w).at(-1)?.path ?? "";
    flip(w, path, 100);
    await reopened(w);
    deepEqual(w.report?.damage, []);
    const head = groupsOn(w).at(-1)?.path ?? "";
    flip(w, head, 100);
    flip(w, head, 16_384 + 100);
    const recovered = await reopened(w);
    equal(w.report?.damage.length, 1);
    deepEqual(
      recovered.map(({ partition, holes }) => [partition.logEnd, holes.length]),
      [
        [40, 0],
        [40, 0],
        [40, 0],
      ],
    );
    for (let id = 1; id <= 3; id++) equal((await w.world.settle(w.readAll(id, 0, 40))).length, 10);
  });

  test("a missing file that counts is damage, not a cut", async () => {
    const { w } = await filled(31, 60_000);
    const paths = [...new Set(groupsOn(w).map(({ path }) => path))];
    ok(paths.length >= 3);
    const lost = groupsOn(w).filter(({ path, header }) => path === paths[1] && header.entryCount > 0);
    w.crash();
    w.disk.names.remove(paths[1] ?? "");
    await w.world.settle(w.opening());
    const holes = w.recovered.map((one) => one.holes.reduce((sum, hole) => sum + hole.to - hole.from, 0));
    equal(
      holes.reduce((sum, count) => sum + count, 0),
      lost.length * 4,
    );
    ok(w.report?.damage.some((line) => /is missing/.test(line)));
    for (const { partition } of w.recovered) equal(partition.logEnd, w.model(partition.id).logEnd);
    await w.run(500);
    const again = await reopened(w);
    deepEqual(
      again.map((one) => one.holes.reduce((sum, hole) => sum + hole.to - hole.from, 0)),
      holes,
    );
  });

  test("the newest file missing is not taken for a quiet end", async () => {
    const { w } = await filled(32, 20_000);
    const groups = groupsOn(w).filter(({ header }) => header.entryCount > 0);
    const newest = groups.at(-1)?.path ?? "";
    ok(groups.some(({ path }) => path !== newest));
    w.crash();
    w.disk.names.remove(newest);
    await w.world.settle(w.opening());
    ok(
      w.recovered.every(({ partition }) => partition.logEnd >= 40),
      "no offset is used twice",
    );
    ok(w.recovered.every(({ holes }) => holes.length > 0));
  });

  test("a file of another log counts for nothing", async () => {
    const { w } = await filled(33);
    const other = new WalWorld(99);
    await other.start();
    other.host(1);
    other.append(1, 5000, 1000);
    await other.run(300);
    w.crash();
    w.disk.overwrite("wal/00005.wal", 0, other.disk.contents("wal/00000.wal"));
    await w.start();
    deepEqual(w.report?.damage, []);
  });
});

test("freed files stay freed, and older groups count, when no header of the newest run is readable", async () => {
  const w = new WalWorld(50, { capacityBytes: 16 * 512 * 1024 });
  await w.start();
  w.open.ready();
  await w.run(200);
  for (const id of [1, 2]) w.host(id);
  // The first file is freed later; the second names it, and stays, since nearly all of it counts.
  const appended = async (id: number, batches: number): Promise<void> => {
    for (let count = 0; count < batches; count++) {
      w.append(id, 30_000, 1);
      await w.run(3);
    }
  };
  await appended(1, 14);
  await appended(2, 14);
  const { path } = groupsOn(w).at(-1) as PlacedGroup;
  await appended(1, 4);
  await w.run(300);
  w.crash();
  await w.start();
  w.open.ready();
  // The files with the start entry, and with the entry that frees the first file, are freed.
  for (let round = 0; w.open.stats.freed < 20; round++) {
    ok(round < 2000);
    await appended(1, 1);
    w.upload(1, w.partition(1).durableEnd);
  }
  await w.run(300);
  equal(groupsOn(w).findLast((group) => group.path === path)?.header.run, 1);
  const ofNewestRun = new Set(groupsOn(w).flatMap(({ header, path }) => (header.run > 1 ? [path] : [])));
  const end = w.partition(1).logEnd;
  w.crash();
  for (const one of ofNewestRun) for (const at of [0, 16_384]) flip(w, one, at + 100);
  await w.world.settle(w.opening());
  // Groups that were freed behind the second file may be told as lost: nobody knows any more where that file ended.
  ok(!w.report?.damage.some((line) => /is missing/.test(line)), `${w.report?.damage}`);
  equal(w.partition(1).logEnd, end);
  equal((await w.world.settle(w.readAll(2, 0, 14))).length, 14);
});

test("a damaged base is told, and the tail is still there", async () => {
  const w = new WalWorld(40);
  await w.start();
  const p = w.host(1);
  p.installBase(100, Buffer.alloc(5000, 7));
  await w.run(300);
  const bytes = Buffer.from(w.disk.contents("wal/00000.wal"));
  flip(w, "wal/00000.wal", bytes.indexOf(Buffer.alloc(5000, 7)) + 2500);
  w.model(1).uploadedEnd = 100;
  const [found] = await reopened(w);
  deepEqual([found?.base, found?.baseDamaged, found?.foldIncomplete], [undefined, true, true]);
  equal(w.partition(1).logEnd, 100);
  w.partition(1).writeBase(Buffer.alloc(10, 1));
  await w.run(300);
  const [again] = await reopened(w);
  deepEqual([again?.base?.offset, again?.base?.bytes.byteLength, again?.foldIncomplete], [100, 10, false]);
});

test("a file that was cut short does not make a start slow: nothing is looked for behind its end", async () => {
  const { w, groups } = await filled(30);
  w.crash();
  const { path, position } = groups[20] as PlacedGroup;
  await w.world.settle(cutFile(w, path, position));
  const { reads } = w.disk.counts;
  await w.world.settle(w.opening());
  ok(w.disk.counts.reads - reads < 30, `${w.disk.counts.reads - reads} reads`);
  equal(w.disk.contents(path).length, w.options.fileBytes, "it is whole again");
});

async function cutFile(w: WalWorld, path: string, size: number): Promise<void> {
  const person = w.world.startProcess("person");
  const file = await w.disk.mount(person).open(path, "write");
  await file.truncate(size);
  person.crash();
}
