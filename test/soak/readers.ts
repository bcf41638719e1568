import type { Client } from "@tidemq/client/client.ts";
import type { Consumer } from "@tidemq/client/consumer.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { isValueAt, placeOf, type Seen } from "./ledger.ts";
import { count, repeat, type Stage } from "./roles.ts";
import type { SoakTopic } from "./writers.ts";

const CATCH_UP_EVERY_MS = 40_000;

/** Reads all partitions from their beginning, each record as it comes. @returns What ends it. */
export function tail(stage: Stage, client: Client, topics: readonly SoakTopic[], seen: Seen): () => void {
  const consumer = client.consumer();
  const places = topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  );
  consumer.assign(places.map((place) => ({ ...place, from: 0 })));
  followTail(stage, consumer, seen).catch((error: unknown) => stage.faults.add(`tail: ${String(error)}`));
  return () => consumer.close();
}

async function followTail(stage: Stage, consumer: Consumer, seen: Seen): Promise<void> {
  for await (const batch of consumer) {
    const place = placeOf(batch.topic, batch.partition);
    for (const { offset, value } of batch.records()) {
      if (!seen.add(place, offset)) stage.faults.add(`tail: ${place} offset ${offset} is out of order`);
      if (!isValueAt(place, offset, value)) stage.faults.add(`tail: ${place} offset ${offset} holds something else`);
    }
  }
}

/** Now and then somebody new reads a partition from what its log begins with to its end, mostly from the bucket. */
export async function catchUp(stage: Stage, topics: readonly SoakTopic[]): Promise<void> {
  const places = topics.flatMap(({ name, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ name, partition })));
  await repeat(stage, "catch-ups", CATCH_UP_EVERY_MS, async (round) => {
    const { name, partition } = places[round % places.length] as (typeof places)[number];
    const client = openClient({ bootstrap: [stage.at] });
    try {
      await readToEnd(stage, client, name, partition);
    } finally {
      await client.close();
    }
  });
}

async function readToEnd(stage: Stage, client: Client, topic: string, partition: number): Promise<void> {
  const place = placeOf(topic, partition);
  const end = stage.written.end(topic, partition);
  const consumer = client.consumer({ outOfRange: "earliest" });
  consumer.assign([{ topic, partition, from: "earliest" }]);
  const close = (): void => consumer.close();
  stage.over.addEventListener("abort", close);
  let next: number | undefined;
  while ((next ?? 0) < end) {
    const records = (await consumer.next())?.records();
    if (records === undefined) return;
    for (const { offset, value } of records) {
      if (offset !== (next ?? offset) && !(await wasRemoved(client, topic, partition, offset))) {
        stage.faults.add(`catch-up: ${place} offset ${offset} follows ${next}`);
      }
      if (!isValueAt(place, offset, value)) stage.faults.add(`catch-up: ${place} offset ${offset} holds something else`);
      next = offset + 1;
    }
    count(stage, "caught-up records", records.length);
  }
  stage.over.removeEventListener("abort", close);
  consumer.close();
}

/** Whether retention has overtaken the reader: all below this offset is gone. */
async function wasRemoved(client: Client, topic: string, partition: number, below: number): Promise<boolean> {
  const [start] = await client.admin.listOffsets([{ topic, partition, at: "earliest" }]);
  return (start?.offset ?? 0) >= below;
}
