import { Buffer } from "node:buffer";
import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { QueueError } from "../base/errors.ts";
import { isClusterId, type ObjectId, sameObjectId } from "../model/object-id.ts";

/** Which object bytes belong to; repeated in everything that is read on its own. */
export type ObjectIdentity = Readonly<{ clusterId: string; object: ObjectId }>;

/** Bytes of an object id in every format. */
export const OBJECT_ID_BYTES = 28;

export function identityBytes(identity: ObjectIdentity): number {
  return 1 + identity.clusterId.length + OBJECT_ID_BYTES;
}

export function writeIdentity(writer: ByteWriter, identity: ObjectIdentity): void {
  writer.int8(identity.clusterId.length);
  writer.raw(Buffer.from(identity.clusterId, "latin1"));
  writeObjectId(writer, identity.object);
}

export function readIdentity(reader: ByteReader): ObjectIdentity {
  const clusterId = reader.utf8(reader.int8());
  if (!isClusterId(clusterId)) throw reader.malformed("not a cluster id");
  return { clusterId, object: readObjectId(reader) };
}

export function writeObjectId(writer: ByteWriter, id: ObjectId): void {
  writer.int32(id.broker);
  writer.int64(id.brokerEpoch);
  writer.int64(id.sequence);
  writer.raw(Buffer.from(id.random, "hex"));
}

export function readObjectId(reader: ByteReader): ObjectId {
  const broker = reader.int32();
  const brokerEpoch = reader.int64();
  const sequence = reader.int64();
  const random = Buffer.from(reader.bytes(8)).toString("hex");
  if (broker < 0 || brokerEpoch < 0 || sequence < 0) throw reader.malformed("a negative number in an object id");
  return { broker, brokerEpoch, sequence, random };
}

export function sameIdentity(a: ObjectIdentity, b: ObjectIdentity): boolean {
  return a.clusterId === b.clusterId && sameObjectId(a.object, b.object);
}

/** `where` names the object (and the partition) for the person who reads the message. */
export function corrupt(where: string, problem: string, options?: ErrorOptions): QueueError {
  return new QueueError("CORRUPT_RECORD", `corrupt object. ${where} problem=${problem}`, options);
}

/** Runs a decoder; what it finds malformed becomes CORRUPT_RECORD with the place. */
export function decoding<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) throw corrupt(where, error.message, { cause: error });
    throw error;
  }
}
