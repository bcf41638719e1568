import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { codeText } from "./code-text.ts";
import { tidyProblems } from "./tidy.ts";

const WAL = "packages/server/src/wal/x.ts";
const README = { path: "packages/server/src/wal/README.md", text: "# wal\n" };

function messages(path: string, text: string): readonly string[] {
  return tidyProblems([README, { path, text }]).map(({ line, message }) => `${line} ${message}`);
}

// Each line: where, a text that breaks exactly one rule, what the message must name.
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  [WAL, `import { open } from "node:fs";`, /interface of packages\/server\/src\/io/],
  [WAL, `import { open } from "node:fs/promises";`, /interface of/],
  [WAL, `import net from 'node:net';`, /interface of/],
  [WAL, `const { Worker } = await import("node:worker_threads");`, /interface of/],
  [WAL, `const at = Date.now();`, /Clock\.wallMs/],
  [WAL, `const at = new Date();`, /Clock\.wallMs/],
  [WAL, `const at = performance.now();`, /Clock\.monotonicMs/],
  [WAL, `const pick = Math.random();`, /Random/],
  [WAL, `setTimeout(run, 5);`, /Clock\.after/],
  [WAL, `setInterval(run, 5);`, /Clock\.after/],
  [WAL, `setImmediate(run);`, /Clock\.nextTurn/],
  [WAL, `console.log(1);`, /Log/],
  [WAL, `const home = process.env["HOME"];`, /an argument/],
  [WAL, `slab.set(batch, 7);`, /Buffer\.copy/],
  [WAL, `slab.subarray(3, 9).set(batch);`, /Buffer\.copy/],
  [WAL, `export enum Kind { A }`, /union of literals/],
  [WAL, `const enum Kind { A }`, /union of literals/],
  [WAL, `namespace Kind {}`, /a module/],
  [WAL, `// TODO: later`, /an issue/],
  [WAL, `const a = 1; // FIXME`, /an issue/],
  ["docs/x.md", `XXX`, /an issue/],
  ["docs/x.md", `Look into /home/someone/notes.`, /one machine/],
  ["config/x.toml", `data = "/Users/someone/data"`, /one machine/],
  [WAL, `export * from "./y.ts";`, /barrels/],
  [WAL, `const long = "${"x".repeat(160)}";`, /at most 160/],
  ["packages/server/src/wal/index.ts", "", /names no idea/],
  ["packages/client/src/utils/x.ts", "", /names no idea/],
  ["packages/client/src/x.ts", `const at = Date.now();`, /Clock\.wallMs/],
  ["packages/server/src/wal/x.test.ts", `const pick = Math.random();`, /fixed seeds/],
  ["packages/server/src/stuff/x.ts", "", /layer table/],
  ["packages/server/src/tier/x.ts", "", /README|missing/],
  ["packages/server/src/tier/README.md", "line\n".repeat(41), /41 lines, at most 40/],
];

for (const [path, text, expected] of BROKEN) {
  test(`refuses in ${path}: ${text.slice(0, 60)}`, () => {
    const found = messages(path, text);
    equal(found.length, 1, found.join("\n"));
    match(found[0] ?? "", expected);
  });
}

const ALLOWED: readonly (readonly [string, string])[] = [
  ["packages/server/src/io/real/x.ts", `import fs from "node:fs"; setTimeout(run, Date.now());`],
  ["packages/client/src/real/x.ts", `import net from "node:net";`],
  ["packages/cli/src/x.ts", `console.log(process.argv, Date.now());`],
  ["tools/x.ts", `import fs from "node:fs"; console.log(1);`],
  ["packages/server/src/wal/x.test.ts", `import { readFileSync } from "node:fs";`],
  ["packages/server/src/process/x.ts", `process.on("SIGTERM", stop);`],
  [WAL, `// Date.now() is banned, setTimeout( too`],
  [WAL, `const text = "Date.now()"; const pattern = /Math.random/;`],
  [WAL, `this.#offsets.set(partition, 7); positions.set(1, 2);`],
  [WAL, `const at = new Date(wallMs); clock.after(5, run); this.timer.setTimeoutMs = 5;`],
  [WAL, `const word = "enumerate"; type Enum = 1; // an enum is`],
  ["packages/server/src/io/x.md", `/${"x".repeat(300)}`],
  ["docs/x.md", "see https://example.com/home/page and docs/home/x, ./data"],
];

for (const [path, text] of ALLOWED) {
  test(`allows in ${path}: ${text.slice(0, 60)}`, () => {
    const io = { path: "packages/server/src/io/README.md", text: "# io\n" };
    const process = { path: "packages/server/src/process/README.md", text: "# process\n" };
    deepEqual(tidyProblems([README, io, process, { path, text }]), []);
  });
}

test("a problem names its line", () => {
  match(messages(WAL, "const a = 1;\n\n  setTimeout(run, a);\n")[0] ?? "", /^3 /);
});

test("code text keeps code and columns, and blanks the rest", () => {
  equal(codeText("a /* b\n */ + 'c' // d"), "a     \n    + ' '     ");
  equal(codeText("`x${a + `y${b}`}z` + c"), "` ${a + ` ${b}`} ` + c");
  equal(codeText("`${{ a: 1 }.a}` + b"), "`${{ a: 1 }.a}` + b");
  equal(codeText("x = a / b / c; y = /[/'\"]/.test(z)"), "x = a / b / c; y = /     /.test(z)");
  equal(codeText('"\\"" + a'), '"  " + a');
  equal(codeText('"x" // y', true), '"x"     ');
});
