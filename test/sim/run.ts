// `npm run sim -- --from N --count M [--scenario NAME,…] [--known] [--minutes K] [--trace]`: the broker under seeds, faults included.
import { parseArgs } from "node:util";
import type { Outcome } from "./run-seed.ts";
import { runSeed } from "./run-seed.ts";
import type { Job } from "./run-worker.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS, scenarioNamed } from "./scenarios.ts";
import seeds from "./seeds.json" with { type: "json" };
import { runJobs } from "./worker-pool.ts";

const HELP = `npm run sim -- [options]

  --from N           first seed (1)
  --count M          how many seeds (100; without limit with --minutes)
  --scenario NAME,…  these scenarios, in turn; else all
  --known            first the seeds that found something once (seeds.json)
  --minutes K        begin no seed after so many minutes
  --workers W        processes (2)
  --trace            print everything that happens: for one seed, in this process`;

const WORKERS = 2;
const COUNT = 100;
const PROGRESS_MS = 5_000;
const FAILURES_MAX = 20;
/** One seed of so many is run twice: it has to be the same run. */
const TWICE_EACH = 25;
const MESSAGE_CHARS = 2_000;

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    count: { type: "string" },
    scenario: { type: "string" },
    known: { type: "boolean" },
    minutes: { type: "string" },
    workers: { type: "string" },
    trace: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});

function number(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} takes a number, not ${text}`);
  process.exit(2);
}

async function main(): Promise<number> {
  const from = number("from", values.from, 1);
  const count = number("count", values.count, values.minutes === undefined ? COUNT : Number.MAX_SAFE_INTEGER);
  const scenarios = chosen();
  if (values.trace === true) return trace(scenarioFor(scenarios, from), from);
  const known = values.known === true ? seeds.map(({ scenario, seed }) => ({ scenario, seed })) : [];
  const run = new Run(known, scenarios, from, count, number("minutes", values.minutes, 0) * 60_000);
  await runJobs(
    number("workers", values.workers, WORKERS),
    () => run.next(),
    (outcome) => run.done(outcome),
  );
  return run.report();
}

function chosen(): readonly Scenario[] {
  if (values.scenario === undefined) return SCENARIOS;
  try {
    return values.scenario.split(",").map(scenarioNamed);
  } catch (error) {
    console.error((error as RangeError).message);
    process.exit(2);
  }
}

function scenarioFor(scenarios: readonly Scenario[], seed: number): Scenario {
  return scenarios[seed % scenarios.length] as Scenario;
}

async function trace(scenario: Scenario, seed: number): Promise<number> {
  const outcome = await runSeed(scenario, seed, (line) => console.log(line));
  console.log(outcome);
  return outcome.failure === undefined ? 0 : 1;
}

class Run {
  readonly #scenarios: readonly Scenario[];
  readonly #from: number;
  readonly #count: number;
  readonly #startMs = performance.now();
  readonly #endMs: number;
  readonly #failures: Outcome[] = [];
  readonly #first: Job[];
  #begun = 0;
  #done = 0;
  #virtualMs = 0;
  #toldMs = 0;

  /** @param first Run before the seeds from `from` on, and not counted among them. */
  constructor(first: readonly Job[], scenarios: readonly Scenario[], from: number, count: number, minutesMs: number) {
    this.#first = [...first];
    this.#scenarios = scenarios;
    this.#from = from;
    this.#count = count;
    this.#endMs = minutesMs === 0 ? Number.POSITIVE_INFINITY : this.#startMs + minutesMs;
  }

  next(): Job | undefined {
    const first = this.#first.shift();
    if (first !== undefined) return first;
    if (this.#begun >= this.#count || performance.now() >= this.#endMs || this.#failures.length >= FAILURES_MAX) return undefined;
    const seed = this.#from + this.#begun;
    this.#begun += 1;
    return { scenario: scenarioFor(this.#scenarios, seed).name, seed, twice: seed % TWICE_EACH === 0 };
  }

  done(outcome: Outcome): void {
    this.#done += 1;
    this.#virtualMs += outcome.virtualMs;
    if (outcome.failure !== undefined) {
      this.#failures.push(outcome);
      tell(outcome);
    }
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < PROGRESS_MS) return;
    this.#toldMs = nowMs;
    console.log(this.#progress());
  }

  /** The exit code. */
  report(): number {
    console.log(this.#progress());
    if (this.#failures.length === 0) return this.#done > 0 ? 0 : 1;
    console.log(`${this.#failures.length} FAILED:`);
    for (const outcome of this.#failures) console.log(`  ${replay(outcome)}   # ${outcome.failure?.checker}`);
    return 1;
  }

  #progress(): string {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = (this.#done / seconds).toFixed(2);
    return `${this.#done} seeds, ${this.#failures.length} failed, ${rate} seeds/s, ${(this.#virtualMs / 1000 / seconds).toFixed(0)}× real time`;
  }
}

function tell(outcome: Outcome): void {
  const { seed, scenario, failure } = outcome;
  console.log(`\nFAILED seed ${seed} of ${scenario}, checker ${failure?.checker}: ${failure?.message.slice(0, MESSAGE_CHARS)}`);
  console.log(`  ${replay(outcome)}\n`);
}

function replay({ seed, scenario }: Outcome): string {
  return `npm run sim -- --scenario ${scenario} --from ${seed} --count 1 --trace`;
}

if (values.help === true) console.log(HELP);
else process.exitCode = await main();
