import { crc32c as native } from "@node-rs/crc32";

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), unsigned 32 bits.
 *
 * @param previous Checksum of the bytes before these: `crc32c(b, crc32c(a))` is the checksum of a followed by b.
 *   Views of shared memory are fine, as long as nobody writes to them meanwhile.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  return native(bytes, previous);
}
