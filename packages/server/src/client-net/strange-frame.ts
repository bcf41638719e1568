/** Handshake record of TLS 1.0 and later: type 22, version 3.x. */
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 0x03;

const HTTP_METHODS = ["GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI "] as const;

/** Says for the log what came instead of a frame whose size makes sense. `bytes[at, to)` is at least the size itself. */
export function describeStrangeFrame(bytes: Uint8Array, at: number, to: number, size: number): string {
  const text = String.fromCharCode(...bytes.subarray(at, at + 4));
  if ((HTTP_METHODS as readonly string[]).includes(text)) return "an HTTP request instead of the Kafka protocol";
  if (bytes[at] === TLS_HANDSHAKE && bytes[at + 1] === TLS_MAJOR) return "a TLS handshake on a plain-text port";
  const isText = bytes.subarray(at, Math.min(to, at + 8)).every((byte) => byte === 10 || byte === 13 || (byte >= 32 && byte < 127));
  if (isText) return "text instead of the Kafka protocol";
  return `bytes that are no Kafka request (a size of ${size} bytes)`;
}
