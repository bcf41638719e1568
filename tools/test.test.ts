// Goal: `npm test` and its likes run what they are asked for, and nothing beside it.
import { deepEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./source-files.ts";
import { testFiles } from "./test.ts";

const SUITES = ["test/cluster/**/*.test.ts"];

test("without paths: the suites", () => {
  const files = testFiles([], SUITES, ROOT);
  ok(files.includes("test/cluster/cuts.test.ts"), files.join());
  ok(files.every((file) => file.startsWith("test/cluster/")));
});

test("with paths: these alone, from where it was called", () => {
  deepEqual(testFiles(["test/cluster/cuts.test.ts"], SUITES, ROOT), ["test/cluster/cuts.test.ts"]);
  deepEqual(testFiles(["cuts.test.ts"], SUITES, join(ROOT, "test", "cluster")), ["test/cluster/cuts.test.ts"]);
  ok(testFiles(["tools"], SUITES, ROOT).includes("tools/test.test.ts"));
});
