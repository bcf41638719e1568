import { hostname, totalmem } from "node:os";
import { createHistogram, performance } from "node:perf_hooks";

const SAMPLE_MS = 10;
const QUIET_SAMPLES_MAX = 100;
const DELAY_NS_MAX = 60_000_000_000;

export type LoopDelay = Readonly<{ p50Ms: number; p99Ms: number; maxMs: number }>;

/** What this process uses, and how late its main loop is. */
export class ProcessStats {
  readonly startedAtMs = performance.timeOrigin;
  /** Of the machine. */
  readonly memoryBytesMax = totalmem();
  /** What the machine calls itself; in a container, the container. */
  readonly machineName = hostname();
  readonly #delays = createHistogram({ lowest: 1, highest: DELAY_NS_MAX });
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #quietSamples = 0;

  /** The loop has work: its delay is sampled every 10 ms from now on, until nobody said so for a second. An idle process is never woken for it. */
  busy(): void {
    this.#quietSamples = 0;
    if (this.#timer !== undefined) return;
    this.#dueMs = performance.now() + SAMPLE_MS;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  /** Since the last call. */
  takeLoopDelay(): LoopDelay {
    const ms = (percentile: number): number => (this.#delays.count === 0 ? 0 : this.#delays.percentile(percentile) / 1e6);
    const taken = { p50Ms: ms(50), p99Ms: ms(99), maxMs: this.#delays.count === 0 ? 0 : this.#delays.max / 1e6 };
    this.#delays.reset();
    return taken;
  }

  get cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }

  get residentBytes(): number {
    return process.memoryUsage.rss();
  }

  get heapBytes(): number {
    return process.memoryUsage().heapUsed;
  }

  #sample(): void {
    const nowMs = performance.now();
    this.#delays.record(Math.max(1, Math.round((nowMs - this.#dueMs) * 1e6)));
    this.#dueMs = nowMs + SAMPLE_MS;
    this.#quietSamples += 1;
    if (this.#quietSamples < QUIET_SAMPLES_MAX) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
