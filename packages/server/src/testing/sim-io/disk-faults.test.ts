// Each fault of the simulated disk happens when it is asked for, and only then.
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Disk, DiskFile } from "../../io/disk.ts";
import { ROOT } from "../../io/disk-path.ts";
import { SimDisk, type SimDiskFaults } from "./disk.ts";
import { SECTOR_BYTES } from "./limits.ts";
import type { SimProcess } from "./process.ts";
import { SimWorld } from "./sim-world.ts";

type Setup = { world: SimWorld; device: SimDisk; process: SimProcess; disk: Disk; file: DiskFile };

/** A disk with a durable file `a` of 8 sectors of 1s. */
async function setup(seed: number, faults: Partial<SimDiskFaults> = {}): Promise<Setup> {
  const world = new SimWorld(seed);
  const device = new SimDisk(world, "disk");
  const process = world.startProcess("program");
  const disk = device.mount(process);
  const open = async (): Promise<DiskFile> => {
    const file = await disk.open("a", "create");
    await file.write(0, [new Uint8Array(8 * SECTOR_BYTES).fill(1)], true);
    await disk.syncFolder(ROOT);
    return file;
  };
  const file = await world.settle(open());
  Object.assign(device.faults, faults);
  return { world, device, process, disk, file };
}

/** First byte of each sector; -1 when a sector is not of one value. */
function sectors(bytes: Uint8Array): number[] {
  const values: number[] = [];
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    const sector = bytes.subarray(at, at + SECTOR_BYTES);
    values.push(sector.every((byte) => byte === sector[0]) ? (sector[0] ?? -1) : -1);
  }
  return values;
}

async function overSeeds<T>(count: number, run: (seed: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let seed = 0; seed < count; seed++) results.push(await run(seed));
  return results;
}

const whole = (value: number): Uint8Array => new Uint8Array(8 * SECTOR_BYTES).fill(value);

test("power loss: a sync beside writes covers those that had completed before it, and no other", async () => {
  const { world, device, file } = await setup(1, { writeMs: [1, 1], syncMs: [10, 10], powerLoss: { keptRatio: 0, tornRatio: 0 } });
  await world.settle(file.write(0, [whole(2)], false));
  const synced = file.syncBeside();
  await world.settle(file.write(0, [whole(3).subarray(0, SECTOR_BYTES)], false));
  ok(world.nowMs < 10, "nor does it hold them up");
  await world.settle(synced);
  device.losePower();
  deepEqual(sectors(device.contents("a")), sectors(whole(2)));
});

test("power loss: an unsynced write is kept, lost or torn by sectors", async () => {
  const results = await overSeeds(100, async (seed) => {
    const { world, device, file } = await setup(seed);
    await world.settle(file.write(0, [whole(2)], false));
    device.losePower();
    return sectors(device.contents("a"));
  });
  ok(
    results.flat().every((value) => value === 1 || value === 2),
    "a sector is old or new, never mixed",
  );
  const kinds = results.map((values) =>
    values.every((value) => value === 2) ? "kept" : values.every((value) => value === 1) ? "lost" : "torn",
  );
  for (const kind of ["kept", "lost", "torn"]) ok(kinds.filter((one) => one === kind).length > 10, kind);
  const isFront = (values: number[]): boolean => values.lastIndexOf(2) === values.filter((value) => value === 2).length - 1;
  ok(
    results.some((values) => values.includes(2) && !isFront(values)),
    "not only its front",
  );
});

test("power loss: unsynced writes are lost independently of their order", async () => {
  const results = await overSeeds(100, async (seed) => {
    const { world, device, file } = await setup(seed, { powerLoss: { keptRatio: 0.5, tornRatio: 0 } });
    await world.settle(file.write(0, [whole(2).subarray(0, SECTOR_BYTES)], false));
    await world.settle(file.write(SECTOR_BYTES, [whole(3).subarray(0, SECTOR_BYTES)], false));
    device.losePower();
    return sectors(device.contents("a")).slice(0, 2).join();
  });
  deepEqual([...new Set(results)].sort(), ["1,1", "1,3", "2,1", "2,3"]);
});

test("power loss keeps exactly what a sync covered", async () => {
  await overSeeds(50, async (seed) => {
    const { world, device, file } = await setup(seed, { powerLoss: { keptRatio: 0, tornRatio: 0 } });
    // Called without waiting: the sync covers the write before it and not the one behind it.
    const calls = [file.write(0, [whole(2)], false), file.sync(), file.write(0, [whole(3).subarray(0, SECTOR_BYTES)], false)];
    await world.settle(Promise.all(calls));
    deepEqual(sectors(device.contents("a")), [3, 2, 2, 2, 2, 2, 2, 2]);
    device.losePower();
    deepEqual(sectors(device.contents("a")), [2, 2, 2, 2, 2, 2, 2, 2]);
  });
});

