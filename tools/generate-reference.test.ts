import { equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { generatedFiles } from "./generate-reference.ts";
import { ROOT } from "./source-files.ts";

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the code's tables say`, () => {
    equal(readFileSync(join(ROOT, path), "utf8"), text, "run `npm run generate`");
  });
}
