import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { diskContract } from "../../testing/contracts/disk-contract.ts";
import { DataFolder } from "./data-folder.ts";

diskContract("data folder", async () => {
  const root = await mkdtemp(join(tmpdir(), "disk-"));
  const disk = await DataFolder.open(root);
  const dispose = async (): Promise<void> => {
    await disk.close();
    await rm(root, { recursive: true });
  };
  return { disk, drive: (promise) => promise, dispose };
});

test("more requests than the ring holds, from ordinary memory of any size", async (t) => {
  const disk = await openFolder(t);
  const file = await disk.open("a", "create");
  const expected = Buffer.alloc(3_000_000);
  const calls: Promise<void>[] = [];
  let at = 0;
  for (let round = 0; at < expected.length; round++) {
    const slices = Array.from({ length: 1 + (round % 30) }, (_, n) =>
      Buffer.alloc(Math.min(1 + ((round * 7 + n) % 60), expected.length - at), round),
    );
    const start = at;
    for (const slice of slices) {
      slice.copy(expected, at);
      at += slice.length;
      if (at >= expected.length) break;
    }
    calls.push(file.write(start, slices, round % 1000 === 0));
  }
  await Promise.all(calls);
  await file.close();
  deepEqual((await readFile(join(disk.root, "a"))).subarray(0, expected.length).equals(expected), true);
});

test("the ring wraps many times; memory that its owner dropped stays until it is written", async (t) => {
  const disk = await openFolder(t);
  const file = await disk.open("a", "create");
  const expected = Buffer.alloc(8 * 40_000);
  const calls: Promise<void>[] = [];
  for (let round = 0; round < 40_000; round++) {
    const memory = Buffer.from(new SharedArrayBuffer(round % 50 === 0 ? 4096 : 16)).fill(round % 251);
    memory.copy(expected, round * 8, 0, 8);
    calls.push(file.write(round * 8, [memory.subarray(0, 3), memory.subarray(3, 3), memory.subarray(3, 8)], false));
    if (round % 10_000 === 9_999) await Promise.all(calls.splice(0));
  }
  await Promise.all(calls);
  equal((await readFile(join(disk.root, "a"))).equals(expected), true);
  await file.close();
});

test("the lock file cannot be touched through the folder", async (t) => {
  const disk = await openFolder(t);
  await rejects(disk.open("lock", "read"), { name: "InvariantViolation" });
});

test("what arrives in one turn: neighbours become one system call, one sync serves the file", async (t) => {
  const disk = await openFolder(t);
  const [a, b] = [await disk.open("a", "create"), await disk.open("b", "create")];
  const calls: Promise<void>[] = [];
  for (let round = 0; round < 100; round++)
    calls.push(a.write(round * 10, [Buffer.alloc(5, round), Buffer.alloc(5, round)], round % 2 === 0));
  calls.push(a.sync(), b.write(0, [Buffer.of(1)], true), b.write(5, [Buffer.of(1)], true));
  await Promise.all(calls);
  deepEqual(disk.calls, { writes: 3, syncs: 2 });
  await a.write(0, [Buffer.alloc(1, 1)], false);
  deepEqual(disk.calls, { writes: 4, syncs: 2 });
  await Promise.all([a.close(), b.close()]);
});

test("no more slices in one system call than the system takes", async (t) => {
  const disk = await openFolder(t);
  const file = await disk.open("a", "create");
  const slab = new Uint8Array(new SharedArrayBuffer(4096)).fill(7);
  const slices = Array.from({ length: 700 }, (_, n) => slab.subarray(n, n + 3));
  await Promise.all([file.write(0, slices, false), file.write(2100, slices, true)]);
  deepEqual(disk.calls, { writes: 2, syncs: 1 });
  equal(await file.size(), 4200);
  await file.close();
});

test("a fill holds up the calls of its own file only, and they follow in order", async (t) => {
  const disk = await openFolder(t);
  const file = await disk.open("a", "create");
  const order: string[] = [];
  const note = (what: string) => (): void => void order.push(what);
  const calls = [
    file.fill(0, 8 * 1024 * 1024).then(note("fill")),
    file.write(0, [Buffer.of(1)], true).then(note("write")),
    file.fill(1, 3).then(note("second fill")),
    file.truncate(5).then(note("cut")),
  ];
  await Promise.all(calls);
  deepEqual(order, ["fill", "write", "second fill", "cut"]);
  deepEqual([...(await readFile(join(disk.root, "a")))], [1, 0, 0, 0, 0]);
  await file.close();
});

test("a long fill does not delay writes to another file", async (t) => {
  const disk = await openFolder(t);
  const [filled, written] = [await disk.open("filled", "create"), await disk.open("written", "create")];
  let filling = true;
  const fill = filled.fill(0, 64 * 1024 * 1024).then(() => {
    filling = false;
  });
  let writesMeanwhile = 0;
  for (let round = 0; round < 5; round++) {
    await written.write(round, [Buffer.of(round)], false);
    if (filling) writesMeanwhile += 1;
  }
  await fill;
  equal(writesMeanwhile, 5);
  equal(await filled.size(), 64 * 1024 * 1024);
  await Promise.all([filled.close(), written.close()]);
});

test("a write that the system refuses names its reason, and the other writes of its turn are done", async (t) => {
  const disk = await openFolder(t);
  const [good, bad] = [await disk.open("a", "create"), await disk.open("a", "read")];
  const refused = bad.write(0, [Buffer.of(9)], true);
  const done = good.write(0, [Buffer.of(1)], true);
  await rejects(refused, { name: "DiskError", code: "io", message: /^a: EBADF/ });
  await done;
  await rejects(disk.open("a/b", "create"), { code: "not-found" });
  await Promise.all([good.close(), bad.close()]);
});

test("no room: /dev/full answers ENOSPC", async (t) => {
  const disk = await openFolder(t);
  await (await import("node:fs/promises")).symlink("/dev/full", join(disk.root, "full"));
  const file = await disk.open("full", "write");
  await rejects(file.write(0, [Buffer.of(1)], false), { name: "DiskError", code: "no-space" });
  await file.close();
});

test("after the thread has gone, every call fails", async (t) => {
  const disk = await openFolder(t);
  const file = await disk.open("a", "create");
  await disk.close();
  await rejects(async () => file.write(0, [Buffer.of(1)], false), /closed/);
});

async function openFolder(t: TestContext): Promise<DataFolder> {
  const disk = await DataFolder.open(await mkdtemp(join(tmpdir(), "disk-")));
  t.after(async () => {
    await disk.close();
    await rm(disk.root, { recursive: true });
  });
  return disk;
}
