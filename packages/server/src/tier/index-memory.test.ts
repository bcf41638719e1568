// Goal: what section indexes count for in the cache is what they take, however few blocks they have.
// Method: the heap is measured, with many of them in a cache under names like those of the product.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { indexMemoryBytes } from "./block-cache.ts";
import { BlockTable } from "./block-table.ts";
import { ReadCache } from "./read-cache.ts";
import { decodeSectionIndex, encodeSectionIndex, type SectionIndex } from "./section-index-codec.ts";

const CLUSTER_ID = "h9WsP5wZ2uVUDwJS4lCMtA";
/** The measure is the heap of a whole process. */
const TOLERANCE = 1.1;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Array buffers are freed behind a collection, on another thread: the least of several is what is held. */
async function heldBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    await setTimeout(20);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

function indexOf(sequence: number, blockCount: number): SectionIndex {
  const blocks = new BlockTable(blockCount);
  const startOffset = sequence * 1000;
  for (let n = 0; n < blockCount; n += 1) {
    const firstOffset = startOffset + n;
    blocks.set(n, { firstOffset, endOffset: firstOffset + 1, maxTimestampMs: 1e12 + n, bytes: 100, crc: n });
  }
  const object = { broker: 1, brokerEpoch: 1, sequence, random: "0123456789abcdef" };
  const endOffset = startOffset + blockCount;
  const fixed = { partitionId: 5, lastStable: endOffset, maxTimestampMs: 1e12, leaderEpoch: 1, baseBytes: 10, baseCrc: 3 };
  const lists = { epochs: [{ leaderEpoch: 1, startOffset }], aborted: [], holes: [] };
  return { identity: { clusterId: CLUSTER_ID, object }, startOffset, endOffset, blocks, ...fixed, ...lists };
}

for (const [blockCount, indexes] of [
  [1, 8_000],
  [10, 8_000],
  [100, 2_000],
] as const) {
  test(`indexes of ${blockCount} blocks`, async () => {
    const cache = new ReadCache<SectionIndex>(1e9, { hits: 0, misses: 0, sharedMisses: 0, aheadWastedBytes: 0, waits: 0 });
    const before = await heldBytes();
    for (let sequence = 1; sequence <= indexes; sequence += 1) {
      const name = `${CLUSTER_ID}/data/1/1/${String(sequence).padStart(12, "0")}-0123456789abcdef.records@${sequence}`;
      const { identity, partitionId, startOffset, endOffset, blocks, ...rest } = indexOf(sequence, blockCount);
      const bytes = encodeSectionIndex({ identity, partitionId, startOffset, endOffset, blocks, ...rest });
      const expected = { identity, partitionId, startOffset, endOffset, dataBytes: blocks.dataBytes };
      await cache.getOrLoad(name, indexMemoryBytes(bytes.byteLength), () => Promise.resolve(decodeSectionIndex(bytes, expected, name)));
    }
    const held = (await heldBytes()) - before;
    ok(held <= cache.bytes * TOLERANCE, `${Math.round(held / indexes)} bytes each, counted as ${Math.round(cache.bytes / indexes)}`);
  });
}
