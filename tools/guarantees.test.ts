// Goal: what docs/reference/guarantees.md names as tried and as protected exists: a promise without its test is none.
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./source-files.ts";

const PAGE = "docs/reference/guarantees.md";
const COLUMNS = "| promise | kept by | tried in | mutations |";

type Row = Readonly<{ promise: string; tests: string; mutations: string }>;

function rows(): Row[] {
  const lines = readFileSync(join(ROOT, PAGE), "utf8").split("\n");
  let isPromise = false;
  return lines.flatMap((line) => {
    if (line === COLUMNS) isPromise = true;
    else if (!line.startsWith("|")) isPromise = false;
    if (!isPromise || line === COLUMNS || line.startsWith("|---")) return [];
    const [, promise = "", , tests = "", mutations = ""] = line.split("|").map((cell) => cell.trim());
    return [{ promise, tests, mutations }];
  });
}

function named(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
}

/** A path, or a scenario by its name. */
function testPath(name: string): string {
  return name.includes("/") ? name : `test/sim/scenarios/${name}.ts`;
}

test("every test, scenario and mutation that is named exists", () => {
  const all = rows();
  ok(all.length > 15, `${all.length} promises`);
  const paths = all.flatMap(({ tests, mutations }) => [
    ...named(tests).map(testPath),
    ...named(mutations).map((name) => `test/sim/mutations/${name}.patch`),
  ]);
  deepEqual(
    paths.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test("each promise is tried somewhere, and says which protection is seen when it is gone, or that none is yet", () => {
  for (const { promise, tests, mutations } of rows()) {
    ok(named(tests).length > 0 || tests === "every scenario", promise);
    ok(named(mutations).length > 0 || mutations === "none yet", promise);
  }
});
