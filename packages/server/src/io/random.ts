import { Buffer } from "node:buffer";

/** Chance. Never used where a result must be the same on two replicas. */
export interface Random {
  /** Uniform in [0, 2^32). */
  uint32(): number;
  /** Fills and returns a new array. */
  bytes(length: number): Uint8Array;
}

/** Version 4 of RFC 9562. */
export function uuid4(random: Random): Uint8Array {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

/** As text of 22 characters, never one that begins with `-`: people paste ids into command lines. @param make Draws 16 bytes, as often as it takes. */
export function textId(make: () => Uint8Array): string {
  for (;;) {
    const id = Buffer.from(make()).toString("base64url");
    if (!id.startsWith("-")) return id;
  }
}
