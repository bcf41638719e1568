// Writes testdata/golden-bytes.json: every declared message, every version, as Kafka's own classes encode it.
//
//   node test/wire/golden/write-golden.ts DIR
//
// DIR holds kafka-clients, slf4j-api and jackson-{core,databind,annotations} as jars. Needs a JDK (17 or later). Run it when a message is added,
// or when sample-value.ts changes; the test reads only what was written.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { declaredMessages, versionsOf } from "../declarations.ts";
import { sampleValue } from "../sample-value.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: write-golden.ts DIRECTORY_OF_JARS");

const lines: string[] = [];
for (const message of await declaredMessages()) {
  for (const version of versionsOf(message)) {
    for (const kind of ["full", "empty"] as const) {
      lines.push([message.name, version, kind, kafkaJson(sampleValue(message, version, kind))].join("\t"));
    }
  }
}
const java = spawnSync("java", ["-cp", join(directory, "*"), join(import.meta.dirname, "GoldenBytes.java")], {
  input: lines.join("\n"),
  maxBuffer: 1 << 28,
  encoding: "utf8",
});
if (java.status !== 0) throw new Error(java.stderr);

const golden: Record<string, Record<string, Record<string, string>>> = {};
for (const line of java.stdout.trim().split("\n")) {
  const [name, version, kind, hex] = line.split("\t") as [string, string, string, string];
  ((golden[name] ??= {})[version] ??= {})[kind] = hex;
}
writeFileSync(new URL("../testdata/golden-bytes.json", import.meta.url), `${JSON.stringify(golden, undefined, 2)}\n`);

/** Kafka's JSON form: bytes in base64, 64-bit integers as plain numbers. */
function kafkaJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map(kafkaJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}:${kafkaJson(inner)}`)
    .join(",")}}`;
}
