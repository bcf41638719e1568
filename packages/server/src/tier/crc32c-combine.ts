/** The polynomial of CRC32C, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** Row n of `ZEROS[k]`: what 2^k zero bytes make of checksum bit n. */
const ZEROS: readonly Uint32Array[] = zeroByteOperators();

/**
 * CRC32C of a followed by b, from crc32c(a), crc32c(b) and the length of b in bytes: the checksum of an object from
 * those of its parts, without reading the bytes again. About 1 µs.
 *
 * Source: M. Adler, zlib's crc32_combine: appending n zero bytes is linear over GF(2), so it is a 32 × 32 matrix, and
 * its powers of two are computed once.
 */
export function combineCrc32c(crcA: number, crcB: number, bytesB: number): number {
  let crc = crcA >>> 0;
  let rest = bytesB;
  for (let k = 0; rest > 0; k++) {
    if (rest % 2 === 1) crc = times(ZEROS[k] as Uint32Array, crc);
    rest = Math.floor(rest / 2);
  }
  return (crc ^ crcB) >>> 0;
}

function times(matrix: Uint32Array, vector: number): number {
  let sum = 0;
  for (let bit = 0, rest = vector; rest !== 0; bit++, rest >>>= 1) if (rest & 1) sum ^= matrix[bit] as number;
  return sum >>> 0;
}

function square(matrix: Uint32Array): Uint32Array {
  return matrix.map((row) => times(matrix, row));
}

/** For 2^0 to 2^52 zero bytes. */
function zeroByteOperators(): readonly Uint32Array[] {
  const oneBit = new Uint32Array(32);
  oneBit[0] = POLYNOMIAL;
  for (let bit = 1; bit < 32; bit++) oneBit[bit] = 2 ** (bit - 1);
  const operators = [square(square(square(oneBit)))];
  for (let k = 1; k <= 52; k++) operators.push(square(operators[k - 1] as Uint32Array));
  return operators;
}
