import { Buffer } from "node:buffer";
import { responseHeaderVersion } from "@tidemq/protocol/headers.ts";
import type { BrokerEndpoint } from "./broker-endpoints.ts";
import { PRODUCE_MESSAGE_BYTES_MAX } from "./limits.ts";

const LOG_START_SINCE = 5;
const RECORD_ERRORS_SINCE = 8;
const FLEXIBLE_SINCE = 9;
const CURRENT_LEADER_SINCE = 10;
const TOPIC_IDS_SINCE = 13;
const PRODUCE = 0;
const NO_ENDPOINTS: readonly BrokerEndpoint[] = [];

/** Most bytes of one partition in the answer, without its message. */
const PARTITION_BYTES_MAX = 64;
/** Most bytes of the rest: size, header, counts, throttle time, tagged fields. */
const FRAME_BYTES_MAX = 32;
/** Most bytes of one topic beside its name. */
const TOPIC_BYTES_MAX = 16;
/** Tag, size and count of all endpoints; number, port, lengths and tagged fields of one. */
const ENDPOINTS_BYTES_MAX = 12;
const ENDPOINT_BYTES_MAX = 16;

/** Upper bound of an answer's size, without the endpoints of leaders. */
export function produceResponseBytesMax(topics: number, nameBytes: number, partitions: number): number {
  return FRAME_BYTES_MAX + topics * TOPIC_BYTES_MAX + nameBytes + partitions * (PARTITION_BYTES_MAX + PRODUCE_MESSAGE_BYTES_MAX);
}

/** The same for the endpoints of so many leaders, whose hosts and racks have so many bytes in all. */
export function endpointsBytesMax(count: number, textBytes: number): number {
  return count === 0 ? 0 : ENDPOINTS_BYTES_MAX + count * ENDPOINT_BYTES_MAX + textBytes;
}

/**
 * Writes the answer to a Produce request into memory that holds `produceResponseBytesMax` and the endpoints, as the declaration of
 * the message would (tested).
 *
 *   size | correlation id | topics: name or id, partitions: index, error, base offset, append time, log start, … | throttle time |
 *   endpoints of leaders
 */
export class ProduceResponseWriter {
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #version = 0;
  #flexible = false;
  at = 0;

  begin(bytes: Uint8Array, at: number, version: number, correlationId: number, topics: number): void {
    this.#bytes = bytes;
    this.#start = at;
    this.#version = version;
    this.#flexible = version >= FLEXIBLE_SINCE;
    this.at = at + 4;
    this.#int32(correlationId);
    if (responseHeaderVersion(PRODUCE, version) === 1) this.#int8(0);
    this.#count(topics);
  }

  /** The name or id as it stands in the request. */
  topic(request: Uint8Array, nameStart: number, nameLength: number, partitions: number): void {
    if (this.#version < TOPIC_IDS_SINCE) {
      if (this.#flexible) this.#uvarint(nameLength + 1);
      else this.#int16(nameLength);
    }
    for (let i = 0; i < nameLength; i += 1) this.#int8(request[nameStart + i] as number);
    this.#count(partitions);
  }

  /** Position at which the error code of the next partition will lie. */
  get errorAt(): number {
    return this.at + 4;
  }

  partition(index: number, errorCode: number, baseOffset: number, appendTimeMs: number, logStart: number, message: string | null): void {
    this.#int32(index);
    this.#int16(errorCode);
    this.#int64(baseOffset);
    this.#int64(appendTimeMs);
    if (this.#version >= LOG_START_SINCE) this.#int64(logStart);
    if (this.#version >= RECORD_ERRORS_SINCE) {
      this.#count(0);
      this.#ascii(message);
    }
  }

  /** Ends a partition; with a leader it tells whom to ask instead. */
  partitionEnd(leaderId: number, leaderEpoch: number): void {
    if (!this.#flexible) return;
    if (this.#version < CURRENT_LEADER_SINCE || (leaderId < 0 && leaderEpoch < 0)) return this.#int8(0);
    this.#int8(1); // one tagged field: current leader, tag 0, 9 bytes
    this.#int8(0);
    this.#int8(9);
    this.#int32(leaderId);
    this.#int32(leaderEpoch);
    this.#int8(0);
  }

  topicEnd(): void {
    if (this.#flexible) this.#int8(0);
  }

  /** Where those are whom `partitionEnd` told to ask. Returns the bytes written in all. */
  end(throttleMs: number, endpoints = NO_ENDPOINTS): number {
    this.#int32(throttleMs);
    if (this.#flexible) this.#endpoints(this.#version < CURRENT_LEADER_SINCE ? NO_ENDPOINTS : endpoints);
    const end = this.at;
    this.at = this.#start;
    this.#int32(end - this.#start - 4);
    this.at = end;
    return end - this.#start;
  }

  #endpoints(endpoints: readonly BrokerEndpoint[]): void {
    if (endpoints.length === 0) return this.#int8(0);
    const bytes = endpoints.reduce((sum, endpoint) => sum + endpointBytes(endpoint), uvarintBytes(endpoints.length + 1));
    this.#int8(1); // one tagged field: tag 0, its size, the list
    this.#int8(0);
    this.#uvarint(bytes);
    this.#count(endpoints.length);
    for (const { id, host, port, rack } of endpoints) {
      this.#int32(id);
      this.#utf8(host);
      this.#int32(port);
      this.#utf8(rack);
      this.#int8(0);
    }
  }

  #utf8(text: string | null): void {
    if (text === null) return this.#uvarint(0);
    const bytes = Buffer.from(text);
    this.#uvarint(bytes.byteLength + 1);
    for (const byte of bytes) this.#int8(byte);
  }

  #count(count: number): void {
    if (this.#flexible) this.#uvarint(count + 1);
    else this.#int32(count);
  }

  #ascii(text: string | null): void {
    if (this.#flexible) this.#uvarint(text === null ? 0 : text.length + 1);
    else this.#int16(text === null ? -1 : text.length);
    for (let i = 0; text !== null && i < text.length; i += 1) this.#int8(text.charCodeAt(i));
  }

  #int8(value: number): void {
    this.#bytes[this.at] = value;
    this.at += 1;
  }

  #int16(value: number): void {
    this.#bytes[this.at] = value >>> 8;
    this.#bytes[this.at + 1] = value;
    this.at += 2;
  }

  #int32(value: number): void {
    writeInt32(this.#bytes, this.at, value);
    this.at += 4;
  }

  #int64(value: number): void {
    writeInt64(this.#bytes, this.at, value);
    this.at += 8;
  }

  #uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#int8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#int8(rest);
  }
}

function endpointBytes({ host, rack }: BrokerEndpoint): number {
  return 4 + textBytes(host) + 4 + textBytes(rack) + 1;
}

function textBytes(text: string | null): number {
  const bytes = text === null ? 0 : Buffer.byteLength(text);
  return uvarintBytes(bytes + 1) + bytes;
}

function uvarintBytes(value: number): number {
  return value < 0x80 ? 1 : 1 + uvarintBytes(value >>> 7);
}

/** Turns the accepted partition whose error code lies at `errorAt` into a failed one: nothing of it may look like an offset. */
export function failPartition(bytes: Uint8Array, errorAt: number, version: number, errorCode: number): void {
  bytes[errorAt] = errorCode >>> 8;
  bytes[errorAt + 1] = errorCode;
  writeInt64(bytes, errorAt + 2, -1);
  writeInt64(bytes, errorAt + 10, -1);
  if (version >= LOG_START_SINCE) writeInt64(bytes, errorAt + 18, -1);
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeInt32(bytes, at + 4, value >>> 0);
}
