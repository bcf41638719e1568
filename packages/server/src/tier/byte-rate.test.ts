import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { MiB } from "../base/units.ts";
import { SimObjectStore } from "../testing/sim-io/object-store.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { ByteRate } from "./byte-rate.ts";
import { STORE_WRITE_WAIT_MS } from "./limits.ts";
import { PutObject } from "./put-object.ts";
import { readStore } from "./store-read.ts";
import { TierMetrics } from "./tier-metrics.ts";

const WATCH = { stored: () => undefined, failed: () => undefined, gaveUp: () => undefined, stopped: () => false };

test("uploads keep the rate on average, however large one is, and waiting for it is no silence of the store", async () => {
  const world = new SimWorld(1);
  const bucket = new SimObjectStore(world, "bucket");
  const process = world.startProcess("broker");
  const { clock, random } = process;
  const metrics = new TierMetrics();
  const rates = { up: new ByteRate(clock, 1 * MiB), down: new ByteRate(clock, undefined) };
  const parts = { store: bucket.connect(process), clock, random, metrics, rates };
  const bytes = Buffer.alloc(32 * MiB, 7);
  const puts = [0, 1, 2].map(
    (n) => new PutObject(parts, { key: `k/${n}`, pieces: [bytes], bytes: bytes.byteLength, crc: crc32c(bytes), pace: "urgent" }),
  );
  const startMs = clock.monotonicMs();
  deepEqual(await world.settle(Promise.all(puts.map((put) => put.run(WATCH)))), ["verified", "verified", "verified"]);
  const tookMs = clock.monotonicMs() - startMs;
  ok(tookMs > STORE_WRITE_WAIT_MS && tookMs >= 63_000 && tookMs < 67_000, `${tookMs} ms`);
  equal(metrics.putsUnknown, 0);
  equal(bucket.counts.puts, 3);
});

test("reads keep the rate, those that verify an upload too", async () => {
  const world = new SimWorld(1);
  const bucket = new SimObjectStore(world, "bucket", { confirmsChecksum: false });
  const process = world.startProcess("broker");
  const { clock, random } = process;
  const rates = { up: new ByteRate(clock, undefined), down: new ByteRate(clock, 1 * MiB) };
  const parts = { store: bucket.connect(process), clock, random, metrics: new TierMetrics(), rates };
  const bytes = Buffer.alloc(9 * MiB, 7);
  const startMs = clock.monotonicMs();
  const put = new PutObject(parts, { key: "k", pieces: [bytes], bytes: bytes.byteLength, crc: crc32c(bytes), pace: "urgent" });
  equal(await world.settle(put.run(WATCH)), "verified");
  await world.settle(readStore(parts, "k", 0, 4 * MiB, "test"));
  const tookMs = clock.monotonicMs() - startMs;
  ok(tookMs >= 9_000 && tookMs < 11_000, `${tookMs} ms`);
});

test("without a limit nobody waits", async () => {
  const world = new SimWorld(1);
  const { clock } = world.startProcess("broker");
  const startMs = clock.monotonicMs();
  await world.settle(new ByteRate(clock, undefined).pass(2 ** 40));
  equal(clock.monotonicMs(), startMs);
});

test("a rate that is set counts for those who wait already, in their order", async () => {
  const world = new SimWorld(1);
  const { clock } = world.startProcess("broker");
  const rate = new ByteRate(clock, 1000);
  const passed: [string, number][] = [];
  const startMs = clock.monotonicMs();
  const pass = (name: string, bytes: number) => rate.pass(bytes).then(() => passed.push([name, Math.round(clock.monotonicMs() - startMs)]));
  const all = [pass("a", 1000), pass("b", 1_000_000), pass("c", 1000)];
  await world.run(world.nowMs + 500);
  rate.set(100_000);
  await world.settle(Promise.all(all));
  deepEqual(passed, [
    ["a", 0],
    ["b", 500],
    ["c", 9510],
  ]);
  rate.set(undefined);
  await world.settle(pass("d", 2 ** 40));
  equal(passed.at(-1)?.[1], 9510);
});
