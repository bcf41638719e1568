import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadStartConfig } from "../packages/server/src/config/load-start-config.ts";
import { generatedFiles } from "./generate-reference.ts";
import { ROOT } from "./source-files.ts";

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the code's tables say`, () => {
    equal(readFileSync(join(ROOT, path), "utf8"), text, "run `npm run generate`");
  });
}

test("the example file, with every default uncommented, is the default configuration", () => {
  const example = generatedFiles().get("config/start.toml") ?? "";
  const uncommented = example.replace(/^# ([a-z-]+ = (?!"…").*)$/gm, "$1");
  ok(/^sync = true$/m.test(uncommented) && /^wal-capacity = "1GiB"$/m.test(uncommented), uncommented);
  deepEqual(
    loadStartConfig(["--config", "x"], () => uncommented),
    loadStartConfig([], String),
  );
  deepEqual(
    loadStartConfig(["--config", "x"], () => example),
    loadStartConfig([], String),
  );
});
