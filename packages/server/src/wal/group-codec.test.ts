import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import fc from "fast-check";
import {
  decodeGroupHeader,
  ENTRY_BYTES,
  EntryKind,
  encodeGroupHeader,
  GROUP_HEADER_BYTES,
  type GroupHeader,
  isDirectoryRight,
} from "./group-codec.ts";

const WAL_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const FILE_BYTES = 1 << 20;

const HEADER: GroupHeader = {
  incarnation: 7,
  run: 3,
  number: 0x1_0000_0002,
  durableGroup: 0x1_0000_0001,
  metadataIndex: 55,
  offsets: 1000,
  bytes: 8192,
  entryCount: 2,
  directoryPosition: 4096,
  directoryCrc: 0xdeadbeef,
  block: 16,
  flags: 1,
};

function encoded(header: GroupHeader): Buffer {
  const bytes = Buffer.alloc(GROUP_HEADER_BYTES + 10, 0xff);
  encodeGroupHeader(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 10, WAL_ID, header);
  return bytes.subarray(10);
}

const decoded = (bytes: Buffer): GroupHeader | undefined => decodeGroupHeader(bytes, 0, WAL_ID, 65_536, FILE_BYTES);

test("golden bytes of a group header", () => {
  equal(
    encoded(HEADER).toString("hex"),
    "5469646557414c670102030405060708" +
      "00000000000000070000000000000003" +
      "00000001000000020000000100000001" +
      "000000000000003700000000000003e8" +
      "000020000000000200001000deadbeef" +
      "00000010000000010000000000000000" +
      "00000000000000000000000000000000" +
      "00000000000000000000000088ec445f",
  );
});

test("a header comes back, and no flipped bit is accepted", () => {
  const bytes = encoded(HEADER);
  deepEqual(decoded(bytes), HEADER);
  for (let bit = 0; bit < GROUP_HEADER_BYTES * 8; bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    equal(decoded(damaged), undefined, `bit ${bit}`);
  }
});

test("a header is refused at another place, in another log, and when it cannot be", () => {
  equal(decodeGroupHeader(encoded(HEADER), 0, WAL_ID, 4096, FILE_BYTES), undefined);
  equal(decodeGroupHeader(encoded(HEADER), 0, Uint8Array.of(9, 2, 3, 4, 5, 6, 7, 8), 65_536, FILE_BYTES), undefined);
  equal(decodeGroupHeader(encoded(HEADER).subarray(0, 100), 0, WAL_ID, 65_536, FILE_BYTES), undefined);
  const wrong: Partial<GroupHeader>[] = [
    { number: 0 },
    { durableGroup: HEADER.number },
    { incarnation: 0 },
    { run: 0 },
    { bytes: 0 },
    { bytes: 5000 },
    { bytes: FILE_BYTES },
    { entryCount: 3000 },
    { entryCount: 80 },
    { directoryPosition: 64 },
    { directoryPosition: 4097 },
    { flags: 2 },
    { number: 2 ** 53 },
  ];
  for (const change of wrong) equal(decoded(encoded({ ...HEADER, ...change })), undefined, JSON.stringify(change));
});

test("any bytes are refused or decoded, never thrown at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), (bytes) => {
      decodeGroupHeader(Buffer.from(bytes), 0, WAL_ID, 0, FILE_BYTES);
    }),
  );
});

/** A directory of two appends of partition 5 and its header. */
function directory(): { bytes: Buffer; header: GroupHeader } {
  const bytes = Buffer.alloc(2 * ENTRY_BYTES);
  for (const [at, next] of [
    [0, 2],
    [ENTRY_BYTES, 0],
  ] as const) {
    bytes.writeUInt32BE(5, at);
    bytes[at + 4] = EntryKind.append;
    bytes.writeUInt16BE(next, at + 6);
    bytes.writeUInt32BE(128, at + 8);
    bytes.writeUInt32BE(100, at + 12);
    bytes.writeInt32BE(88, at + 32 + 8);
  }
  return { bytes, header: { ...HEADER, directoryCrc: crc32c(bytes) } };
}

test("a directory is trusted only when its checksum and its contents are right", () => {
  const { bytes, header } = directory();
  ok(isDirectoryRight(bytes, header));
  ok(!isDirectoryRight(bytes, { ...header, directoryCrc: 1 }));
  ok(!isDirectoryRight(bytes, { ...header, entryCount: 1 }));
  const changes: [number, number][] = [
    [4, 0],
    [4, 8],
    [5, 8],
    [7, 1],
    [7, 3],
    [8, 255],
    [11, 4],
    [13, 1],
    [43, 1],
    [55, 128],
  ];
  for (const [at, value] of changes) {
    const changed = Buffer.from(bytes);
    changed[at] = value;
    ok(!isDirectoryRight(changed, { ...header, directoryCrc: crc32c(changed) }), `byte ${at} = ${value}`);
  }
});
