import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ObjectRange } from "../model/object-range.ts";
import { readNatural } from "./field-codec.ts";

const KINDS = ["data", "hole", "gap"] as const;

/** What a range refers to its object by: a number that the surrounding bytes explain. */
export type RangeObject = Readonly<{ number: number; id: ObjectId; objectBytes: number }>;

/**
 * Range without its partition id: kind, offsets, epoch, timestamp and, for data, the object's number and section.
 * 29 bytes, or 65 with a section. The number is 1 or more.
 */
export function writeRange(writer: ByteWriter, range: ObjectRange, objectNumber: number): void {
  writer.int8(KINDS.indexOf(range.kind));
  writer.int64(range.startOffset);
  writer.int64(range.endOffset);
  writer.int32(range.leaderEpoch);
  writer.int64(range.maxTimestampMs);
  if (range.kind !== "data") return;
  writer.int64(objectNumber);
  writer.int64(range.position);
  writer.int64(range.dataBytes);
  writer.int64(range.indexBytes);
  writer.uint32(range.indexCrc);
}

export function readRange(reader: ByteReader, partitionId: number, objectOf: (number: number) => RangeObject | undefined): ObjectRange {
  const kind = KINDS[reader.int8()];
  if (kind === undefined) throw reader.malformed("kind of a range");
  const startOffset = readNatural(reader);
  const endOffset = readNatural(reader);
  if (startOffset >= endOffset) throw reader.malformed(`range [${startOffset}, ${endOffset})`);
  const common = { partitionId, startOffset, endOffset, leaderEpoch: reader.int32(), maxTimestampMs: reader.int64(), kind };
  if (kind !== "data") return { ...common, object: undefined, objectBytes: 0, position: 0, dataBytes: 0, indexBytes: 0, indexCrc: 0 };
  const object = objectOf(readNatural(reader));
  if (object === undefined) throw reader.malformed("a range in an object that nobody named");
  const position = readNatural(reader);
  const dataBytes = readNatural(reader);
  const indexBytes = readNatural(reader);
  if (indexBytes === 0 || position + dataBytes + indexBytes > object.objectBytes) throw reader.malformed("a section outside of its object");
  return {
    ...common,
    object: object.id,
    objectBytes: object.objectBytes,
    position,
    dataBytes,
    indexBytes,
    indexCrc: reader.uint32(),
  };
}
