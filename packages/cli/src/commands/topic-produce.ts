import { Buffer } from "node:buffer";
import { createReadStream, statSync } from "node:fs";
import type { Client } from "@tidemq/client/client.ts";
import type { ClientError } from "@tidemq/client/errors.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import type { BatchReport, ProducerRecord } from "@tidemq/client/producer-batch.ts";
import type { Compression } from "@tidemq/protocol/compression.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { bytesText, countText, printResult, write } from "../output.ts";
import { type Progress, startProgress } from "../progress.ts";
import { readLines } from "../read-lines.ts";
import { RetryNotice } from "../retry-notice.ts";

type Options = ClusterOptions &
  Readonly<{ file?: string; keySeparator?: string; partition?: number; compression: Compression; acks: "all" | "1" | "0" }>;

const READ_BYTES = 256 * 1024;
const BATCH_BYTES = 256 * 1024;

export async function produceLines(name: string, options: Options): Promise<void> {
  if (options.keySeparator === "") throw new UsageError("--key-separator must not be empty");
  const bytesTotal = options.file === undefined ? undefined : sizeOf(options.file);
  await withClient(options.bootstrap, async (client) => {
    await client.cluster.topics([name]);
    if (options.file === undefined && process.stdin.isTTY) process.stderr.write("each line becomes a record; Ctrl-D ends\n");
    const run = new ProduceRun(client, name, options, await startProgress(bytesTotal));
    const interrupted = run.stopOnSignals();
    await run.produce(options.file === undefined ? process.stdin : createReadStream(options.file, { highWaterMark: READ_BYTES }));
    await run.report(options, interrupted.signal.aborted);
  });
}

/** Reads lines, hands them to a producer, and counts what came of them. */
class ProduceRun {
  readonly #name: string;
  readonly #options: Options;
  readonly #progress: Progress;
  readonly #producer: Producer;
  readonly #separator: Buffer | undefined;
  readonly #startedAtMs = performance.now();
  readonly #ends = new Map<number, { records: number; lastOffset: number }>();
  readonly #abort = new AbortController();
  #bytes = 0;
  #withoutKey = 0;
  #delivered = 0;
  #failed = 0;
  #failure: ClientError | undefined;

  constructor(client: Client, name: string, options: Options, progress: Progress) {
    this.#name = name;
    this.#options = options;
    this.#progress = progress;
    this.#separator = options.keySeparator === undefined ? undefined : Buffer.from(options.keySeparator);
    const notice = new RetryNotice();
    this.#producer = client.producer({
      acks: options.acks === "all" ? "all" : options.acks === "1" ? 1 : 0,
      compression: options.compression,
      batchBytesMax: BATCH_BYTES,
      onBatch: (report) => this.#ended(report),
      onRetry: (error) => notice.tell(error),
    });
  }

  /** Ctrl-C ends reading; what was read is still delivered. A second one ends at once. */
  stopOnSignals(): AbortController {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (this.#abort.signal.aborted) process.exit(ExitCode.INTERRUPTED);
        this.#abort.abort();
      });
    }
    return this.#abort;
  }

  async produce(input: NodeJS.ReadableStream): Promise<void> {
    try {
      for await (const lines of readLines(untilAborted(input, this.#abort.signal))) {
        for (const line of lines) {
          if (this.#failure !== undefined || this.#abort.signal.aborted) break;
          const room = this.#producer.enqueue(this.#recordOf(line));
          if (room !== undefined) await room;
        }
        this.#progress.update(this.#delivered, this.#bytes);
        if (this.#failure !== undefined || this.#abort.signal.aborted) break;
      }
      await this.#producer.flush();
    } finally {
      this.#progress.end();
    }
  }

  async report({ output }: Options, isInterrupted: boolean): Promise<void> {
    const seconds = Math.round(performance.now() - this.#startedAtMs) / 1000;
    const partitions = [...this.#ends].sort(([a], [b]) => a - b).map(([partition, end]) => ({ partition, ...end }));
    if (output !== "table")
      await printResult(output, {
        topic: this.#name,
        records: this.#delivered,
        failed: this.#failed,
        bytes: this.#bytes,
        seconds,
        partitions,
      });
    else await write(process.stdout, this.#summary(seconds, partitions));
    if (this.#withoutKey > 0)
      process.stderr.write(`${countText(this.#withoutKey)} lines had no ${this.#options.keySeparator} and became records without a key\n`);
    if (this.#failure !== undefined) throw this.#failure;
    if (isInterrupted) process.exitCode = ExitCode.INTERRUPTED;
  }

  #summary(seconds: number, partitions: readonly Readonly<{ partition: number; lastOffset: number }>[]): string {
    const rate = `${countText(Math.round(this.#delivered / Math.max(seconds, 0.001)))} records/s`;
    const head = `${recordsText(this.#delivered)} (${bytesText(this.#bytes)}) in ${seconds.toFixed(2)} s, ${rate}\n`;
    const failed = this.#failed > 0 ? `${recordsText(this.#failed)} failed\n` : "";
    const ends = partitions.map(
      ({ partition, lastOffset }) => `${this.#name}[${partition}] ${lastOffset < 0 ? "offset not known" : `up to offset ${lastOffset}`}\n`,
    );
    return head + failed + ends.join("");
  }

  #recordOf(line: Buffer): ProducerRecord {
    this.#bytes += line.byteLength + 1;
    const { partition } = this.#options;
    const place = partition === undefined ? { topic: this.#name } : { topic: this.#name, partition };
    if (this.#separator === undefined) return { ...place, value: line };
    const at = line.indexOf(this.#separator);
    if (at < 0) {
      this.#withoutKey += 1;
      return { ...place, value: line };
    }
    return { ...place, key: line.subarray(0, at), value: line.subarray(at + this.#separator.byteLength) };
  }

  #ended(report: BatchReport): void {
    if (report.error !== undefined) {
      this.#failed += report.recordCount;
      this.#failure ??= report.error;
      return;
    }
    this.#delivered += report.recordCount;
    const end = this.#ends.get(report.partition) ?? { records: 0, lastOffset: -1 };
    end.records += report.recordCount;
    if (report.baseOffset >= 0) end.lastOffset = Math.max(end.lastOffset, report.baseOffset + report.recordCount - 1);
    this.#ends.set(report.partition, end);
  }
}

/** Chunks until the end of input or the signal; a pending read is given up. */
async function* untilAborted(input: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const iterator = (input as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const aborted = new Promise<IteratorResult<Buffer>>((resolve) => {
    signal.addEventListener("abort", () => resolve({ done: true, value: undefined }), { once: true });
  });
  for (;;) {
    const step = await Promise.race([iterator.next(), aborted]);
    if (step.done === true) break;
    yield step.value;
  }
  if (signal.aborted) (input as NodeJS.ReadableStream & { destroy?: () => void }).destroy?.();
}

function sizeOf(file: string): number {
  try {
    const stats = statSync(file);
    if (stats.isDirectory()) throw new CommandError(`${file} is a folder`);
    return stats.size;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}`, "Check --file.", { cause: error });
  }
}

function recordsText(count: number): string {
  return count === 1 ? "1 record" : `${countText(count)} records`;
}
