import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadStartConfig } from "../packages/server/src/config/load-config.ts";
import type { StartConfig } from "../packages/server/src/config/server-config.ts";
import { generatedFiles } from "./generate-reference.ts";
import { ROOT } from "./source-files.ts";

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the code's tables say`, () => {
    equal(readFileSync(join(ROOT, path), "utf8"), text, "run `npm run generate`");
  });
}

function load(args: readonly string[], text: string): StartConfig {
  return loadStartConfig({ args, environment: {}, readText: () => text });
}

test("the example file, with every default uncommented, is the default configuration", () => {
  const example = generatedFiles().get("config/start.toml") ?? "";
  const uncommented = example.replace(/^# ([a-z-]+ = (?!"…").*)$/gm, "$1");
  ok(/^sync = true$/m.test(uncommented) && /^wal-capacity = "1GiB"$/m.test(uncommented), uncommented);
  deepEqual(load(["--config", "x"], uncommented), load([], ""));
  deepEqual(load(["--config", "x"], example), load([], ""));
});
