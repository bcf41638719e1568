import { deepEqual, equal, match } from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { protoProblems } from "./proto.ts";
import { GENERATED_PROTO, ROOT } from "./source-files.ts";

type Copy = Readonly<{ proto: string; generated: string }>;

function copy(t: TestContext): Copy {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-proto-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const made = { proto: join(folder, "proto"), generated: join(folder, "generated") };
  cpSync(join(ROOT, "proto"), made.proto, { recursive: true });
  cpSync(join(ROOT, GENERATED_PROTO), made.generated, { recursive: true });
  return made;
}

function replace(file: string, before: string, after: string): void {
  const text = readFileSync(file, "utf8");
  const changed = text.replace(before, after);
  equal(changed === text, false, `${before} is not in ${file}`);
  writeFileSync(file, changed);
}

const problemsOf = ({ proto, generated }: Copy): string[] => protoProblems(proto, generated);

test("the contracts and the code made of them are in order", (t) => {
  deepEqual(problemsOf(copy(t)), []);
});

test("a field that was promised and gets another number breaks the promise, and the code is stale", (t) => {
  const made = copy(t);
  replace(join(made.proto, "controller/broker.proto"), "string rack = 4;", "string rack = 44;");
  const [breaking, stale] = problemsOf(made);
  match(breaking ?? "", /buf breaking: .*Previously present field "4" with name "rack"/);
  match(stale ?? "", /controller\/broker\.ts: is not current/);
});

test("a new field breaks nothing", (t) => {
  const made = copy(t);
  replace(join(made.proto, "controller/broker.proto"), "string rack = 4;", "string rack = 4;\n  string zone = 99;");
  deepEqual(
    problemsOf(made).map((problem) => /is not current/.test(problem)),
    [true],
  );
});

test("code that was changed by hand, or that nothing generates, is found", (t) => {
  const made = copy(t);
  replace(join(made.generated, "common/types.ts"), "port: 0", "port: 1");
  writeFileSync(join(made.generated, "common/old.ts"), "");
  const [old, changed] = problemsOf(made);
  match(old ?? "", /common\/old\.ts: nothing generates it/);
  match(changed ?? "", /common\/types\.ts: is not current/);
});

test("a message without a comment is refused", (t) => {
  const made = copy(t);
  replace(
    join(made.proto, "common/types.proto"),
    "// One life of a broker: what it does counts only while this epoch is its newest.\n",
    "",
  );
  match(problemsOf(made)[0] ?? "", /buf lint: .*BrokerLife/);
});
