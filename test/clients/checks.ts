import { ok } from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "./run-program.ts";

/**
 * Declares one test for a program of checks in another language, and in it one for each line that it prints: `ok NAME`, or
 * `not ok NAME: what was wrong`. What else it prints counts only when it fails.
 */
export function programOfChecks(name: string, program: () => readonly string[], checksMin: number): void {
  test(name, async (t) => {
    const [command = "", ...args] = program();
    const { code, stdout, stderr } = await runProgram(command, args, { msMax: 110_000 });
    const lines = stdout.split("\n").filter((line) => /^(not )?ok /.test(line));
    for (const line of lines) await t.test(line.replace(/^(not )?ok /, ""), () => ok(!line.startsWith("not "), line));
    ok(code === 0 && lines.length >= checksMin, `exit code ${code} after ${lines.length} checks of ${checksMin}\n${stderr.slice(-3000)}`);
  });
}
