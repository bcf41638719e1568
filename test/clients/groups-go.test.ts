// Goal: members of groups that use franz-go join, share, commit, leave and come back as with Kafka, by both protocols.
// Method: go/groups.go. Static members of the new protocol are not tried: the library does not say that they leave for a while.
import { join } from "node:path";
import { after, before } from "node:test";
import { programOfChecks } from "./checks.ts";
import { goProblem } from "./franz-go.ts";
import { output } from "./run-program.ts";
import { suite } from "./suite.ts";
import { freshName, startTarget, type Target } from "./target.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", ".cache", "clients", "group-checks");
const CHECKS_MIN = 5;
const BUILD_MS_MAX = 110_000;

suite("groups: franz-go", goProblem(), () => {
  let target: Target;

  before(async () => {
    await output("go", ["build", "-o", PROGRAM, "."], { folder: join(import.meta.dirname, "go"), msMax: BUILD_MS_MAX });
    target = await startTarget();
  });
  after(() => target?.stop());

  programOfChecks("go/groups.go", () => [PROGRAM, target.bootstrap, freshName("go"), "groups"], CHECKS_MIN);
});
