import { type Ended, runProgram } from "../clients/run-program.ts";

const RUN_MS_MAX = 150_000;

/** What became of one check: it passed, it failed with these words, or the client does not have it. */
export type Outcome = Readonly<{ kind: "pass" | "fail" | "none"; words: string }>;

/** One client on one broker. */
export type Result = Readonly<{ version: string; checks: ReadonlyMap<string, Outcome> }>;

const LINE = /^(ok|not ok|none) ([a-z0-9-]+)(?:: (.*))?$/;
const KINDS = { ok: "pass", "not ok": "fail", none: "none" } as const;

/** Runs a program of checks; it prints `client NAME VERSION`, then a line for each check. @throws When it printed none. */
export async function runChecks(command: readonly string[], environment: Readonly<Record<string, string>>): Promise<Result> {
  const [program = "", ...args] = command;
  return parse(await runProgram(program, args, { environment, msMax: RUN_MS_MAX }));
}

function parse({ code, stdout, stderr }: Ended): Result {
  const checks = new Map<string, Outcome>();
  let version = "";
  for (const line of stdout.split("\n")) {
    if (line.startsWith("client ")) version = line.slice("client ".length);
    const [, kind, name, words = ""] = LINE.exec(line) ?? [];
    if (kind !== undefined && name !== undefined) checks.set(name, { kind: KINDS[kind as keyof typeof KINDS], words });
  }
  if (code !== 0 || checks.size === 0) {
    throw new Error(`exit code ${code} after ${checks.size} checks\n${stdout.slice(-1000)}\n${stderr.slice(-2000)}`);
  }
  return { version, checks };
}
