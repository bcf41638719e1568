import { createHook } from "node:async_hooks";
import { renameSync, writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

// Loaded into a broker by `--import`: the longest tasks of its main loop, by the CPU time of the thread, so that other processes do not count. A task is one
// callback of the runtime with every microtask behind it. SIGUSR2 writes what was found since the last one to the file that LONGEST_TASK_FILE names.

/** Tasks that are told. */
const TOLD = 8;

/** `gcMs`: of it, for the collection of garbage, by the clock of the wall. */
export type Task = Readonly<{ cpuMs: number; kind: string; gcMs: number }>;
/** `answers`: how often it was asked; the CPU time and number of all tasks tell what was measured at all. */
export type TaskReport = Readonly<{ answers: number; tasks: number; cpuMs: number; longest: readonly Task[] }>;

type Running = Readonly<{ kind: string; startedUs: number; startedMs: number }>;
type Ended = Readonly<{ cpuMs: number; kind: string; fromMs: number; toMs: number }>;

function measure(file: string): void {
  const kinds = new Map<number, string>();
  let running: Running | undefined;
  let depth = 0;
  let longest: Ended[] = [];
  let collections: PerformanceEntry[] = [];
  new PerformanceObserver((list) => void collections.push(...list.getEntries())).observe({ entryTypes: ["gc"] });
  let [tasks, cpuUs, answers] = [0, 0, 0];
  const usedUs = (): number => {
    // Linux brings the time of the running thread up to date only when that of the process is asked for; else it moves with the kernel's ticks of 4 ms.
    process.cpuUsage();
    const { user, system } = process.threadCpuUsage();
    return user + system;
  };
  // Microtasks run behind `after`: a task ends where the next one begins.
  const end = (nowUs: number): void => {
    if (running === undefined) return;
    const us = nowUs - running.startedUs;
    tasks += 1;
    cpuUs += us;
    if (longest.length === TOLD && us / 1000 <= (longest.at(-1)?.cpuMs ?? 0)) return;
    longest.push({ cpuMs: us / 1000, kind: running.kind, fromMs: running.startedMs, toMs: performance.now() });
    longest = longest.sort((a, b) => b.cpuMs - a.cpuMs).slice(0, TOLD);
  };
  createHook({
    trackPromises: false,
    init: (id, kind) => void kinds.set(id, kind),
    destroy: (id) => void kinds.delete(id),
    before: (id) => {
      depth += 1;
      if (depth > 1) return;
      const startedUs = usedUs();
      end(startedUs);
      running = { kind: kinds.get(id) ?? "?", startedUs, startedMs: performance.now() };
    },
    after: () => {
      depth -= 1;
    },
  }).enable();
  process.on("SIGUSR2", () => {
    answers += 1;
    const told = longest.map(({ cpuMs, kind, fromMs, toMs }) => ({ cpuMs, kind, gcMs: collected(collections, fromMs, toMs) }));
    const report: TaskReport = { answers, tasks, cpuMs: cpuUs / 1000, longest: told };
    writeFileSync(`${file}.new`, JSON.stringify(report));
    renameSync(`${file}.new`, file);
    longest = [];
    collections = [];
    [tasks, cpuUs] = [0, 0];
    running = undefined;
  });
}

function collected(collections: readonly PerformanceEntry[], fromMs: number, toMs: number): number {
  let sum = 0;
  for (const { startTime, duration } of collections) if (startTime >= fromMs && startTime < toMs) sum += duration;
  return sum;
}

const file = process.env["LONGEST_TASK_FILE"];
if (file !== undefined && isMainThread) measure(file);
