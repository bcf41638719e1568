// Goal: Kafka's own Java clients of version 4.3 work as with Kafka.
// Method: java/ClientChecks.java. What it wrote is looked at as it is stored.
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { storedBatches } from "./calls.ts";
import { programOfChecks } from "./checks.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const CHECKS_MIN = 28;

suite("Java clients", kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version"), () => {
  const prefix = freshName("java");
  let target: Target;
  let wire: Wire;

  before(async () => {
    await downloadKafka();
    target = await startTarget();
    wire = await Wire.connect(target);
  });
  after(async () => {
    wire?.close();
    await target?.stop();
  });

  programOfChecks("java/ClientChecks.java", () => ["java", ...javaArguments(), target.bootstrap, prefix], CHECKS_MIN);

  test("each of its compressions is stored as it is", async () => {
    for (const compression of COMPRESSIONS) {
      const batches = await storedBatches(wire, { name: `${prefix}-java-${compression}`, topicId: "" });
      deepEqual(new Set(batches.map((one) => one.compression)), new Set([compression]));
    }
  });
});

/** Java compiles a program of one file as it starts it. */
function javaArguments(): string[] {
  const silent = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off";
  return [silent, "-cp", join(libraryFolder(), "*"), join(import.meta.dirname, "java", "ClientChecks.java")];
}
