import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import fc from "fast-check";
import { QueueError } from "../base/errors.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { batchOfTest } from "../testing/tier-world.ts";
import type { ObjectIdentity } from "./identity-codec.ts";
import { buildObject, type SectionDraft } from "./object-builder.ts";
import { decodeDirectory, decodeTrailer, TRAILER_BYTES } from "./object-codec.ts";
import { SectionBuilder } from "./section-builder.ts";
import { decodeSectionIndex, encodeSectionIndex, type SectionIndex } from "./section-index-codec.ts";

const identity: ObjectIdentity = {
  clusterId: "golden",
  object: { broker: 1, brokerEpoch: 2, sequence: 3, random: "0123456789abcdef" },
};

function draft(partitionId: number): SectionDraft {
  const builder = new SectionBuilder(partitionId, 10, 300);
  builder.add(batchOfTest(10, 2, 20, { leaderEpoch: 4, timestampMs: 1000 }).bytes);
  builder.cut();
  builder.add(batchOfTest(16, 1, 20, { leaderEpoch: 5, timestampMs: 3000 }).bytes);
  return {
    data: builder.finish(),
    startOffset: 10,
    endOffset: 20,
    leaderEpoch: 5,
    lastStable: 19,
    aborted: [{ producerId: 77, firstOffset: 9, lastOffset: 11, lastStable: 8 }],
    holes: [{ from: 12, to: 15 }],
    base: Buffer.from("base"),
  };
}

/** The bytes of an object whose sections, index and end are drawn in docs/formats/object.md; they never change. */
const GOLDEN_INDEX =
  "544453490001000006676f6c64656e0000000100000000000000020000000000000003" +
  "0123456789abcdef0000000000000007000000000000000a00000000000000140000000000000013000000000000" +
  "0bb80000000500000004";

test("an object is its sections, directory and trailer, and its checksum is that of its bytes", () => {
  const built = buildObject(identity, [draft(7), draft(9)]);
  const bytes = Buffer.concat(built.pieces);
  equal(bytes.length, built.bytes);
  equal(crc32c(bytes), built.crc);
  equal(bytes.subarray(0, 8).toString(), "TIDEOBJ\n");
  const trailer = decodeTrailer(bytes.subarray(-TRAILER_BYTES), bytes.length, "test");
  const end = trailer.directoryPosition + trailer.directoryBytes;
  const directory = decodeDirectory(bytes.subarray(trailer.directoryPosition, end), trailer, "test");
  deepEqual(directory.identity, identity);
  deepEqual(
    directory.entries,
    built.ranges.map(({ kind: _kind, object: _object, objectBytes: _bytes, ...range }) => ({ ...range, baseBytes: 4 })),
  );
  for (const range of built.ranges) {
    const indexAt = range.position + range.dataBytes;
    const indexBytes = bytes.subarray(indexAt, indexAt + range.indexBytes);
    equal(crc32c(indexBytes), range.indexCrc);
    const index = decodeSectionIndex(indexBytes, { identity, ...range }, "test");
    deepEqual(index.holes, [{ from: 12, to: 15 }]);
    deepEqual(index.aborted, draft(7).aborted);
    deepEqual(
      index.epochs.map((one) => one.leaderEpoch),
      [4, 5],
    );
    equal(index.blocks.count, 2);
    const base = bytes.subarray(indexAt + range.indexBytes, indexAt + range.indexBytes + index.baseBytes);
    equal(base.toString(), "base");
    equal(crc32c(base), index.baseCrc);
  }
});

test("golden bytes", () => {
  const built = buildObject(identity, [draft(7)]);
  const bytes = Buffer.concat(built.pieces);
  const range = built.ranges[0];
  ok(range !== undefined);
  const index = bytes.subarray(range.position + range.dataBytes, range.position + range.dataBytes + range.indexBytes);
  ok(index.toString("hex").startsWith(GOLDEN_INDEX), index.toString("hex"));
  equal(bytes.subarray(-TRAILER_BYTES).toString("hex"), "000000000000025d00000000000001ce00000067ed663adb0001000024fecdc3544944454f424a0a");
  equal(built.crc, 3668547270);
});

