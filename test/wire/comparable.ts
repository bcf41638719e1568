/** The value with bytes as hexadecimal text and −0 as 0, so that values from different decoders can be compared. */
export function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, comparable(inner)]));
  }
  return value === 0 ? 0 : value;
}
