import type { Buffer } from "node:buffer";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { compressLz4, decompressLz4 } from "./compression-lz4.ts";
import { compressSnappy, decompressSnappy } from "./compression-snappy.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Names and numbers as in a batch's attributes. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** One way to compress the records of a batch. Synchronous; inputs may be views of shared memory that does not change meanwhile. */
export type CompressionCodec = Readonly<{
  name: Compression;
  compress: (bytes: Uint8Array) => Uint8Array;
  /**
   * @param bytesMax Largest result; a bomb is refused before memory for more than that is taken.
   * @throws {ProtocolError} CORRUPT, or TOO_LARGE beyond bytesMax.
   */
  decompress: (bytes: Uint8Array, bytesMax: number) => Uint8Array;
}>;

/** Number of a codec in a batch's attributes. */
export function compressionId(name: Compression): number {
  return COMPRESSIONS.indexOf(name);
}

/**
 * The codec of this number.
 *
 * @throws {ProtocolError} UNSUPPORTED_COMPRESSION
 */
export function compressionCodec(id: number): CompressionCodec {
  const codec = CODECS[id];
  if (codec === undefined) throw new ProtocolError("UNSUPPORTED_COMPRESSION", `no such compression. codec=${id}`);
  return codec;
}

const CODECS: readonly CompressionCodec[] = [
  { name: "none", compress: (bytes) => bytes, decompress: passThrough },
  {
    name: "gzip",
    compress: (bytes) => gzipSync(bytes),
    decompress: (bytes, bytesMax) => limited("gzip", bytesMax, () => gunzipSync(bytes, { maxOutputLength: bytesMax + 1 })),
  },
  { name: "snappy", compress: compressSnappy, decompress: decompressSnappy },
  { name: "lz4", compress: compressLz4, decompress: decompressLz4 },
  {
    name: "zstd",
    compress: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
    decompress: (bytes, bytesMax) => limited("zstd", bytesMax, () => zstdDecompressSync(bytes, { maxOutputLength: bytesMax + 1 })),
  },
];

function passThrough(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.byteLength > bytesMax) throw tooLarge("none", bytesMax);
  return bytes;
}

/** Runs one of zlib's decompressors, which stop at the limit by themselves, and names what went wrong. */
function limited(name: Compression, bytesMax: number, run: () => Buffer): Uint8Array {
  let result: Buffer;
  try {
    result = run();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(name, bytesMax);
    throw new ProtocolError("CORRUPT", `corrupt compressed data. codec=${name}`, { cause });
  }
  if (result.byteLength > bytesMax) throw tooLarge(name, bytesMax);
  return result;
}

function tooLarge(name: Compression, bytesMax: number): ProtocolError {
  return new ProtocolError("TOO_LARGE", `decompressed data too large. codec=${name} bytesMax=${bytesMax}`);
}
