import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { NAME_BYTES_MAX, PARTITIONS_MAX, PROTOCOLS_MAX, SUBSCRIPTION_BYTES_MAX, TOPICS_MAX } from "../limits.ts";
import type { Assignment, ClassicProtocol, MemberIdentity } from "./group-state.ts";

// The fields that entries share; docs/formats/groups.md, "Fields".

export function readText(reader: ByteReader, bytesMax: number = NAME_BYTES_MAX): string {
  const length = reader.compactLength();
  if (length < 0 || length > bytesMax) throw reader.malformed(`text of ${length} bytes`);
  return reader.utf8(length);
}

export function writeOptional(writer: ByteWriter, text: string | undefined): void {
  writer.compactString(text ?? null);
}

export function readOptional(reader: ByteReader, bytesMax: number = NAME_BYTES_MAX): string | undefined {
  const length = reader.compactLength();
  if (length > bytesMax) throw reader.malformed(`text of ${length} bytes`);
  return length < 0 ? undefined : reader.utf8(length);
}

/** A copy: what is read outlives its batch. */
export function readBlob(reader: ByteReader, bytesMax: number): Uint8Array {
  const length = reader.uvarint();
  if (length > bytesMax) throw reader.malformed(`${length} bytes`);
  return new Uint8Array(reader.bytes(length));
}

export function writeBlob(writer: ByteWriter, bytes: Uint8Array): void {
  writer.uvarint(bytes.byteLength);
  writer.raw(bytes);
}

export function readCount(reader: ByteReader, max: number, elementBytesMin: number): number {
  const count = reader.uvarint();
  if (count > max) throw reader.malformed(`${count} elements are more than ${max}`);
  reader.checkCount(count, elementBytesMin);
  return count;
}

/** Below 0 is refused; `min` −1 where that means none. */
export function readNumber(reader: ByteReader, bits: 32 | 64, min = 0): number {
  const value = bits === 32 ? reader.int32() : reader.int64();
  if (value < min) throw reader.malformed(`${value} is below ${min}`);
  return value;
}

export function writeAssignment(writer: ByteWriter, assignment: Assignment): void {
  writer.uvarint(assignment.size);
  for (const [topicId, partitions] of assignment) {
    writer.uuid(topicId);
    writer.uvarint(partitions.length);
    for (const partition of partitions) writer.uvarint(partition);
  }
}

export function readAssignment(reader: ByteReader): Assignment {
  const assignment = new Map<string, number[]>();
  for (let left = readCount(reader, TOPICS_MAX, 18); left > 0; left -= 1) {
    const topicId = reader.uuid();
    if (assignment.has(topicId)) throw reader.malformed(`topic ${topicId} twice`);
    assignment.set(topicId, readPartitions(reader));
  }
  return assignment;
}

function readPartitions(reader: ByteReader): number[] {
  const partitions: number[] = [];
  let last = -1;
  for (let left = readCount(reader, PARTITIONS_MAX, 1); left > 0; left -= 1) {
    const partition = reader.uvarint();
    if (partition <= last) throw reader.malformed("partitions do not ascend");
    partitions.push(partition);
    last = partition;
  }
  if (last < 0) throw reader.malformed("a topic without partitions");
  return partitions;
}

export function writeProtocols(writer: ByteWriter, protocols: readonly ClassicProtocol[]): void {
  writer.uvarint(protocols.length);
  for (const { name, metadata } of protocols) {
    writer.compactString(name);
    writeBlob(writer, metadata);
  }
}

export function readProtocols(reader: ByteReader): ClassicProtocol[] {
  const protocols: ClassicProtocol[] = [];
  for (let left = readCount(reader, PROTOCOLS_MAX, 2); left > 0; left -= 1)
    protocols.push({ name: readText(reader), metadata: readBlob(reader, SUBSCRIPTION_BYTES_MAX) });
  return protocols;
}

export function writeIdentity(writer: ByteWriter, member: MemberIdentity): void {
  writer.compactString(member.id);
  writeOptional(writer, member.instanceId);
  writer.compactString(member.clientId);
  writer.compactString(member.clientHost);
}

export function readIdentity(reader: ByteReader): MemberIdentity {
  return { id: readText(reader), instanceId: readOptional(reader), clientId: readText(reader), clientHost: readText(reader) };
}
