import { spawnSync } from "node:child_process";
import { missingProgram } from "./suite.ts";

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
