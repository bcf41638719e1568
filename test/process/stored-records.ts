import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";

/** A client that comes back soon after its broker has. */
export function quickClient(port: number): Client {
  return openClient({ bootstrap: [{ host: "127.0.0.1", port }], backOff: { firstMs: 10, longestMs: 60 }, bootstrapTimeoutMs: 60_000 });
}

/** Of one record: who wrote it, and which of his records to that partition it is, from 0. */
export type Mark = Readonly<{ producer: number; number: number }>;

const MARK_BYTES = 8;

/** A record's value: its mark, then bytes that follow from it; a few are large. */
export function valueOf({ producer, number }: Mark, bytesMax: number): Buffer {
  const chance = Math.imul(producer * 31 + number + 1, 0x9e3779b1) >>> 0;
  const bytes = chance % 97 === 0 ? bytesMax : chance % 400;
  const value = Buffer.alloc(MARK_BYTES + bytes, chance & 0xff);
  value.writeUInt32BE(producer, 0);
  value.writeUInt32BE(number, 4);
  return value;
}

/** @throws Error when the value is none that `valueOf` made. */
export function markOf(value: Uint8Array | null, bytesMax: number): Mark {
  const bytes = Buffer.from(value ?? []);
  const mark = { producer: bytes.readUInt32BE(0), number: bytes.readUInt32BE(4) };
  if (!valueOf(mark, bytesMax).equals(bytes)) throw new Error(`a record of ${bytes.length} bytes that nobody wrote`);
  return mark;
}

/** Everything that partitions hold, by partition, from the first offset to the end. @throws ClientError */
export async function readAll(client: Client, topic: string, partitions: number, bytesMax: number): Promise<Map<number, Mark[]>> {
  const questions = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, at: "latest" as const }));
  const ends = await client.admin.listOffsets(questions);
  const marks = new Map(ends.map(({ partition }) => [partition, [] as Mark[]]));
  let open = ends.filter(({ offset }) => offset > 0).length;
  const consumer = client.consumer();
  consumer.assign(ends.filter(({ offset }) => offset > 0).map(({ partition }) => ({ topic, partition, from: "earliest" as const })));
  while (open > 0) {
    const batch = await consumer.next();
    if (batch === undefined) break;
    const all = marks.get(batch.partition) ?? [];
    for (const { offset, value } of batch.records()) {
      if (offset !== all.length) throw new Error(`offset ${offset} of partition ${batch.partition} where ${all.length} was expected`);
      all.push(markOf(value, bytesMax));
    }
    if (all.length === ends[batch.partition]?.offset) open -= 1;
  }
  consumer.close();
  return marks;
}
