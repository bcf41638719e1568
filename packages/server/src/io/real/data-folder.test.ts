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
