import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";

/** Declares a suite, or one skipped test that says how to get what it needs. A skipped `describe` would not be counted at all. */
export function suite(name: string, missing: string | undefined, body: () => void): void {
  if (missing === undefined) describe(name, body);
  else test(name, { skip: missing }, () => undefined);
}

/** Why a program cannot be used; undefined = it can. */
export function missingProgram(program: string, debianPackage: string, probe = "--version"): string | undefined {
  if (spawnSync(program, [probe], { stdio: "ignore" }).error === undefined) return undefined;
  return `${program} is not installed (Debian: apt-get install ${debianPackage})`;
}
