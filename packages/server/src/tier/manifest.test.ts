import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../base/errors.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import type { ObjectIdentity } from "./identity-codec.ts";
import { MANIFEST_RANGES_MAX } from "./limits.ts";
import { decodeAnyManifest, decodeManifest, encodeManifest, firstAbove, type Manifest, manifestSummary } from "./manifest-codec.ts";
import { isRollDue, rollHistory } from "./manifest-roll.ts";

const identity: ObjectIdentity = {
  clusterId: "golden",
  object: { broker: 1, brokerEpoch: 2, sequence: 3, random: "0123456789abcdef" },
};

function range(startOffset: number, endOffset: number, kind: ObjectRange["kind"] = "data"): ObjectRange {
  const where = { object: identity.object, objectBytes: 5000, position: 8, dataBytes: 4000, indexBytes: 200, indexCrc: 0xdeadbeef };
  const nowhere = { object: undefined, objectBytes: 0, position: 0, dataBytes: 0, indexBytes: 0, indexCrc: 0 };
  const isData = kind === "data";
  const fixed = { partitionId: 7, startOffset, endOffset, leaderEpoch: 4, maxTimestampMs: isData ? endOffset * 10 : -1, kind };
  return { ...fixed, ...(isData ? where : nowhere) };
}

const leaf: ManifestPointer = {
  partitionId: 7,
  startOffset: 0,
  endOffset: 100,
  maxTimestampMs: 5000,
  object: { broker: 3, brokerEpoch: 4, sequence: 5, random: "fedcba9876543210" },
  objectCrc: 0xcafef00d,
  objectBytes: 1234,
  rangeCount: 10,
  dataBytes: 99999,
};

const small: Manifest = {
  identity,
  partitionId: 7,
  children: [leaf],
  ranges: [range(100, 120), range(120, 130, "hole"), range(135, 140, "gap")],
};

function pointerTo(manifest: Manifest, bytes: Uint8Array): ManifestPointer {
  return { ...manifestSummary(manifest), object: manifest.identity.object, objectBytes: bytes.byteLength, objectCrc: crc32c(bytes) };
}

test("golden bytes", () => {
  const expected = [
    "544944454d414e0a00010000000000010000000300000000000000070000000000000000000000000000008c0000000000001388",
    "06676f6c64656e0000000100000000000000020000000000000003" + "0123456789abcdef",
    "0000000000000000000000000000006400000000000013880000000300000000000000040000000000000005fedcba9876543210cafef00d",
    "00000000000004d2000000000000000a000000000001869f0000000000000000",
    "0000000000000064000000000000007800000000000004b00000000400000000" + "00000001000000000000000200000000000000030123456789abcdef",
    "000000c80000000000001388" + "00000000000000080000000000000fa0deadbeef00000000",
  ].join("");
  const hex = Buffer.from(encodeManifest(small)).toString("hex");
  equal(hex.slice(0, expected.length), expected);
  equal(hex.length / 2, 52 + 7 + 28 + 88 + 3 * 96 + 4);
});

test("a manifest comes back as it was, and nothing else passes for it", () => {
  const bytes = encodeManifest(small);
  const pointer = pointerTo(small, bytes);
  deepEqual(decodeManifest(bytes, pointer, "golden", "test"), small);
  equal(pointer.rangeCount, 13);
  equal(pointer.dataBytes, 99999 + 4000);
  throws(() => decodeManifest(bytes, pointer, "other", "test"), /swapped/);
  throws(() => decodeManifest(bytes, { ...pointer, partitionId: 8 }, "golden", "test"), /swapped/);
  throws(() => decodeManifest(bytes, { ...pointer, endOffset: 141 }, "golden", "test"), /swapped/);
  throws(() => decodeManifest(bytes, { ...pointer, object: leaf.object }, "golden", "test"), /swapped/);
  throws(() => decodeManifest(bytes, { ...pointer, objectCrc: 1 }, "golden", "test"), /checksum/);
  throws(() => decodeManifest(bytes.subarray(1), pointer, "golden", "test"), /checksum/);
});

test("damaged manifests are refused, even with a right checksum", () => {
  const good = encodeManifest(small);
  const random = new SimRandom(1);
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(random.chance(0.2) ? good.subarray(0, random.between(0, good.length)) : good);
    for (let n = random.between(1, 4); n > 0 && bytes.length > 4; n--) {
      const at = random.between(0, bytes.length - 5);
      if (random.chance(0.3)) bytes.fill(0xff, at, Math.min(bytes.length - 4, at + 8));
      else bytes[at] = random.uint32();
    }
    if (bytes.length > 4) bytes.writeUInt32BE(crc32c(bytes.subarray(0, -4)), bytes.length - 4);
    try {
      decodeAnyManifest(bytes, "test");
    } catch (error) {
      ok(error instanceof QueueError && error.code === "CORRUPT_RECORD", String(error));
    }
  }
});

test("the first span above an offset", () => {
  const spans = [range(0, 10), range(10, 20), range(25, 30)];
  deepEqual(
    [0, 9, 10, 19, 20, 24, 25, 29, 30].map((offset) => firstAbove(spans, offset)?.startOffset),
    [0, 0, 10, 10, 25, 25, 25, 25, undefined],
  );
});

test("a roll keeps every live range once, and every manifest within its limits", () => {
  let root: Manifest | undefined;
  const leaves: ManifestPointer[] = [];
  let offset = 0;
  for (let roll = 0; roll < 200; roll++) {
    const leaving = Array.from({ length: 24 }, () => range(offset, (offset += 10)));
    const rolled = rollHistory(root, leaving, 0);
    const children = [...rolled.children];
    if (rolled.leaf.length > 0) {
      equal(rolled.leaf.length, MANIFEST_RANGES_MAX);
      const manifest = { identity, partitionId: 7, children: [], ranges: rolled.leaf };
      children.push(pointerTo(manifest, encodeManifest(manifest)));
      leaves.push(children.at(-1) as ManifestPointer);
    }
    ok(rolled.ranges.length > 0 && rolled.ranges.length <= MANIFEST_RANGES_MAX);
    root = { identity, partitionId: 7, children, ranges: rolled.ranges };
    const summary = manifestSummary(root);
    deepEqual([summary.startOffset, summary.endOffset, summary.rangeCount], [0, offset, (roll + 1) * 24]);
    decodeAnyManifest(encodeManifest(root), "test");
  }
  equal(leaves.length, 4);
});

test("a roll leaves out what lies wholly below logStart", () => {
  const root = { identity, partitionId: 7, children: [leaf], ranges: [range(100, 120), range(120, 140)] };
  const rolled = rollHistory(root, [range(140, 160)], 125);
  deepEqual(rolled.children, []);
  deepEqual(
    rolled.ranges.map((one) => one.startOffset),
    [120, 140],
  );
  deepEqual(rollHistory(root, [range(140, 160)], 99).children, [leaf]);
});

test("partitions are rolled at different numbers, never above 32", () => {
  const numbers = new Set<number>();
  for (let partition = 0; partition < 50; partition++) {
    let count = 0;
    while (!isRollDue(partition, count)) count += 1;
    numbers.add(count);
    ok(count > 24 && count <= 32);
  }
  equal(numbers.size, 8);
});
