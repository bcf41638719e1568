// Goal: the hours of load of `npm run soak` can be begun at any time: all its roles play for a third of a minute, and nothing goes wrong.
import { equal, match } from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../clients/run-program.ts";
import { missingProgram } from "../clients/suite.ts";
import { WITHOUT_PROC } from "../process/server-process.ts";
import { WITHOUT_VERSITYGW } from "./versitygw.ts";

const RUN = join(import.meta.dirname, "..", "soak", "run.ts");
const MS_MAX = 120_000;

test("a third of a minute of soak", { skip: WITHOUT_VERSITYGW ?? missingProgram("kcat", "kcat", "-V") ?? WITHOUT_PROC }, async () => {
  const { code, stdout, stderr } = await runProgram(process.execPath, [RUN, "--minutes", "0.34"], { msMax: MS_MAX });
  equal(code, 0, `${stdout}\n${stderr}`);
  match(stdout, /Every acknowledged record was read in order, with no hole, and no group went back/);
  match(stdout, /records acknowledged: [1-9]\d{3}/);
});
