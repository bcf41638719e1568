import type { Client } from "@tidemq/client/client.ts";
import type { BatchReport } from "@tidemq/client/producer-batch.ts";
import type { Compression } from "@tidemq/protocol/compression.ts";
import { runProgram } from "../clients/run-program.ts";
import { placeOf, valueAt } from "./ledger.ts";
import { count, repeat, type Stage } from "./roles.ts";

const TICK_MS = 250;
const RECORDS_PER_TICK = 4;
const KCAT_EVERY_MS = 15_000;
const KCAT_RECORDS = 100;

export type SoakTopic = Readonly<{ name: string; partitions: number; compression: Compression; configs: Readonly<Record<string, string>> }>;

const BY_TIME = { "retention.ms": "120000" };
const BY_SIZE = { "retention.bytes": String(24 * 1024 * 1024) };

/** What steady producers write to. kafkajs, which reads one of them, knows gzip only. */
export const TOPICS: readonly SoakTopic[] = [
  { name: "timed-lz4", partitions: 2, compression: "lz4", configs: BY_TIME },
  { name: "timed-zstd", partitions: 2, compression: "zstd", configs: BY_TIME },
  { name: "sized-gzip", partitions: 2, compression: "gzip", configs: BY_SIZE },
  { name: "sized-snappy", partitions: 1, compression: "snappy", configs: BY_SIZE },
  { name: "sized-none", partitions: 1, compression: "none", configs: BY_SIZE },
];
export const KCAT_TOPIC: SoakTopic = { name: "kcat-zstd", partitions: 1, compression: "zstd", configs: BY_TIME };

/** A few records to each partition, four times a second, with acks all and idempotence, until the load is over. */
export async function writeSteadily(stage: Stage, client: Client, topic: SoakTopic): Promise<void> {
  const producer = client.producer({ compression: topic.compression, onBatch: (report) => judgeBatch(stage, report) });
  const ends = new Array<number>(topic.partitions).fill(0);
  await repeat(stage, "ticks", TICK_MS, async () => {
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      for (let n = 0; n < RECORDS_PER_TICK; n += 1) {
        const offset = ends[partition] ?? 0;
        ends[partition] = offset + 1;
        await producer.enqueue({ topic: topic.name, partition, value: valueAt(placeOf(topic.name, partition), offset) });
      }
    }
  });
  await producer.close();
}

/** The only writer of a partition is told the offset after its last one. */
function judgeBatch(stage: Stage, { topic, partition, baseOffset, recordCount, latencyMs, error }: BatchReport): void {
  const place = placeOf(topic, partition);
  if (error !== undefined) return stage.faults.add(`${place}: a batch failed: ${error.message}`);
  const end = stage.written.end(topic, partition);
  if (baseOffset !== end) stage.faults.add(`${place}: acknowledged at ${baseOffset} instead of ${end}`);
  stage.written.acknowledged(topic, partition, end + recordCount);
  stage.written.records += recordCount;
  stage.produceMs.push(latencyMs);
}

/** librdkafka: a process that comes, writes a hundred records, and goes. */
export async function writeWithKcat(stage: Stage): Promise<void> {
  const { name, compression } = KCAT_TOPIC;
  const place = placeOf(name, 0);
  const args = ["-q", "-b", `${stage.at.host}:${stage.at.port}`, "-P", "-t", name, "-p", "0", "-z", compression];
  const options = ["-X", "acks=all", "-X", "enable.idempotence=true", "-X", "linger.ms=5"];
  await repeat(stage, "kcat producers", KCAT_EVERY_MS, async () => {
    const from = stage.written.end(name, 0);
    const lines = Array.from({ length: KCAT_RECORDS }, (_, n) => valueAt(place, from + n).toString());
    const { code, stderr } = await runProgram("kcat", [...args, ...options], { input: `${lines.join("\n")}\n` });
    if (code !== 0) throw new Error(`kcat ended with code ${code}: ${stderr}`);
    stage.written.acknowledged(name, 0, from + KCAT_RECORDS);
    stage.written.records += KCAT_RECORDS;
    count(stage, "kcat records", KCAT_RECORDS);
  });
}