test("power loss: sizes and cuts that were not synced", async () => {
  const sizes = await overSeeds(100, async (seed) => {
    const { world, device, file } = await setup(seed);
    await world.settle(file.truncate(SECTOR_BYTES));
    await world.settle(file.write(9 * SECTOR_BYTES, [whole(2).subarray(0, SECTOR_BYTES)], false));
    device.losePower();
    return device.contents("a").length / SECTOR_BYTES;
  });
  deepEqual(
    [...new Set(sizes)].sort((a, b) => a - b),
    [1, 8, 10],
  );
});

test("kill -9 finds what waits for its sync written, and a power loss then takes it", async () => {
  const { world, device, process, file } = await setup(1, { writeMs: [1, 1], syncMs: [50, 50], powerLoss: { keptRatio: 0, tornRatio: 0 } });
  void file.write(0, [whole(2)], true);
  await world.run(world.nowMs + 2);
  deepEqual(sectors(device.contents("a")), sectors(whole(2)));
  process.crash();
  const taken = await overSeeds(40, async (seed) => {
    const other = await setup(seed, { writeMs: [1, 1], syncMs: [50, 50], powerLoss: { keptRatio: 0, tornRatio: 0 } });
    void other.file.write(0, [whole(2)], true);
    await other.world.run(other.world.nowMs + 2);
    other.device.losePower();
    return sectors(other.device.contents("a"))[0] === 1;
  });
  ok(taken.includes(true) && taken.includes(false), "unless the sync was done");
});

test("kill -9 keeps completed writes, and of those in flight a front, the last perhaps in part", async () => {
  const results = await overSeeds(200, async (seed) => {
    const { world, device, process, file } = await setup(seed);
    await world.settle(file.write(0, [whole(2)], false));
    let told = 0;
    for (const value of [3, 4, 5]) void file.write(0, [whole(value)], false).then(() => told++);
    process.crash();
    await world.run(world.nowMs + 1000);
    equal(told, 0, "nobody is told");
    return [...new Set(device.contents("a"))].sort((a, b) => a - b).join();
  });
  deepEqual([...new Set(results)].sort(), ["2", "2,3", "3", "3,4", "4", "4,5", "5"]);
});

test("a name is durable only after its folder's sync", async () => {
  const outcomes = await overSeeds(60, async (seed) => {
    const { world, device, disk } = await setup(seed);
    const act = async (): Promise<void> => {
      await disk.makeFolder("f");
      const file = await disk.open("f/new", "create");
      await file.write(0, [Uint8Array.of(1)], true);
      await disk.rename("a", "b");
    };
    await world.settle(act());
    device.losePower();
    const next = device.mount(world.startProcess("next"));
    const [root, folder] = await world.settle(Promise.all([next.list(ROOT), next.list("f")]));
    ok(root.includes("a") !== root.includes("b"), "a rename is done or not done");
    return [root.includes("b"), root.includes("f"), folder.includes("new")].join();
  });
  ok(!outcomes.some((one) => one.endsWith("false,true")), "nothing lies in a folder that is not there");
  equal(new Set(outcomes).size, 6);
});

test("names survive when their folders were synced, in any order of the syncs", async () => {
  await overSeeds(20, async (seed) => {
    const { world, device, disk } = await setup(seed, { namesKeptRatio: 0 });
    const act = async (): Promise<void> => {
      await disk.makeFolder("f");
      await disk.open("f/new", "create");
      await disk.rename("a", "b");
      await disk.syncFolder("f");
      await disk.syncFolder(ROOT);
      await disk.remove("b");
    };
    await world.settle(act());
    device.losePower();
    const next = device.mount(world.startProcess("next"));
    deepEqual(await world.settle(next.list(ROOT)), ["b", "f"]);
    deepEqual(await world.settle(next.list("f")), ["new"]);
  });
});

test("errors of writes, syncs and reads, as often as asked", async () => {
  const { world, device, file } = await setup(1, { writeErrorRatio: 0.5, syncErrorRatio: 0.25, readErrorRatio: 0.1 });
  const failures = async (call: () => Promise<unknown>): Promise<number> => {
    const results = await world.settle(Promise.allSettled(Array.from({ length: 400 }, call)));
    for (const one of results) if (one.status === "rejected") equal((one.reason as { code: string }).code, "io");
    return results.filter((one) => one.status === "rejected").length / 400;
  };
  const near = (ratio: number, wanted: number): void => ok(Math.abs(ratio - wanted) < 0.08, `${ratio} instead of ${wanted}`);
  near(await failures(() => file.write(0, [Uint8Array.of(1)], false)), 0.5);
  near(await failures(() => file.sync()), 0.25);
  near(await failures(() => file.read(0, new Uint8Array(1))), 0.1);
  ok(device.counts.faults > 200);
});

