// Writes testdata/golden-batches.json: record batches as Kafka's own classes make them, with every compression; and lets those classes read the
// batches that we make.
//
//   node test/wire/golden/write-batches.ts DIR
//
// DIR holds as jars what write-golden.ts needs, and lz4-java, snappy-java and zstd-jni.
import { deepEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { goldenRecords } from "../golden-records.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: write-batches.ts DIRECTORY_OF_JARS");

const written = lines(runJava("write", ""));
writeFileSync(
  new URL("../testdata/golden-batches.json", import.meta.url),
  `${JSON.stringify(Object.fromEntries(written), undefined, 2)}\n`,
);

const records = goldenRecords();
const options = { baseOffset: 1000, leaderEpoch: 9, producerId: 77, producerEpoch: 3, baseSequence: 12 };
const ours = COMPRESSIONS.map(
  (compression) => `${compression}\t${Buffer.from(buildBatch(records, { ...options, compression })).toString("hex")}`,
);
const understood = lines(runJava("read", ours.join("\n")));
const expected = records.map(
  (record, i) =>
    `${1000 + i}:${record.timestampMs}:${record.key?.toString() ?? "null"}:${record.value?.byteLength ?? -1}:${record.headers?.length ?? 0}`,
);
const header = `77/3/12/${Math.max(...records.map((record) => record.timestampMs))}`;
for (const [name, text] of understood) deepEqual(text.split(" "), [header, ...expected], name);
console.log(`Kafka reads our batches: ${understood.map(([name]) => name).join(", ")}`);

function runJava(mode: "write" | "read", input: string): string {
  const java = spawnSync("java", ["-cp", join(directory as string, "*"), join(import.meta.dirname, "GoldenBatches.java"), mode], {
    input,
    maxBuffer: 1 << 28,
    encoding: "utf8",
  });
  if (java.status !== 0) throw new Error(java.stderr);
  return java.stdout;
}

function lines(text: string): [string, string][] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.split("\t") as [string, string]);
}
