import { ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { InvariantViolation } from "../base/assert.ts";
import { producedBatch, storedBatch } from "../testing/wal/batches.ts";
import { WalWorld } from "../testing/wal/wal-world.ts";
import { decodeGroupHeader, ENTRY_BYTES, EntryKind, encodeGroupHeader, NEXT_AT } from "./group-codec.ts";
import { visitRun } from "./hot-reader.ts";
import { BLOCK_BYTES } from "./limits.ts";

const PATH = "wal/00000.wal";
const GROUPS_FROM = 32 * 1024;

/** Batches [0, 4) and [4, 8) of partition 1 in one group, all else of partition 2. */
async function twoInOneGroup(seed: number): Promise<WalWorld> {
  const w = new WalWorld(seed);
  await w.start();
  w.open.ready();
  await w.run(100);
  w.host(1);
  w.host(2);
  w.append(1, 500, 4);
  w.append(1, 500, 4);
  await w.run(300);
  w.append(2, 500, 4);
  await w.run(300);
  return w;
}

/** What a bug of the writer would leave: a group, right in every checksum, in which nothing leads from the first batch to the next. */
async function breakChain(w: WalWorld, walId: Buffer): Promise<void> {
  const bytes = Buffer.from(w.disk.contents(PATH));
  for (let at = GROUPS_FROM; at < bytes.byteLength; at += BLOCK_BYTES) {
    const header = decodeGroupHeader(bytes, at, walId, at, w.options.fileBytes);
    if (header === undefined || header.offsets !== 8 || header.entryCount !== 2) continue;
    const directory = bytes.subarray(at + header.directoryPosition, at + header.directoryPosition + 2 * ENTRY_BYTES);
    directory.writeUInt16BE(0, NEXT_AT);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    encodeGroupHeader(bytes, view, at, walId, { ...header, directoryCrc: crc32c(directory) });
    const bug = w.world.startProcess("bug");
    const file = await w.world.settle(w.disk.mount(bug).open(PATH, "write"));
    await w.world.settle(file.write(at, [bytes.subarray(at, at + header.bytes)], true));
    bug.crash();
    return;
  }
  throw new Error("no such group");
}

async function reopened(seed: number): Promise<WalWorld> {
  const w = await twoInOneGroup(seed);
  const walId = Buffer.from(w.open.id, "hex");
  w.crash();
  await breakChain(w, walId);
  await w.world.settle(w.opening());
  return w;
}

const breaksOff = (error: unknown): boolean => error instanceof InvariantViolation && error.message.includes("follow one another");

test("batches that do not lead to the next ones: a read says so", async () => {
  const w = await reopened(1);
  await rejects(w.world.settle(Promise.resolve(w.partition(1).read(0, 8, 100_000, true))), breaksOff);
});

test("so does a scan, out of which folds are made", async () => {
  const w = await reopened(2);
  await rejects(w.world.settle(Promise.resolve(w.partition(1).scanHeaders(0, 8, () => true))), breaksOff);
});

test("so does the emptying of their file, which would leave them behind", async () => {
  const w = await reopened(3);
  w.open.ready();
  for (let round = 0; round < 500 && w.fatal === undefined; round++) {
    w.append(2, 30_000, 1);
    await w.run(5);
    if (w.fatal === undefined) w.upload(2, w.partition(2).durableEnd);
  }
  ok(breaksOff(w.fatal));
});

test("so does a scan of batches in memory", async () => {
  const w = new WalWorld(4);
  await w.start();
  const p = w.host(1);
  w.append(1, 500, 4);
  w.append(1, 500, 4);
  await w.run(50);
  const directory = Buffer.alloc(ENTRY_BYTES);
  directory[4] = EntryKind.append;
  storedBatch(producedBatch(500, 4, 1), 0, 0).copy(directory, 32, 0, 61);
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  throws(() => visitRun(directory, view, 0, 0, p, 0, 0, 8, () => true), breaksOff);
});