test("after a failed sync, a later one does not bring the data back", async () => {
  const { world, device, file } = await setup(1, { powerLoss: { keptRatio: 0, tornRatio: 0 } });
  await world.settle(file.write(0, [whole(2)], false));
  device.faults.syncErrorRatio = 1;
  await rejects(world.settle(file.sync()), { code: "io" });
  device.faults.syncErrorRatio = 0;
  await world.settle(file.sync());
  deepEqual(sectors(device.contents("a"))[0], 2);
  device.losePower();
  deepEqual(sectors(device.contents("a"))[0], 1);
});

test("a full disk takes what fits and refuses the rest", async () => {
  const { world, device, disk, file } = await setup(1, { capacityBytes: 10 * SECTOR_BYTES });
  await rejects(world.settle(file.write(7 * SECTOR_BYTES, [whole(2)], false)), { code: "no-space" });
  deepEqual(sectors(device.contents("a")), [1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
  equal(await world.settle(disk.freeBytes()), 0);
  await rejects(world.settle(file.fill(0, 20 * SECTOR_BYTES)), { code: "no-space" });
  await world.settle(file.write(0, [whole(3)], false)); // overwriting needs no room
  device.faults.capacityBytes = Number.POSITIVE_INFINITY;
  await world.settle(file.write(10 * SECTOR_BYTES, [whole(3)], false));
});

test("a read-only disk", async () => {
  const { world, disk, file } = await setup(1, { readOnly: true });
  const refused = { code: "read-only" };
  await rejects(world.settle(file.write(0, [whole(2)], false)), refused);
  await rejects(world.settle(disk.open("b", "create")), refused);
  await rejects(world.settle(disk.rename("a", "b")), refused);
  await rejects(world.settle(disk.makeFolder("f")), refused);
  equal(await world.settle(file.read(0, new Uint8Array(1))), 1);
});

test("a lying sync loses what it promised", async () => {
  const { world, device, file } = await setup(1, { lyingSyncRatio: 1, powerLoss: { keptRatio: 0, tornRatio: 0 } });
  await world.settle(file.write(0, [whole(2)], true));
  device.losePower();
  deepEqual(sectors(device.contents("a"))[0], 1);
  const lyingFolder = await setup(1, { lyingFolderSyncRatio: 1, namesKeptRatio: 0 });
  await lyingFolder.world.settle(lyingFolder.disk.open("b", "create"));
  await lyingFolder.world.settle(lyingFolder.disk.syncFolder(ROOT));
  lyingFolder.device.losePower();
  ok(lyingFolder.device.names.get("b") === undefined);
});

test("bits flip on demand, within the range, in what is read and what is durable", async () => {
  const { world, device, process } = await setup(1);
  const before = device.contents("a");
  device.flipBits("a", 100, 110);
  const after = device.contents("a");
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  equal(changed.length, 1);
  ok((changed[0] ?? 0) >= 100 && (changed[0] ?? 0) < 110);
  process.crash();
  device.losePower();
  ok(Buffer.from(device.contents("a")).equals(after));
  device.overwrite("a", 0, Uint8Array.of(9));
  equal(device.contents("a")[0], 9);
  equal(world.nowMs > 0, true);
});

test("the kernel writes old changes back by itself beyond a limit", async () => {
  const { world, device, file } = await setup(1, { unsyncedBytesMax: 8 * SECTOR_BYTES, powerLoss: { keptRatio: 0, tornRatio: 0 } });
  await world.settle(file.write(0, [whole(2)], false));
  await world.settle(file.write(8 * SECTOR_BYTES, [whole(3)], false));
  device.losePower();
  deepEqual(sectors(device.contents("a")), new Array(8).fill(2));
});

test("latencies are virtual, and kept in order within a file", async () => {
  const { world, file } = await setup(1, { writeMs: [10, 20], syncMs: [100, 100] });
  const startMs = world.nowMs;
  await world.settle(file.write(0, [whole(2)], true));
  ok(world.nowMs - startMs >= 110 && world.nowMs - startMs < 121);
});

test("slices that change while they are written are found out", async () => {
  const { world, file } = await setup(1);
  const slice = whole(2);
  const write = file.write(0, [slice], false);
  slice[5] = 0;
  await rejects(world.settle(write), { name: "InvariantViolation" });
});

test("one process at a time has the disk", async () => {
  const { world, device, process } = await setup(1);
  const next = world.startProcess("next");
  throws(() => device.mount(next), { name: "InvariantViolation" });
  process.crash();
  device.mount(next);
});

test("same seed, same end", async () => {
  const run = async (seed: number): Promise<string> => {
    const { world, device, file } = await setup(seed);
    for (let round = 0; round < 20; round++) await world.settle(file.write(round * 100, [whole(round)], round % 5 === 0));
    device.losePower();
    world.trace.bytes(device.contents("a"));
    return world.trace.digest;
  };
  equal(await run(3), await run(3));
  ok((await run(3)) !== (await run(4)));
});
