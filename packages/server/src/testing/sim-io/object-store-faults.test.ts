// Each fault of the simulated object store happens when it is asked for, and only then.
import { deepEqual, equal, notDeepEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { ObjectStore } from "../../io/object-store.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "./object-store.ts";
import type { SimProcess } from "./process.ts";
import { SimWorld } from "./sim-world.ts";

type Setup = { world: SimWorld; bucket: SimObjectStore; process: SimProcess; store: ObjectStore };

function setup(seed: number, faults: Partial<SimObjectStoreFaults> = {}): Setup {
  const world = new SimWorld(seed);
  const bucket = new SimObjectStore(world, "bucket", faults);
  const process = world.startProcess("program");
  return { world, bucket, process, store: bucket.connect(process) };
}

const HELLO = Buffer.from("hello");

test("a put whose answer is lost was done, is done late, or never", async () => {
  const outcomes: string[] = [];
  for (let seed = 0; seed < 100; seed++) {
    const { world, bucket, store } = setup(seed, { unknownRatio: 1 });
    await rejects(world.settle(store.put("k", [HELLO])), { code: "unknown" });
    const atOnce = bucket.object("k") !== undefined;
    await world.run(world.nowMs + 120_000);
    outcomes.push(atOnce ? "done" : bucket.object("k") === undefined ? "never" : "late");
  }
  for (const outcome of ["done", "late", "never"]) ok(outcomes.filter((one) => one === outcome).length > 10, outcome);
});

test("a late put lands before or after its own retry, and never replaces it", async () => {
  let lateLost = 0;
  let retryRefused = 0;
  for (let seed = 0; seed < 60; seed++) {
    const { world, bucket, store } = setup(seed, {
      unknownRatio: 1,
      unknownDoneRatio: 0,
      unknownLateRatio: 1,
      unknownAfterMs: [1000, 1000],
      lateMs: [500, 3000],
    });
    await rejects(world.settle(store.put("k", [Buffer.from("first")])), { code: "unknown" });
    bucket.faults.unknownRatio = 0;
    const retry = await world.settle(Promise.allSettled([store.put("k", [Buffer.from("retry")])]));
    await world.run(world.nowMs + 10_000);
    const stored = Buffer.from(bucket.object("k")?.bytes ?? []).toString();
    if (retry[0].status === "fulfilled") {
      equal(stored, "retry");
      lateLost += 1;
    } else {
      equal((retry[0].reason as { code: string }).code, "exists");
      equal(stored, "first");
      retryRefused += 1;
    }
  }
  ok(lateLost > 5 && retryRefused > 5, `${lateLost} ${retryRefused}`);
});

test("what was sent lands although the sender died, and nobody is told", async () => {
  const { world, bucket, process, store } = setup(1);
  let told = false;
  void store.put("k", [HELLO]).then(() => {
    told = true;
  });
  world.after(0.001, () => process.crash());
  await world.run(1000);
  equal(bucket.object("k")?.bytes.length, 5);
  equal(told, false);
});

test("unavailable: nothing was done, as often as asked", async () => {
  const { world, bucket, store } = setup(1, { unavailableRatio: 0.3 });
  const puts = await world.settle(Promise.allSettled(Array.from({ length: 300 }, (_, n) => store.put(`k/${n}`, [HELLO]))));
  const failed = puts.filter((one) => one.status === "rejected");
  ok(Math.abs(failed.length / 300 - 0.3) < 0.1);
  ok(failed.every((one) => (one.reason as { code: string }).code === "unavailable"));
  equal(bucket.keys().length, 300 - failed.length);
});

test("outages: refused at once, or no answer", async () => {
  const { world, bucket, store } = setup(1, { outage: "fails" });
  await rejects(world.settle(store.put("k", [HELLO])), { code: "unavailable" });
  ok(world.nowMs < 20);
  bucket.faults.outage = "hangs";
  const listed = store.list("", "", 1);
  await rejects(world.settle(listed), { code: "unknown" });
  ok(world.nowMs > 1000);
  equal(world.nowMs, bucket.hangsUntilMs, "who looks at it knows until when somebody waits");
  bucket.faults.outage = "none";
  await world.settle(store.put("k", [HELLO]));
});

test("corrupt reads, and corrupt objects whose checksum tells", async () => {
  const { world, bucket, store } = setup(1);
  await world.settle(store.put("k", [HELLO]));
  bucket.faults.corruptReadRatio = 1;
  notDeepEqual(await world.settle(store.read("k", 0, 5)), new Uint8Array(HELLO));
  bucket.faults.corruptReadRatio = 0;
  deepEqual(await world.settle(store.read("k", 0, 5)), new Uint8Array(HELLO));
  bucket.flipBits("k");
  notDeepEqual(await world.settle(store.read("k", 0, 5)), new Uint8Array(HELLO));
  equal((await world.settle(store.head("k")))?.crc32c, crc32c(HELLO), "the store does not know");
  bucket.faults.corruptPutRatio = 1;
  for (let n = 0; n < 10; n++) {
    const stored = await world.settle(store.put(`bad/${n}`, [HELLO]));
    ok(stored.crc32c !== crc32c(HELLO) || stored.bytes !== 5);
  }
});

test("full and denied", async () => {
  const { world, bucket, store } = setup(1, { capacityBytes: 7 });
  await world.settle(store.put("a", [HELLO]));
  await rejects(world.settle(store.put("b", [HELLO])), { code: "full" });
  await world.settle(store.remove("a"));
  await world.settle(store.put("b", [HELLO]));
  bucket.faults.denied = true;
  await rejects(world.settle(store.read("b", 0, 1)), { code: "denied" });
});

test("a stale list misses what is new and shows what is gone, for a while", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { world, store } = setup(seed, { listStaleMs: 5_000 });
    await world.settle(store.put("old", [HELLO]));
    await world.run(world.nowMs + 6_000);
    await world.settle(store.remove("old"));
    await world.settle(store.put("new", [HELLO]));
    seen.add((await world.settle(store.list("", "", 10))).join());
    await world.run(world.nowMs + 6_000);
    deepEqual(await world.settle(store.list("", "", 10)), ["new"]);
  }
  deepEqual([...seen].sort(), ["", "new", "new,old", "old"]);
});

test("pieces that change while they are put are found out", async () => {
  const { world, store } = setup(1);
  const piece = Buffer.from("hello");
  const put = store.put("k", [piece]);
  piece[0] = 0;
  await rejects(world.settle(put), { name: "InvariantViolation" });
});
