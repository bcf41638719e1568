// Goal: franz-go, the usual client of Go, works as with Kafka.
// Method: the program in go/. What it wrote is looked at as it is stored.
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { storedBatches } from "./calls.ts";
import { programOfChecks } from "./checks.ts";
import { goProblem } from "./franz-go.ts";
import { output } from "./run-program.ts";
import { suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", ".cache", "clients", "client-checks");
const CHECKS_MIN = 24;
const BUILD_MS_MAX = 110_000;

suite("franz-go", goProblem(), () => {
  const prefix = freshName("go");
  let target: Target;
  let wire: Wire;

  before(async () => {
    await output("go", ["build", "-o", PROGRAM, "."], { folder: join(import.meta.dirname, "go"), msMax: BUILD_MS_MAX });
    target = await startTarget();
    wire = await Wire.connect(target);
  });
  after(async () => {
    wire?.close();
    await target?.stop();
  });

  programOfChecks("go/main.go", () => [PROGRAM, target.bootstrap, prefix], CHECKS_MIN);

  test("each of its compressions is stored as it is", async () => {
    for (const compression of COMPRESSIONS) {
      const batches = await storedBatches(wire, { name: `${prefix}-go-${compression}`, topicId: "" });
      deepEqual(new Set(batches.map((one) => one.compression)), new Set([compression]));
    }
  });
});
