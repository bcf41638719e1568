import { ok } from "node:assert/strict";
import { test } from "node:test";
import { asyncOf } from "../testing/async-of.ts";
import {
  METADATA_LOG_CHECKS,
  type MetadataLogCheck,
  type MetadataLogUnderTest,
  metadataLogContract,
} from "../testing/contracts/metadata-log-contract.ts";
import { MemoryMetadataLog, SharedLog } from "../testing/memory-metadata-log.ts";
import { ShiftedMetadataLog } from "../testing/shifted-metadata-log.ts";
import { SimDisk } from "../testing/sim-io/disk.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { activateFolder, prepareFolder } from "./local/incoming-log.ts";
import { LocalMetadataLog } from "./local/local-log.ts";
import type { AppendResult, LogBatch, MetadataLog, ReadResult } from "./metadata-log.ts";

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, with: () => QUIET };

metadataLogContract("local", async () => {
  const world = new SimWorld(3);
  const process = world.startProcess("node");
  const disk = new SimDisk(world, "disk").mount(process);
  const fatal = (error: Error): void => {
    if (!error.message.includes("are in no snapshot")) throw error;
  };
  const log = await world.settle(LocalMetadataLog.open({ disk, clock: process.clock, random: process.random, logger: QUIET, fatal }));
  return { clock: process.clock, open: () => Promise.resolve(log), drive: (promise) => world.settle(promise), dispose: async () => {} };
});

metadataLogContract("local, begun behind a snapshot", async () => {
  const world = new SimWorld(3);
  const process = world.startProcess("node");
  const { clock, random } = process;
  const disk = new SimDisk(world, "disk").mount(process);
  const fatal = (error: Error): void => {
    if (!error.message.includes("are in no snapshot")) throw error;
  };
  const begun = { clusterId: "cluster-1", index: 1_000, from: "elsewhere" };
  await world.settle(prepareFolder({ disk, random }, begun, asyncOf([new Uint8Array(9)])));
  await world.settle(activateFolder(disk, begun.clusterId));
  const log = new ShiftedMetadataLog(await world.settle(LocalMetadataLog.open({ disk, clock, random, logger: QUIET, fatal })), begun.index);
  return { clock, open: () => Promise.resolve(log), drive: (promise) => world.settle(promise), dispose: async () => {} };
});

/** The memory log, and wrong ones: each writer gets its own view of one shared log. */
function memoryLog(view: (shared: SharedLog, log: MemoryMetadataLog) => MetadataLog): () => Promise<MetadataLogUnderTest> {
  return () => {
    const world = new SimWorld(3);
    const process = world.startProcess("node");
    const shared = new SharedLog();
    const delays = world.random.fork("delays");
    const open = () => Promise.resolve(view(shared, new MemoryMetadataLog(shared, process.clock, () => delays.between(0, 30))));
    return Promise.resolve({ clock: process.clock, open, drive: (promise) => world.settle(promise), dispose: async () => {} });
  };
}

metadataLogContract(
  "memory",
  memoryLog((_, log) => log),
);

type Change = (shared: SharedLog, log: MemoryMetadataLog) => Partial<MetadataLog>;

const WRONG: Readonly<Record<string, Change>> = {
  "appends behind whatever is there, at any index": (shared, log) => ({
    append: (_: number, batch: LogBatch) => log.append(shared.endIndex, batch),
  }),
  "overwrites what is there": (shared) => ({
    append(index: number, batch: LogBatch): Promise<AppendResult> {
      if (index > shared.endIndex || index < shared.firstIndex) return Promise.resolve({ kind: "conflict", endIndex: shared.endIndex });
      shared.entries[index - shared.firstIndex] = { index, ...batch };
      return Promise.resolve({ kind: "appended" });
    },
  }),
  "acknowledges what lost": (_, log) => ({
    async append(index: number, batch: LogBatch): Promise<AppendResult> {
      const result = await log.append(index, batch);
      return result.kind === "conflict" && index === result.endIndex - 1 ? { kind: "appended" } : result;
    },
  }),
  "acknowledges before it is done": (_, log) => ({
    append(index: number, batch: LogBatch): Promise<AppendResult> {
      void log.append(index, batch);
      return Promise.resolve({ kind: "appended" });
    },
  }),
  "answers reads from a copy": (_, log) => {
    let copy: ReadResult | undefined;
    return {
      async readFrom(index: number): Promise<ReadResult> {
        const stale = copy;
        copy = await log.readFrom(index);
        return stale?.kind === "end" && stale.endIndex >= index ? stale : copy;
      },
    };
  },
  "appends at a trimmed index": (shared, log) => ({
    append: (index: number, batch: LogBatch) =>
      index < shared.firstIndex ? Promise.resolve({ kind: "appended" }) : log.append(index, batch),
  }),
  "begins anew at what was trimmed": (shared, log) => ({
    readFrom: (index: number) => log.readFrom(Math.max(index, shared.firstIndex)),
  }),
  "trims what no snapshot holds": (shared) => ({
    trimBelow(index: number): Promise<void> {
      shared.entries = shared.entries.slice(index - shared.firstIndex);
      shared.firstIndex = index;
      return Promise.resolve();
    },
  }),
  "forgets the nonce": (_, log) => ({
    append: (index: number, batch: LogBatch) => log.append(index, { ...batch, nonce: "0000000000000000" }),
  }),
  "wakes watchers at once": (_, log) => ({
    watch(index: number, wake: () => void): () => void {
      wake();
      return log.watch(index, () => {});
    },
  }),
  "lets an older snapshot replace a newer one": (shared) => ({
    async putSnapshot(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
      const parts: Uint8Array[] = [];
      for await (const piece of pieces) parts.push(piece);
      shared.snapshot = { index, bytes: Buffer.concat(parts) };
    },
  }),
};

for (const [wrong, change] of Object.entries(WRONG))
  test(`the contract catches a log that ${wrong}`, async () => {
    ok(await isCaught(change, METADATA_LOG_CHECKS));
  });

test("the linearizability checks alone catch wrong answers under concurrency", async () => {
  const checks = METADATA_LOG_CHECKS.filter((check) => check.name.includes("linearizable"));
  for (const wrong of ["overwrites what is there", "acknowledges what lost", "acknowledges before it is done", "answers reads from a copy"])
    ok(await isCaught(WRONG[wrong] ?? (() => ({})), checks), wrong);
});

async function isCaught(change: Change, checks: readonly MetadataLogCheck[]): Promise<boolean> {
  const create = memoryLog((shared, log) => withChange(log, change(shared, log)));
  for (const check of checks) {
    const log = await create();
    let failed = false;
    await log.drive(check.run(log)).catch(() => {
      failed = true;
    });
    if (failed) return true;
  }
  return false;
}

function withChange(log: MemoryMetadataLog, change: Partial<MetadataLog>): MetadataLog {
  const base: MetadataLog = {
    append: (index, batch) => log.append(index, batch),
    readFrom: (index) => log.readFrom(index),
    watch: (index, wake) => log.watch(index, wake),
    putSnapshot: (index, pieces) => log.putSnapshot(index, pieces),
    latestSnapshot: () => log.latestSnapshot(),
    trimBelow: (index) => log.trimBelow(index),
    close: () => log.close(),
  };
  return { ...base, ...change };
}
