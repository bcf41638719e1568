import { deepEqual, equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importsOf, layerProblems, SERVER_LAYERS } from "./layers.ts";
import { ROOT } from "./source-files.ts";

const SERVER = "packages/server/src";

// Each line: importing file, its text, what the message must name.
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  [`${SERVER}/wal/a.ts`, `import { b } from "../partition/b.ts";`, /wal \(layer 2\) must not import partition \(layer 6\)/],
  [`${SERVER}/wal/a.ts`, `import type { B } from "../partition/b.ts";`, /wal \(layer 2\)/],
  [`${SERVER}/wal/a.ts`, `export { b } from "../partition/b.ts";`, /wal \(layer 2\)/],
  [`${SERVER}/wal/a.ts`, `const { b } = await import("../partition/b.ts");`, /wal \(layer 2\)/],
  [`${SERVER}/wal/a.ts`, `import {\n  b,\n  type C,\n} from "../partition/b.ts";`, /wal \(layer 2\)/],
  [`${SERVER}/wal/a.ts`, `import "../quota/b.ts";`, /must not import quota \(layer 2\)/],
  [`${SERVER}/io/real/a.ts`, `import { b } from "../../telemetry/b.ts";`, /must not import telemetry/],
  [`${SERVER}/io/real/a.ts`, `import type { B } from "../../wal/b.ts";`, /must not import wal/],
  [`${SERVER}/io/a.ts`, `import type { B } from "../telemetry/b.ts";`, /must not import telemetry/],
  [`${SERVER}/wal/a.ts`, `import { b } from "../elsewhere/b.ts";`, /not in the layer table/],
  [`${SERVER}/kafka/handlers/a.ts`, `import { b } from "../../testing/b.ts";`, /imports testing/],
  [`${SERVER}/kafka/handlers/a.ts`, `import { b } from "./b.test.ts";`, /imports a test/],
  [`${SERVER}/kafka/a.ts`, `import { b } from "@tidemq/client/b.ts";`, /server must not import client/],
  ["packages/protocol/src/a.ts", `import { b } from "@tidemq/server/base/b.ts";`, /protocol must not import server/],
  ["packages/client/src/a.ts", `import { b } from "@tidemq/server/base/b.ts";`, /client must not import server/],
  ["packages/cli/src/a.ts", `import { b } from "@tidemq/server/base/b.ts";`, /only lazily/],
  ["packages/other/src/a.ts", `import { b } from "@tidemq/server/base/b.ts";`, /not in the table/],
  [`${SERVER}/wal/a.ts`, `import { b } from "../../test/b.ts";`, /no package's src/],
];

for (const [path, text, expected] of BROKEN) {
  test(`refuses in ${path}: ${text}`, () => {
    const problems = layerProblems([{ path, text }]);
    equal(problems.length, 1);
    match(problems[0]?.message ?? "", expected);
  });
}

test("allows downward imports, the own folder, lazy imports of the command line, anything in tests", () => {
  const files = [
    { path: `${SERVER}/partition/a.ts`, text: `import { b } from "../wal/b.ts"; import { c } from "./c.ts"; import fs from "node:fs";` },
    { path: `${SERVER}/wal/a.test.ts`, text: `import { b } from "../testing/b.ts"; import { c } from "@tidemq/client/c.ts";` },
    { path: `${SERVER}/testing/a.ts`, text: `import { b } from "../process/b.ts";` },
    {
      path: "packages/cli/src/a.ts",
      text: `const { b } = await import("@tidemq/server/b.ts"); import type { C } from "@tidemq/server/c.ts";`,
    },
    { path: `${SERVER}/io/real/a.ts`, text: `import type { B } from "../../telemetry/b.ts";` },
    { path: `${SERVER}/base/a.ts`, text: `// import { b } from "../wal/b.ts";\nconst text = 1;` },
  ];
  deepEqual(layerProblems(files), []);
});

test("finds a cycle of value imports, once, and ignores type imports", () => {
  const a = { path: `${SERVER}/wal/a.ts`, text: `import { b } from "./b.ts";` };
  const b = { path: `${SERVER}/wal/b.ts`, text: `import { c } from "./c.ts";` };
  const problems = layerProblems([a, b, { path: `${SERVER}/wal/c.ts`, text: `import { a } from "./a.ts";` }]);
  equal(problems.length, 1);
  match(problems[0]?.message ?? "", /cycle of value imports: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts/);
  deepEqual(layerProblems([a, b, { path: `${SERVER}/wal/c.ts`, text: `import type { A } from "./a.ts";` }]), []);
});

test("tells values from types, and lines", () => {
  deepEqual(importsOf(`import type { A } from "./a.ts";\nimport { type B } from "./b.ts";\nexport * from "./c.ts";\nimport("./d.ts");`), [
    { specifier: "./a.ts", line: 1, kind: "type" },
    { specifier: "./b.ts", line: 2, kind: "value" },
    { specifier: "./c.ts", line: 3, kind: "value" },
    { specifier: "./d.ts", line: 4, kind: "lazy" },
  ]);
});

test("ARCHITECTURE.md shows the table that is enforced", () => {
  const text = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
  const rows = [...text.matchAll(/^\| (\d) \| ([^|]+) \|/gm)].map((match) =>
    [...(match[2] ?? "").matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  deepEqual(rows, SERVER_LAYERS);
});
