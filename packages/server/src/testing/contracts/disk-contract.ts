import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Disk, DiskErrorCode } from "../../io/disk.ts";
import { ROOT } from "../../io/disk-path.ts";

/** An empty disk, and `drive`, which makes its time pass until the promise settles (the identity for a real one). */
export type DiskUnderTest = Readonly<{ disk: Disk; drive: <T>(promise: Promise<T>) => Promise<T>; dispose: () => Promise<void> }>;

/** What every Disk must do. */
export function diskContract(name: string, create: () => DiskUnderTest | Promise<DiskUnderTest>): void {
  const check = (what: string, run: (disk: Disk) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { disk, drive, dispose } = await create();
      try {
        await drive(run(disk));
      } finally {
        await dispose();
      }
    });
  };

  check("reads back what it wrote, slices one behind the other", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [bytes(1, 2, 3), bytes(), bytes(4, 5)], false);
    await file.write(3, [bytes(9)], true);
    deepEqual(await readAll(disk, "a"), [1, 2, 3, 9, 5]);
    equal(await file.size(), 5);
    await file.close();
  });

  check("a read ends at the end of the file", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [bytes(1, 2, 3)], false);
    const target = new Uint8Array(8);
    equal(await file.read(1, target), 2);
    deepEqual([...target], [2, 3, 0, 0, 0, 0, 0, 0]);
    equal(await file.read(3, target), 0);
    equal(await file.read(100, target), 0);
    await file.close();
  });

  check("takes slices of shared memory", async (disk) => {
    const shared = new Uint8Array(new SharedArrayBuffer(4096));
    for (let at = 0; at < shared.length; at++) shared[at] = at % 251;
    const file = await disk.open("a", "create");
    await file.write(0, [shared.subarray(100, 200), bytes(7), shared.subarray(4000, 4096)], true);
    deepEqual(await readAll(disk, "a"), [...shared.subarray(100, 200), 7, ...shared.subarray(4000)]);
    await file.close();
  });

  check("reads into shared memory", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [bytes(1, 2, 3)], false);
    const target = new Uint8Array(new SharedArrayBuffer(3));
    equal(await file.read(0, target), 3);
    deepEqual([...target], [1, 2, 3]);
    await file.close();
  });

  check("calls of one file take effect in their order, without waiting for each other", async (disk) => {
    const file = await disk.open("a", "create");
    const calls: Promise<void>[] = [];
    for (let round = 0; round < 200; round++) calls.push(file.write(round % 3, [bytes(round, round)], round % 50 === 0));
    calls.push(file.fill(10, 20), file.write(15, [bytes(1)], false), file.truncate(18), file.write(18, [bytes(2)], false), file.sync());
    await Promise.all(calls);
    deepEqual(await readAll(disk, "a"), [198, 199, 199, 197, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2]);
    await file.close();
  });

  check("a sync beside other calls ends, and closing waits for it", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [bytes(1)], false);
    const synced = file.syncBeside();
    await file.write(1, [bytes(2)], false);
    const closed = file.close();
    await Promise.all([synced, closed]);
    deepEqual(await readAll(disk, "a"), [1, 2]);
  });

  check("a write beyond the end leaves zeros", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(5, [bytes(1)], false);
    deepEqual(await readAll(disk, "a"), [0, 0, 0, 0, 0, 1]);
    await file.close();
  });

  check("fill overwrites with zeros and grows the file", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [new Uint8Array(3_000_000).fill(7)], false);
    await file.fill(1, 5_000_000);
    equal(await file.size(), 5_000_000);
    const target = new Uint8Array(5_000_000).fill(1);
    equal(await file.read(0, target), 5_000_000);
    equal(target[0], 7);
    equal(
      target.findIndex((byte, at) => at > 0 && byte !== 0),
      -1,
    );
    await file.close();
  });

  check("truncate cuts and grows", async (disk) => {
    const file = await disk.open("a", "create");
    await file.write(0, [bytes(1, 2, 3)], true);
    await file.truncate(1);
    await file.truncate(3);
    deepEqual(await readAll(disk, "a"), [1, 0, 0]);
    await file.close();
  });

  check("closing waits for what was called before", async (disk) => {
    const file = await disk.open("a", "create");
    const written = file.write(0, [bytes(1)], true);
    await Promise.all([file.close(), written]);
    deepEqual(await readAll(disk, "a"), [1]);
  });

  check("many slices in one write", async (disk) => {
    const file = await disk.open("a", "create");
    const slices = Array.from({ length: 5000 }, (_, n) => bytes(n));
    await file.write(1, slices, true);
    deepEqual(await readAll(disk, "a"), [0, ...slices.map((slice) => slice[0])]);
    await file.close();
  });

  check("names: create, list, rename, remove", async (disk) => {
    await disk.makeFolder("x/y");
    await disk.makeFolder("x/y");
    for (const path of ["x/y/b", "x/y/a", "x/c"]) await (await disk.open(path, "create")).close();
    deepEqual(await disk.list("x/y"), ["a", "b"]);
    deepEqual(await disk.list("x"), ["c", "y"]);
    deepEqual(await disk.list(ROOT), ["x"]);
    deepEqual(await disk.list("nothing/here"), []);
    await disk.rename("x/y/a", "x/y/b");
    deepEqual(await disk.list("x/y"), ["b"]);
    await disk.rename("x/y/b", "x/b");
    deepEqual(await disk.list("x"), ["b", "c", "y"]);
    await disk.remove("x/b");
    await disk.remove("x/b");
    deepEqual(await disk.list("x"), ["c", "y"]);
    await disk.syncFolder("x");
    await disk.syncFolder(ROOT);
  });

  check("a renamed file keeps its contents and replaces the other's", async (disk) => {
    for (const [path, byte] of [
      ["old", 1],
      ["new", 2],
    ] as const) {
      const file = await disk.open(path, "create");
      await file.write(0, [bytes(byte)], true);
      await file.close();
    }
    await disk.rename("new", "old");
    deepEqual(await readAll(disk, "old"), [2]);
    await rejectsWith(disk.open("new", "read"), "not-found");
  });

  check("refusals name their reason", async (disk) => {
    await rejectsWith(disk.open("a", "read"), "not-found");
    await rejectsWith(disk.open("a", "write"), "not-found");
    await rejectsWith(disk.open("no/folder", "create"), "not-found");
    await rejectsWith(disk.rename("a", "b"), "not-found");
    await rejectsWith(disk.syncFolder("no"), "not-found");
    await (await disk.open("a", "create")).close();
    await rejectsWith(disk.open("a", "create"), "exists");
    await rejectsWith(disk.makeFolder("a"), "exists");
    await disk.makeFolder("f");
    await rejectsWith(disk.remove("f"), "denied");
  });

  check("paths never leave the folder", async (disk) => {
    for (const path of ["../a", "/a", "a/../b", "a//b", "a/", ".", "..", ".hidden", "a\0b", "a b"]) {
      await rejects(async () => disk.open(path, "create"), { name: "InvariantViolation" });
    }
  });

  check("tells how much room there is", async (disk) => {
    const free = await disk.freeBytes();
    equal(Number.isSafeInteger(free) && free > 0, true);
  });
}

/** The whole file, as numbers. */
async function readAll(disk: Disk, path: string): Promise<number[]> {
  const file = await disk.open(path, "read");
  const target = new Uint8Array(await file.size());
  equal(await file.read(0, target), target.byteLength);
  await file.close();
  return [...target];
}

async function rejectsWith(promise: Promise<unknown>, code: DiskErrorCode): Promise<void> {
  await rejects(promise, { name: "DiskError", code });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
