import type { SingleBar } from "cli-progress";
import { bytesText, countText } from "./output.ts";

/** How far a long command is, told on standard error if that is a terminal. */
export interface Progress {
  update(records: number, bytes: number): void;
  /** Removes what it drew. */
  end(): void;
}

const REDRAW_MS = 200;

const SILENT: Progress = { update: () => undefined, end: () => undefined };

/** @param bytesTotal undefined: not known, there is no end to measure by. */
export async function startProgress(bytesTotal: number | undefined): Promise<Progress> {
  if (!process.stderr.isTTY) return SILENT;
  if (bytesTotal === undefined) return new RateLine();
  return new FileBar(await newBar("  {bar} {percentage} % · {records} records · {rate}/s · {eta_formatted} left"), bytesTotal);
}

async function newBar(format: string): Promise<SingleBar> {
  const { SingleBar: Bar } = await import("cli-progress");
  return new Bar({
    stream: process.stderr,
    format,
    barsize: 30,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    fps: 1000 / REDRAW_MS,
  });
}

class FileBar implements Progress {
  readonly #bar: SingleBar;
  readonly #startedAtMs = performance.now();

  constructor(bar: SingleBar, bytesTotal: number) {
    this.#bar = bar;
    bar.start(bytesTotal, 0, { records: "0", rate: "–" });
  }

  update(records: number, bytes: number): void {
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    this.#bar.update(bytes, { records: countText(records), rate: bytesText(bytes / Math.max(seconds, 0.001)) });
  }

  end(): void {
    this.#bar.stop();
  }
}

class RateLine implements Progress {
  #drawnAtMs = performance.now();
  #drawnRecords = 0;
  #drawnBytes = 0;

  update(records: number, bytes: number): void {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#drawnAtMs) / 1000;
    if (seconds * 1000 < REDRAW_MS) return;
    const rate = `${countText(Math.round((records - this.#drawnRecords) / seconds))} records/s, ${bytesText((bytes - this.#drawnBytes) / seconds)}/s`;
    process.stderr.write(`\r\u001b[K  ${countText(records)} records · ${rate}`);
    this.#drawnAtMs = nowMs;
    this.#drawnRecords = records;
    this.#drawnBytes = bytes;
  }

  end(): void {
    process.stderr.write("\r\u001b[K");
  }
}

/** A count of something, without an end to measure by. `what`: as in `1,234 objects listed`. */
export function startCount(what: string): Readonly<{ update(count: number): void; end(): void }> {
  if (!process.stderr.isTTY) return { update: () => undefined, end: () => undefined };
  return {
    update: (count) => process.stderr.write(`\r\u001b[K  ${countText(count)} ${what}`),
    end: () => process.stderr.write("\r\u001b[K"),
  };
}

/** So many of `total` are done. `what`: as in `3 of 12 partitions moved`. */
export async function startSteps(total: number, what: string): Promise<Readonly<{ update(done: number): void; end(): void }>> {
  if (!process.stderr.isTTY) return { update: () => undefined, end: () => undefined };
  const bar = await newBar(`  {bar} {value} of {total} ${what}`);
  bar.start(total, 0);
  return { update: (done) => bar.update(done), end: () => bar.stop() };
}
