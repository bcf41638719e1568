import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { must } from "../base/assert.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { CommitManifest, CommitObject } from "./commands.ts";
import {
  readBroker,
  readList,
  readManifest,
  readNatural,
  readObjectId,
  readOptional,
  writeList,
  writeManifest,
  writeObjectId,
  writeOptional,
} from "./field-codec.ts";
import { COMMIT_RANGES_MAX } from "./limits.ts";
import { type RangeObject, readRange, writeRange } from "./range-codec.ts";

/** The objects are listed once, then the ranges name them by their place in the list, from 1. */
export function writeCommitObject(writer: ByteWriter, command: CommitObject): void {
  writer.int32(command.broker);
  writer.int64(command.brokerEpoch);
  const objects = objectsOf(command);
  writeList(writer, [...objects.values()], (w, object) => {
    writeObjectId(w, object.id);
    w.int64(object.objectBytes);
  });
  writeList(writer, command.ranges, (w, range) => {
    w.int64(range.partitionId);
    writeRange(w, range, range.object === undefined ? 0 : must(objects.get(keyOf(range.object)), "object of a range").number);
  });
}

export function readCommitObject(reader: ByteReader): CommitObject {
  const broker = readBroker(reader);
  const brokerEpoch = readNatural(reader);
  let number = 0;
  const objects = readList(reader, COMMIT_RANGES_MAX, (r): RangeObject => {
    number += 1;
    return { number, id: readObjectId(r), objectBytes: readNatural(r) };
  });
  const ranges = readList(reader, COMMIT_RANGES_MAX, (r) => readRange(r, readNatural(r), (at) => objects[at - 1]));
  return { kind: "commit-object", broker, brokerEpoch, ranges };
}

export function writeCommitManifest(writer: ByteWriter, command: CommitManifest): void {
  writer.int32(command.broker);
  writer.int64(command.brokerEpoch);
  writer.int32(command.leaderEpoch);
  writeOptional(writer, command.previous, writeObjectId);
  writer.int64(command.pointer.partitionId);
  writeManifest(writer, command.pointer);
}

export function readCommitManifest(reader: ByteReader): CommitManifest {
  return {
    kind: "commit-manifest",
    broker: readBroker(reader),
    brokerEpoch: readNatural(reader),
    leaderEpoch: reader.int32(),
    previous: readOptional(reader, readObjectId),
    pointer: readManifest(reader, readNatural(reader)),
  };
}

function objectsOf(command: CommitObject): Map<string, RangeObject> {
  const objects = new Map<string, RangeObject>();
  for (const { object, objectBytes } of command.ranges) {
    if (object === undefined || objects.has(keyOf(object))) continue;
    objects.set(keyOf(object), { number: objects.size + 1, id: object, objectBytes });
  }
  return objects;
}

function keyOf(id: ObjectId): string {
  return `${id.broker}/${id.brokerEpoch}/${id.sequence}/${id.random}`;
}
