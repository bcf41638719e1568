import { crc32c } from "@tidemq/protocol/crc32c.ts";

/** Of all bytes in a row. */
export function checksumOf(slices: readonly Uint8Array[]): number {
  let checksum = 0;
  for (const slice of slices) checksum = crc32c(slice, checksum);
  return checksum;
}

/** One copy, which the sender cannot change any more. */
export function concatenate(slices: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(slices.reduce((sum, slice) => sum + slice.byteLength, 0));
  let at = 0;
  for (const slice of slices) {
    bytes.set(slice, at);
    at += slice.byteLength;
  }
  return bytes;
}
