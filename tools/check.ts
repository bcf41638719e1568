// Everything a commit must satisfy, in parallel: `npm run check`. Names after it narrow it: `npm run check -- types lint`.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { layerProblems } from "./layers.ts";
import { formatProblems, type Problem, ROOT, readSources, type SourceFile } from "./source-files.ts";
import { tidyProblems } from "./tidy.ts";

type Outcome = Readonly<{ name: string; passed: boolean; output: string; seconds: number }>;
type Check = Readonly<{ name: string; run: () => Promise<{ readonly passed: boolean; readonly output: string }> }>;

const BIN = join(ROOT, "node_modules", ".bin");
const CHECK_MS_MAX = 120_000;
const PATCHES = "test/sim/mutations";

const CHECKS: readonly Check[] = [
  command("types", join(BIN, "tsc"), ["-p", ROOT, "--pretty", "false"]),
  command("lint", join(BIN, "oxlint"), ["--type-aware", "--deny-warnings", "--format", "unix", "."]),
  command("format", join(BIN, "biome"), ["check", "--error-on-warnings", "--max-diagnostics", "50", "."]),
  command("unused", join(BIN, "knip"), ["--no-progress", "--reporter", "compact"]),
  scan("layers", layerProblems),
  scan("tidy", tidyProblems),
  command("reference", process.execPath, ["tools/generate-reference.ts", "--check"]),
  command("proto", process.execPath, ["tools/proto.ts", "--check"]),
  { name: "patches", run: checkPatches },
];

/** One tool as a process of its own; it fails when its exit code says so. */
function command(name: string, program: string, args: readonly string[]): Check {
  return { name, run: () => runProcess(program, args) };
}

/** A rule of ours over the text of all files. */
function scan(name: string, find: (files: readonly SourceFile[]) => readonly Problem[]): Check {
  return {
    name,
    run: () => {
      const problems = find(readSources());
      return Promise.resolve({ passed: problems.length === 0, output: formatProblems(problems) });
    },
  };
}

/** Whoever changes a line beside one that a mutation takes away has to mend the mutation. */
async function checkPatches(): Promise<{ readonly passed: boolean; readonly output: string }> {
  const files = readdirSync(join(ROOT, PATCHES)).filter((file) => file.endsWith(".patch"));
  const results = await Promise.all(files.map((file) => runProcess("git", ["apply", "--check", `${PATCHES}/${file}`])));
  const failed = files.filter((_, at) => results[at]?.passed === false);
  return { passed: failed.length === 0, output: failed.map((file) => `${PATCHES}/${file}: does not apply any more`).join("\n") };
}

function runProcess(program: string, args: readonly string[]): Promise<{ readonly passed: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], timeout: CHECK_MS_MAX, killSignal: "SIGKILL" });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", (error) => resolve({ passed: false, output: error.message }));
    child.on("close", (code, signal) => {
      const killed = signal === null ? "" : `\nended by ${signal} after at most ${CHECK_MS_MAX / 1000} s`;
      resolve({ passed: code === 0, output: Buffer.concat(output).toString().trim() + killed });
    });
  });
}

async function runCheck(check: Check): Promise<Outcome> {
  const start = performance.now();
  const result = await check.run();
  return { name: check.name, ...result, seconds: (performance.now() - start) / 1000 };
}

function print({ name, passed, output, seconds }: Outcome): void {
  console.log(`${passed ? "✔" : "✖"} ${name.padEnd(10)} ${seconds.toFixed(1)} s`);
  if (!passed) console.log(output.replace(/^/gm, "    "));
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(`no such check: ${unknown.join(", ")}. There are: ${CHECKS.map((check) => check.name).join(", ")}`);
    return 2;
  }
  const waiting = CHECKS.filter((check) => names.length === 0 || names.includes(check.name));
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const outcome = await runCheck(check);
      print(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  const failed = outcomes.filter((outcome) => !outcome.passed).map((outcome) => outcome.name);
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
