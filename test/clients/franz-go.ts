import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { output } from "./run-program.ts";
import { missingProgram } from "./suite.ts";

const BUILD_MS_MAX = 110_000;

/** What go/numbers is built to. */
export const NUMBERS_PROGRAM = join(import.meta.dirname, "..", "..", ".cache", "clients", "numbers");

/** Builds go/numbers, a numbered producer and a member of a group. */
export async function buildNumbers(): Promise<void> {
  await output("go", ["build", "-o", NUMBERS_PROGRAM, "./numbers"], { folder: join(import.meta.dirname, "go"), msMax: BUILD_MS_MAX });
}

/** From this minor version of Go 1 on, it fetches by itself the version that a module needs. */
const GO_MINOR_MIN = 21;

/** Why the programs in go/ cannot be built; undefined = they can. */
export function goProblem(): string | undefined {
  return missingProgram("go", "golang-go", "version") ?? tooOld();
}

function tooOld(): string | undefined {
  const said = spawnSync("go", ["version"], { encoding: "utf8" }).stdout;
  const minor = Number(/go1\.(\d+)/.exec(said)?.[1] ?? 0);
  return minor >= GO_MINOR_MIN ? undefined : `${said.trim()} is too old: 1.${GO_MINOR_MIN} or newer is needed (https://go.dev/dl)`;
}
