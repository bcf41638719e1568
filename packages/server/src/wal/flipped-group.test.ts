// Goal: whatever bit flips in the group that was written last, a start tells it from a write that was cut off, and takes no such write for it.
// Method: a log whose process dies before a later group says that this one was synced; each byte of the group in turn.
import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { WalWorld } from "../testing/wal/wal-world.ts";
import { FIRST_GROUP_POSITION } from "./file-header-codec.ts";
import { isOneBitOff } from "./flipped-group.ts";

const OFFSETS = 7;
const FLIP_EVERY = 7;
const CUT_EVERY = 32;
const LARGE = 60_000;
/** The last is the first of another file. */
const LARGE_BATCHES = 8;

describe("one bit off", () => {
  const bytes = new SimRandom(3).bytes(200);
  const crc = crc32c(bytes);

  test("each bit of the bytes, and of their checksum", () => {
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) ok(isOneBitOff(flipped(bytes, bit), crc), `bit ${bit}`);
    for (let bit = 0; bit < 32; bit += 1) ok(isOneBitOff(bytes, (crc ^ (1 << bit)) >>> 0), `bit ${bit} of the checksum`);
  });

  test("not what is right, nor what is wrong in two places, nor anything else", () => {
    equal(isOneBitOff(bytes, crc), false);
    for (let bit = 1; bit < bytes.byteLength * 8; bit += 1)
      equal(isOneBitOff(flipped(flipped(bytes, bit), bit - 1), crc), false, `bit ${bit}`);
    for (let seed = 0; seed < 1_000; seed += 1) equal(isOneBitOff(new SimRandom(seed).bytes(200), crc), false, `seed ${seed}`);
  });
});

/** A log of one partition, of which nothing says that the last group was synced; where that begins and ends in its file. */
async function dead(batches: number, bytes = 200, last = (w: WalWorld): unknown => w.append(1, bytes, OFFSETS)) {
  const w = new WalWorld(17);
  await w.start();
  w.open.ready();
  w.host(1);
  for (let i = 1; i < batches; i += 1) {
    w.append(1, bytes, OFFSETS);
    await w.run(4);
  }
  last(w);
  await w.run(4);
  w.crash();
  const path =
    w.disk.names
      .list("wal")
      .map((name) => `wal/${name}`)
      .findLast((name) => startOf(w, name) >= 0) ?? "";
  const to = w.disk.contents(path).findLastIndex((byte) => byte !== 0) + 1;
  return { w, path, from: startOf(w, path), to };
}

/** Of the last group in the file; −1: there is none. */
function startOf(w: WalWorld, path: string): number {
  return Buffer.from(w.disk.contents(path)).lastIndexOf("TideWALg");
}

/** Starts again. */
async function outcome(w: WalWorld) {
  await w.world.settle(w.opening());
  return { cutByFlip: w.report?.cutByFlip, logEnd: w.partition(1).logEnd };
}

test("anywhere in the group", async () => {
  const { from, to } = await dead(3);
  for (let at = from; at < to; at += FLIP_EVERY) {
    const { w, path } = await dead(3);
    w.disk.file(path).flipBit(at, at % 8);
    const { cutByFlip, logEnd } = await outcome(w);
    // Zeros between header, bodies and directory mean nothing.
    equal(cutByFlip, logEnd < 3 * OFFSETS, `byte ${at - from} of the group`);
  }
});

test("a group that was not written to its end is none in which a bit has flipped, nor is one that is whole", async () => {
  const whole = await dead(3);
  deepEqual(await outcome(whole.w), { cutByFlip: false, logEnd: 3 * OFFSETS });
  for (let end = whole.from; end < whole.to; end += CUT_EVERY) {
    const { w, path } = await dead(3);
    const bytes = w.disk.contents(path);
    for (let bit = end * 8; bit < whole.to * 8; bit += 1)
      if (((bytes[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) w.disk.file(path).flipBit(bit >> 3, bit & 7);
    deepEqual(await outcome(w), { cutByFlip: false, logEnd: 2 * OFFSETS }, `written up to byte ${end - whole.from} of the group`);
  }
});

test("the first group of a file", async () => {
  const { w, path, from } = await dead(LARGE_BATCHES, LARGE);
  deepEqual([path, from], ["wal/00001.wal", FIRST_GROUP_POSITION]);
  w.disk.file(path).flipBit(from + 40, 3);
  deepEqual(await outcome(w), { cutByFlip: true, logEnd: (LARGE_BATCHES - 1) * OFFSETS });
});

test("in a base", async () => {
  const base = new SimRandom(5).bytes(5_000);
  const { w, path } = await dead(3, 200, (log) => log.partition(1).installBase(100, base));
  w.disk.file(path).flipBit(Buffer.from(w.disk.contents(path)).lastIndexOf(base) + 4_321, 0);
  equal((await outcome(w)).cutByFlip, true);
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
