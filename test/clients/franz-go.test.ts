// Goal: franz-go, the usual client of Go, works as with Kafka.
// Method: the program in go/. What it wrote is looked at as it is stored.
import { deepEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { storedBatches } from "./calls.ts";
import { programOfChecks } from "./checks.ts";
import { output } from "./run-program.ts";
import { missingProgram, suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", ".cache", "clients", "client-checks");
const CHECKS_MIN = 24;
/** From this minor version of Go 1 on, it fetches by itself the version that a module needs. */
const GO_MINOR_MIN = 21;
const BUILD_MS_MAX = 110_000;

suite("franz-go", missingProgram("go", "golang-go", "version") ?? tooOld(), () => {
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

function tooOld(): string | undefined {
  const said = spawnSync("go", ["version"], { encoding: "utf8" }).stdout;
  const minor = Number(/go1\.(\d+)/.exec(said)?.[1] ?? 0);
  return minor >= GO_MINOR_MIN ? undefined : `${said.trim()} is too old: 1.${GO_MINOR_MIN} or newer is needed (https://go.dev/dl)`;
}
