import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { libraryFolder } from "./kafka-server.ts";
import { cpuSeconds, untilQuiet } from "./process-cost.ts";
import type { Figures, Target } from "./target.ts";

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 1 << 24;
let runs = 0;

/** What Kafka's own tool says in its last line: start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, records/s. */
const FETCH_MIB_AT = 8;
const FIELDS = 10;

/** Kafka's consumer, the only member of a new group, reads so many records of a topic from its beginning. */
export async function consumeInGroup(target: Target, topic: string, records: number): Promise<Figures> {
  runs += 1;
  const before = cpuSeconds(target.processId);
  const flags = ["-Xmx512m", "-cp", join(libraryFolder(), "*"), "org.apache.kafka.tools.ConsumerPerformance"];
  const what = ["--bootstrap-server", `${target.host}:${target.port}`, "--topic", topic, "--group", `consume-${runs}`];
  const { stdout } = await run("java", [...flags, ...what, "--num-records", `${records}`, "--hide-header"], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  const fields =
    stdout
      .trim()
      .split("\n")
      .at(-1)
      ?.split(",")
      .map((field) => field.trim()) ?? [];
  if (fields.length !== FIELDS) throw new Error(`the consumer said: ${stdout.slice(-500)}`);
  await untilQuiet(target.processId);
  const gib = records / 1024 / 1024;
  return { "MiB/s": Number(fields[FETCH_MIB_AT]), "broker CPU s/GiB": (cpuSeconds(target.processId) - before) / gib };
}
