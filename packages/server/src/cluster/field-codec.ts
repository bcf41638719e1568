import { Buffer } from "node:buffer";
import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import type { BrokerListener } from "../model/broker-listener.ts";
import { isObjectRandom, type ObjectId } from "../model/object-id.ts";
import type { ManifestPointer } from "../model/object-range.ts";
import {
  CONFIG_NAME_BYTES_MAX,
  CONFIG_VALUE_BYTES_MAX,
  CONFIGS_MAX,
  LISTENERS_MAX,
  NAME_BYTES_MAX,
  REPLICAS_MAX,
  TOPIC_PARTITIONS_MAX,
} from "./limits.ts";

// The fields that commands and snapshots share; docs/formats/metadata-log.md, "Fields".

/** `text`: uvarint of its UTF-8 bytes + 1, then the bytes. */
export function writeText(writer: ByteWriter, text: string): void {
  writer.compactString(text);
}

export function readText(reader: ByteReader, bytesMax: number = NAME_BYTES_MAX): string {
  const length = reader.compactLength();
  if (length < 0 || length > bytesMax) throw reader.malformed(`text of ${length} bytes`);
  return reader.utf8(length);
}

/** A number that is never below zero, 64 bits. */
export function readNatural(reader: ByteReader): number {
  const value = reader.int64();
  if (value < 0) throw reader.malformed(`${value} is negative`);
  return value;
}

/** uvarint, at most `max`. */
export function readCount(reader: ByteReader, max: number, elementBytesMin = 1): number {
  const count = reader.uvarint();
  if (count > max) throw reader.malformed(`${count} elements are more than ${max}`);
  reader.checkCount(count, elementBytesMin);
  return count;
}

/** `count`, then the elements. */
export function writeList<T>(writer: ByteWriter, items: readonly T[], write: (writer: ByteWriter, item: T) => void): void {
  writer.uvarint(items.length);
  for (const item of items) write(writer, item);
}

export function readList<T>(reader: ByteReader, max: number, read: (reader: ByteReader) => T): T[] {
  const count = readCount(reader, max);
  const items: T[] = [];
  for (let i = 0; i < count; i += 1) items.push(read(reader));
  return items;
}

export function writeConfigs(writer: ByteWriter, configs: ReadonlyMap<string, string>): void {
  writer.uvarint(configs.size);
  for (const [name, value] of configs) {
    writeText(writer, name);
    writeText(writer, value);
  }
}

export function readConfigs(reader: ByteReader): Map<string, string> {
  const configs = new Map<string, string>();
  for (let left = readCount(reader, CONFIGS_MAX); left > 0; left -= 1) {
    const name = readText(reader, CONFIG_NAME_BYTES_MAX);
    if (configs.has(name)) throw reader.malformed(`option ${name} twice`);
    configs.set(name, readText(reader, CONFIG_VALUE_BYTES_MAX));
  }
  return configs;
}

/** Brokers of one partition: count, int32 each; at least one, each once. */
export function writeBrokers(writer: ByteWriter, brokers: readonly number[]): void {
  writeList(writer, brokers, (w, broker) => w.int32(broker));
}

export function readBrokers(reader: ByteReader): number[] {
  const brokers = readList(reader, REPLICAS_MAX, readBroker);
  if (brokers.length === 0 || new Set(brokers).size < brokers.length) throw reader.malformed(`replicas ${brokers.join()}`);
  return brokers.slice(); // they stay: what a list that grew has room for would be most of a partition
}

export function readBroker(reader: ByteReader): number {
  const broker = reader.int32();
  if (broker < 0) throw reader.malformed(`broker ${broker}`);
  return broker;
}

export function writeListener(writer: ByteWriter, listener: BrokerListener): void {
  writeText(writer, listener.name);
  writeText(writer, listener.host);
  writer.int32(listener.port);
}

export function readListeners(reader: ByteReader): BrokerListener[] {
  const listeners = readList(reader, LISTENERS_MAX, readListener);
  if (new Set(listeners.map(({ name }) => name)).size < listeners.length) throw reader.malformed("two listeners of one name");
  return listeners;
}

function readListener(reader: ByteReader): BrokerListener {
  const [name, host, port] = [readText(reader), readText(reader), reader.int32()];
  if (name === "" || host === "" || port < 1 || port > 65_535) throw reader.malformed(`listener ${name} at ${host}:${port}`);
  return { name, host, port };
}

export function readAssignments(reader: ByteReader): number[][] {
  return readList(reader, TOPIC_PARTITIONS_MAX, readBrokers);
}

/** 28 bytes: broker, broker epoch, sequence, the 8 bytes of chance. */
export function writeObjectId(writer: ByteWriter, id: ObjectId): void {
  writer.int32(id.broker);
  writer.int64(id.brokerEpoch);
  writer.int64(id.sequence);
  writer.raw(Buffer.from(id.random, "hex"));
}

export function readObjectId(reader: ByteReader): ObjectId {
  const broker = readBroker(reader);
  const brokerEpoch = readNatural(reader);
  const sequence = readNatural(reader);
  const random = Buffer.from(reader.bytes(8)).toString("hex");
  if (!isObjectRandom(random)) throw reader.malformed("random number of an object id");
  return { broker, brokerEpoch, sequence, random };
}

export function writeManifest(writer: ByteWriter, pointer: ManifestPointer): void {
  writer.int64(pointer.startOffset);
  writer.int64(pointer.endOffset);
  writer.int64(pointer.maxTimestampMs);
  writeObjectId(writer, pointer.object);
  writer.int64(pointer.objectBytes);
  writer.uint32(pointer.objectCrc);
  writer.int64(pointer.rangeCount);
  writer.int64(pointer.dataBytes);
}

export function readManifest(reader: ByteReader, partitionId: number): ManifestPointer {
  const startOffset = readNatural(reader);
  const endOffset = readNatural(reader);
  if (startOffset >= endOffset) throw reader.malformed(`manifest of [${startOffset}, ${endOffset})`);
  return {
    partitionId,
    startOffset,
    endOffset,
    maxTimestampMs: reader.int64(),
    object: readObjectId(reader),
    objectBytes: readNatural(reader),
    objectCrc: reader.uint32(),
    rangeCount: readNatural(reader),
    dataBytes: readNatural(reader),
  };
}

/** A reader of a span that may be absent: one byte 0 or 1, then the value. */
export function writeOptional<T>(writer: ByteWriter, value: T | undefined, write: (writer: ByteWriter, value: T) => void): void {
  writer.bool(value !== undefined);
  if (value !== undefined) write(writer, value);
}

export function readOptional<T>(reader: ByteReader, read: (reader: ByteReader) => T): T | undefined {
  const flag = reader.int8();
  if (flag !== 0 && flag !== 1) throw reader.malformed(`flag ${flag}`);
  return flag === 0 ? undefined : read(reader);
}
