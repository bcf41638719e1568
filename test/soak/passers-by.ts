import { connect } from "node:net";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { count, pause, repeat, type Stage } from "./roles.ts";

const CONNECT_EVERY_MS = 500;
const TOPIC_EVERY_MS = 3_000;
const LONG_LIFE_MS = 12_000;
const BRIEF_PARTITIONS = 3;
const BRIEF_RECORDS = 30;
const HANG_MS = 300;

/** Connections that come and go: of clients that close, that vanish, and of strangers who say half a frame. */
export async function connections(stage: Stage): Promise<void> {
  await repeat(stage, "passing connections", CONNECT_EVERY_MS, async (round) => {
    if (round % 3 === 2) return stranger(stage, round);
    const client = openClient({ bootstrap: [stage.at] });
    await client.admin.describeCluster();
    if (round % 3 === 0) await client.close();
    else client.abort();
  });
}

async function stranger(stage: Stage, round: number): Promise<void> {
  const socket = connect(stage.at.port, stage.at.host);
  socket.on("error", () => undefined);
  // Every other one promises a frame of 64 KiB and sends two bytes of it; the others are no Kafka at all.
  socket.write(round % 2 === 0 ? Buffer.from([0, 1, 0, 0, 0, 18]) : "GET / HTTP/1.1\r\n\r\n");
  await pause(stage, HANG_MS);
  socket.destroy();
}

/** Topics that come, are written, read and committed, and go again with their groups. */
export async function topics(stage: Stage): Promise<void> {
  await repeat(stage, "brief topics", TOPIC_EVERY_MS, async (round) => {
    const client = openClient({ bootstrap: [stage.at] });
    const [topic, group] = [`brief-${round}`, `brief-group-${round}`];
    try {
      await client.admin.createTopic({ name: topic, partitions: BRIEF_PARTITIONS });
      const producer = client.producer();
      await Promise.all(
        Array.from({ length: BRIEF_RECORDS }, (_, i) => producer.send({ topic, partition: i % BRIEF_PARTITIONS, value: `${i}` })),
      );
      const consumer = client.consumer();
      consumer.assign(Array.from({ length: BRIEF_PARTITIONS }, (_, partition) => ({ topic, partition, from: "earliest" as const })));
      for (let left = BRIEF_RECORDS; left > 0; ) left -= (await consumer.next())?.records().length ?? left;
      consumer.close();
      await client.groups.commit(group, [{ topic, partition: 0, offset: BRIEF_RECORDS / BRIEF_PARTITIONS }]);
      // Every other topic lives long enough to be uploaded.
      if (round % 2 === 0) await pause(stage, LONG_LIFE_MS);
      await client.groups.delete(group);
      await client.admin.deleteTopic(topic);
      count(stage, "brief records", BRIEF_RECORDS);
    } finally {
      await client.close();
    }
  });
}
