/** A record with the fields that its test needs as Buffers. */
type GoldenRecord = Readonly<{
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: { key: string; value: Buffer | null }[];
}>;

/** The records in testdata/golden-batches.json; golden/GoldenBatches.java makes the same. */
export function goldenRecords(): GoldenRecord[] {
  return Array.from({ length: 40 }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + (i % 5) * 1000 - i,
    key: i % 3 === 0 ? null : Buffer.from(`key-${i}`),
    value: i % 7 === 3 ? null : Buffer.from(`value ${i} `.repeat(i === 20 ? 8000 : i)),
    headers:
      i % 4 === 0
        ? [
            { key: "größe", value: Buffer.from(`${i}`) },
            { key: "null", value: null },
          ]
        : [],
  }));
}
