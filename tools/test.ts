// `npm test`: every test that npm alone can feed, or with --suite=FOLDER those of that folder. Paths after it narrow it:
// `npm test -- packages/server/src/wal test/wire/x.test.ts`.
import { spawn } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { constants } from "node:os";
import { relative, resolve } from "node:path";
import { ROOT } from "./source-files.ts";

const SUITES = [
  "packages/*/src/**/*.test.ts", // beside what they test
  "tools/*.test.ts",
  "test/wire/**/*.test.ts", // golden bytes, round trips, fuzzing of decoders
  "test/sim/**/*.test.ts", // a quick set of simulated seeds
  "test/client-matrix/*.test.ts", // the page about clients
  "test/soak/*.test.ts", // how hours of load are judged
  "test/process/**/*.test.ts", // the real process
];
/** A test file that hangs is named and ended. The whole run must stay below five minutes. */
const FILE_MS_MAX = 300_000;
const CONCURRENCY = 2;
const SUITE_FLAG = "--suite=";

/** Test files under the paths given, or of the suites. A path may be a file, a folder or a pattern, relative to `from`. */
export function testFiles(paths: readonly string[], suites: readonly string[], from: string): readonly string[] {
  const patterns = paths.length === 0 ? suites : paths.map((path) => asPattern(resolve(from, path)));
  return [...new Set(globSync(patterns, { cwd: ROOT, exclude: ["**/node_modules/**"] }))]
    .map((path) => relative(ROOT, resolve(ROOT, path)))
    .sort();
}

function asPattern(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return relative(ROOT, isFolder ? `${path}/**/*.test.ts` : path);
}

function main(args: readonly string[]): void {
  const options = args.filter((arg) => arg.startsWith("--") && !arg.startsWith(SUITE_FLAG));
  const paths = args.filter((arg) => !arg.startsWith("--"));
  const suite = args.find((arg) => arg.startsWith(SUITE_FLAG))?.slice(SUITE_FLAG.length);
  const suites = suite === undefined ? SUITES : [`${suite}/**/*.test.ts`];
  const files = testFiles(paths, suites, process.env["INIT_CWD"] ?? process.cwd());
  if (files.length === 0) {
    console.error(`no test files match ${(paths.length === 0 ? suites : paths).join(" ")}`);
    process.exitCode = 2;
    return;
  }
  const flags = [`--test-concurrency=${CONCURRENCY}`, `--test-timeout=${FILE_MS_MAX}`, `--test-reporter=spec`, ...options];
  // Each file is a process, and many start others: what they all load is compiled once.
  const env = { ...process.env, NODE_COMPILE_CACHE: resolve(ROOT, "node_modules/.cache/compiled-for-tests") };
  const child = spawn(process.execPath, ["--test", ...flags, ...files], { cwd: ROOT, stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
}

if (import.meta.main) main(process.argv.slice(2));
