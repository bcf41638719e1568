import { Buffer } from "node:buffer";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { SNAPSHOT_CHUNK_BYTES_MAX } from "./limits.ts";

// docs/formats/snapshot.md: the frame of a snapshot, whatever stores it.

const MAGIC = 0x544d5343;
const HEADER_BYTES = 20;
const CRC_AT = 16;
const KINDS = ["head", "topics", "objects", "partitions", "end"] as const;

export type ChunkKind = (typeof KINDS)[number];
export type Chunk = Readonly<{ kind: ChunkKind; version: number; payload: Uint8Array }>;

/** What is written; every earlier one is read. */
export const CHUNK_VERSIONS: Readonly<Record<ChunkKind, number>> = { head: 5, topics: 1, objects: 1, partitions: 4, end: 1 };

/** A chunk as it is stored. The payload is copied. */
export function encodeChunk(kind: ChunkKind, number: number, payload: Uint8Array): Uint8Array {
  assert(payload.byteLength <= SNAPSHOT_CHUNK_BYTES_MAX, `a chunk of ${payload.byteLength} bytes`);
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + payload.byteLength);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt8(KINDS.indexOf(kind) + 1, 4);
  bytes.writeUInt8(CHUNK_VERSIONS[kind], 5);
  bytes.writeUInt16BE(0, 6);
  bytes.writeUInt32BE(number, 8);
  bytes.writeUInt32BE(payload.byteLength, 12);
  Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).copy(bytes, HEADER_BYTES);
  bytes.writeUInt32BE(crc32c(bytes.subarray(HEADER_BYTES), crc32c(bytes.subarray(0, CRC_AT))), CRC_AT);
  return bytes;
}

/** A snapshot that may not be used: nothing of it is. */
export function damagedSnapshot(problem: string): QueueError {
  return new QueueError("CORRUPT_METADATA", `the snapshot of the metadata is damaged. problem=${problem}`);
}

/** The chunks of a snapshot that comes in pieces of any size, each checked; the last one is the end. */
export async function* readChunks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Chunk> {
  const source = new PieceReader(pieces);
  for (let number = 0; ; number += 1) {
    const header = await source.take(HEADER_BYTES);
    if (header.readUInt32BE(0) !== MAGIC || header.readUInt32BE(8) !== number) throw damagedSnapshot(`chunk ${number} has no header`);
    const length = header.readUInt32BE(12);
    if (length > SNAPSHOT_CHUNK_BYTES_MAX) throw damagedSnapshot(`chunk ${number} of ${length} bytes`);
    const payload = await source.take(length);
    if (crc32c(payload, crc32c(header.subarray(0, CRC_AT))) !== header.readUInt32BE(CRC_AT))
      throw damagedSnapshot(`chunk ${number} does not match its checksum`);
    const kind = kindOf(header, number);
    yield { kind, version: header.readUInt8(5), payload };
    if (kind !== "end") continue;
    if (!(await source.atEnd())) throw damagedSnapshot("bytes behind the end");
    return;
  }
}

function kindOf(header: Buffer, number: number): ChunkKind {
  const kind = KINDS[header.readUInt8(4) - 1];
  const version = header.readUInt8(5);
  if (kind === undefined || version > CHUNK_VERSIONS[kind])
    throw new QueueError(
      "NEWER_FORMAT",
      `the snapshot was written by newer software: start that version again. chunk=${number} kind=${header.readUInt8(4)} version=${version}`,
    );
  return kind;
}

class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #waiting: Buffer[] = [];
  #bytes = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; they stay valid. */
  async take(length: number): Promise<Buffer> {
    while (this.#bytes < length) if (!(await this.#more())) throw damagedSnapshot("it ends early");
    const joined = this.#waiting.length === 1 ? must(this.#waiting[0], "piece") : Buffer.concat(this.#waiting);
    this.#waiting = [joined.subarray(length)];
    this.#bytes -= length;
    return joined.subarray(0, length);
  }

  async atEnd(): Promise<boolean> {
    return this.#bytes === 0 && !(await this.#more());
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    const { value } = next;
    this.#waiting.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    this.#bytes += value.byteLength;
    return true;
  }
}