const indexOf = (bytes: Uint8Array): SectionIndex => {
  const range = buildObject(identity, [draft(7)]).ranges[0];
  ok(range !== undefined);
  return decodeSectionIndex(bytes, { identity, ...range }, "test");
};

function goodIndex(): Buffer {
  const built = buildObject(identity, [draft(7)]);
  const range = built.ranges[0];
  ok(range !== undefined);
  return Buffer.concat(built.pieces).subarray(range.position + range.dataBytes, range.position + range.dataBytes + range.indexBytes);
}

test("an index is encoded as it was decoded", () => {
  const bytes = goodIndex();
  ok(bytes.equals(encodeSectionIndex(indexOf(bytes))));
});

test("the index of anything else is refused as swapped", () => {
  const range = buildObject(identity, [draft(7)]).ranges[0];
  ok(range !== undefined);
  const bytes = goodIndex();
  const others = [
    { ...range, partitionId: 8 },
    { ...range, startOffset: 9 },
    { ...range, endOffset: 21 },
    { ...range, dataBytes: range.dataBytes + 1 },
  ];
  for (const other of others) throws(() => decodeSectionIndex(bytes, { identity, ...other }, "here"), /swapped/);
  const strangers = [
    { ...identity, clusterId: "other" },
    { ...identity, object: { ...identity.object, random: "0".repeat(16) } },
    { ...identity, object: { ...identity.object, brokerEpoch: 9 } },
  ];
  for (const stranger of strangers) throws(() => decodeSectionIndex(bytes, { identity: stranger, ...range }, "here"), /swapped/);
});

/** Runs a decoder on damaged bytes: it may only refuse with CORRUPT_RECORD, or find the damage harmless. */
function mutate(good: Buffer, decode: (bytes: Buffer) => unknown): void {
  const random = new SimRandom(1);
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(random.chance(0.3) ? good.subarray(0, random.between(0, good.length)) : good);
    const damages = random.between(1, 4);
    for (let n = 0; n < damages && bytes.length > 0; n++) {
      const at = random.between(0, bytes.length - 1);
      if (random.chance(0.3)) bytes.fill(0xff, at, Math.min(bytes.length, at + 8));
      else bytes[at] = random.uint32();
    }
    try {
      decode(bytes);
    } catch (error) {
      ok(error instanceof QueueError && error.code === "CORRUPT_RECORD", String(error));
    }
  }
}

test("damaged bytes are refused, nothing else happens", () => {
  mutate(goodIndex(), indexOf);
  const bytes = Buffer.concat(buildObject(identity, [draft(7), draft(9)]).pieces);
  const trailer = decodeTrailer(bytes.subarray(-TRAILER_BYTES), bytes.length, "test");
  mutate(bytes.subarray(-TRAILER_BYTES), (damaged) => decodeTrailer(damaged, bytes.length, "test"));
  const directory = bytes.subarray(trailer.directoryPosition, trailer.directoryPosition + trailer.directoryBytes);
  // With a right checksum, as from a broken writer.
  mutate(directory, (damaged) =>
    decodeDirectory(damaged, { ...trailer, directoryBytes: damaged.length, directoryCrc: crc32c(damaged) }, "test"),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      throws(() => indexOf(noise), QueueError);
      throws(() => decodeTrailer(noise, noise.length, "test"), QueueError);
    }),
  );
});

test("counts are not believed before they fit: no allocation from a length", () => {
  const bytes = goodIndex();
  const countsAt = 8 + 7 + 28 + 5 * 8 + 4 + 8;
  for (let field = 0; field < 4; field++) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt32BE(0xffff_ffff, countsAt + field * 4);
    throws(() => indexOf(damaged), /do not fill/);
  }
});

test("a damaged directory or trailer is noticed", () => {
  const bytes = Buffer.concat(buildObject(identity, [draft(7)]).pieces);
  const end = bytes.subarray(-TRAILER_BYTES);
  throws(() => decodeTrailer(end, bytes.length + 1, "test"), /another length/);
  for (let at = 0; at < TRAILER_BYTES; at++) {
    const damaged = Buffer.from(end);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    throws(() => decodeTrailer(damaged, bytes.length, "test"), QueueError, `byte ${at}`);
  }
});
