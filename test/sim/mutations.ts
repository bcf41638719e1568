// `npm run mutations [-- --tenth N | --only NAME]`: removes one protection after the other and expects the simulation to fail.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Outcome } from "./run-seed.ts";
import { scenarioNamed } from "./scenarios.ts";
import { runJobs } from "./worker-pool.ts";

const HELP = `npm run mutations -- [options]

Each test/sim/mutations/NAME.patch removes one protection. It is applied to a copy of the tree, and the scenarios it names
are run there until a seed fails. A patch that no seed fails with, or that does not apply any more, is an error.

  --only NAME,…    these patches only
  --tenth N        every tenth patch: those whose place in the list ends in N (0 to 9)
  --seeds M        how many seeds at most, a patch (200)
  --workers W      processes (2)`;

const SEEDS = 200;
const WORKERS = 2;
const TENTHS = 10;
const PROGRESS_MS = 30_000;
const MESSAGE_CHARS = 160;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PATCHES = fileURLToPath(new URL("mutations", import.meta.url));
const WORKER = "test/sim/run-worker.ts";
/** What a run needs of the tree. */
const COPIED = ["package.json", "packages", "test/sim"];
/** Its packages are those of the copy. */
const OWN_SCOPE = "@tidemq";

/** `promise`: what does not hold any more without the lines that the patch takes away. */
type Mutation = Readonly<{ name: string; path: string; promise: string; scenarios: readonly string[] }>;
type Verdict = "KILLED" | "SURVIVED" | "DOES NOT APPLY" | "BASELINE FAILS";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    tenth: { type: "string" },
    seeds: { type: "string" },
    workers: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});

function number(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} takes a number, not ${text}`);
  process.exit(2);
}

/** @throws {RangeError} When a header line is missing or names no scenario. */
function readMutation(file: string): Mutation {
  const path = join(PATCHES, file);
  const text = readFileSync(path, "utf8");
  const header = (key: string): string => {
    const line = new RegExp(`^# ${key}: (.+)$`, "m").exec(text);
    if (line?.[1] === undefined) throw new RangeError(`${file} has no line "# ${key}: …"`);
    return line[1].trim();
  };
  const scenarios = header("scenarios").split(",");
  for (const name of scenarios) scenarioNamed(name);
  return { name: file.slice(0, -".patch".length), path, promise: header("promise"), scenarios };
}

function chosen(): Mutation[] {
  const files = readdirSync(PATCHES).filter((file) => file.endsWith(".patch"));
  const all = files.sort().map(readMutation);
  const only = values.only?.split(",");
  if (only !== undefined) return all.filter(({ name }) => only.includes(name));
  if (values.tenth === undefined) return all;
  const tenth = number("tenth", values.tenth, 0);
  return all.filter((_, index) => index % TENTHS === tenth);
}

/** Copies files as they are in the working tree, uncommitted changes included. */
function copyTree(to: string): void {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...COPIED], { cwd: ROOT });
  for (const path of list.toString().split("\0")) {
    if (path === "" || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(ROOT, path), join(to, path));
  }
  linkModules(to);
}

/** Foreign packages are shared; packages of this tree are those of the copy, or the patch would change nothing. */
function linkModules(to: string): void {
  const modules = join(to, "node_modules");
  mkdirSync(join(modules, OWN_SCOPE), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name !== OWN_SCOPE) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const name of readdirSync(join(to, "packages"))) symlinkSync(join(to, "packages", name), join(modules, OWN_SCOPE, name));
}

function applies(mutation: Mutation, tree: string): boolean {
  try {
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(tree) };
    execFileSync("git", ["apply", "-p1", mutation.path], { cwd: tree, env, stdio: ["ignore", "ignore", "inherit"] });
    return true;
  } catch {
    return false;
  }
}

/** Runs seeds until one fails. */
async function firstFailure(mutation: Mutation, tree: string, seeds: number, workers: number): Promise<Outcome | undefined> {
  let begun = 0;
  let done = 0;
  let failed: Outcome | undefined;
  let toldMs = performance.now();
  const next = () => {
    if (failed !== undefined || begun >= seeds) return undefined;
    begun += 1;
    return { scenario: mutation.scenarios[begun % mutation.scenarios.length] as string, seed: begun };
  };
  const ended = (outcome: Outcome): void => {
    done += 1;
    if (outcome.failure !== undefined) failed ??= outcome;
    if (performance.now() - toldMs < PROGRESS_MS) return;
    toldMs = performance.now();
    console.log(`  ${mutation.name}: ${done} of ${seeds} seeds pass`);
  };
  await runJobs(workers, next, ended, join(tree, WORKER));
  return failed;
}

async function passes({ scenario, seed }: Outcome, tree: string): Promise<boolean> {
  const jobs = [{ scenario, seed }];
  let isPassed = false;
  const ended = ({ failure }: Outcome): void => {
    isPassed = failure === undefined;
  };
  await runJobs(1, () => jobs.pop(), ended, join(tree, WORKER));
  return isPassed;
}

/** @param base A copy of the tree without any patch. */
async function judge(mutation: Mutation, base: string, folder: string): Promise<Verdict> {
  const startMs = performance.now();
  const tree = join(folder, mutation.name);
  cpSync(base, tree, { recursive: true, verbatimSymlinks: true });
  rmSync(join(tree, "node_modules"), { recursive: true });
  linkModules(tree);
  try {
    if (!applies(mutation, tree)) return tell(mutation, "DOES NOT APPLY", "", startMs);
    const failed = await firstFailure(mutation, tree, number("seeds", values.seeds, SEEDS), number("workers", values.workers, WORKERS));
    if (failed === undefined) return tell(mutation, "SURVIVED", `no seed of ${mutation.scenarios.join(", ")} fails`, startMs);
    const what = `${failed.scenario} seed ${failed.seed}: ${failed.failure?.checker}: ${firstLine(failed)}`;
    return tell(mutation, (await passes(failed, base)) ? "KILLED" : "BASELINE FAILS", what, startMs);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function firstLine({ failure }: Outcome): string {
  return failure?.message.split("\n")[0]?.slice(0, MESSAGE_CHARS) ?? "";
}

function tell(mutation: Mutation, verdict: Verdict, what: string, startMs: number): Verdict {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${verdict.padEnd(14)} ${mutation.name} (${mutation.promise}) ${seconds} s\n               ${what}`);
  return verdict;
}

/** The exit code. */
async function main(): Promise<number> {
  const mutations = chosen();
  if (mutations.length === 0) {
    console.error("there is no such patch");
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "mutations-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const base = join(folder, "base");
  copyTree(base);
  let killed = 0;
  for (const [index, mutation] of mutations.entries()) {
    if ((await judge(mutation, base, folder)) === "KILLED") killed += 1;
    console.log(`${index + 1} of ${mutations.length} patches, ${killed} killed`);
  }
  return killed === mutations.length ? 0 : 1;
}

if (values.help === true) console.log(HELP);
else process.exitCode = await main();
