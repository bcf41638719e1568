import { Buffer } from "node:buffer";
import type { FetchedBatch } from "@tidemq/client/fetched-batch.ts";
import { write } from "./output.ts";
import type { Reading } from "./reading.ts";
import type { RecordFormat } from "./record-format.ts";

/** Silence after which it is said what is being waited for. */
const WAITING_MS = 1_000;
const TICK_MS = 250;

/** Partitions named in a message. */
const NAMED_MAX = 4;

/** `ends`: partition → offset at which to end. */
export type PrintLimits = Readonly<{ recordsMax: number | undefined; ends: ReadonlyMap<number, number> | undefined }>;

/** Prints records as they come, and says so when none come. Ctrl-C ends it between two batches. */
export class RecordPrinter {
  readonly #reading: Reading;
  readonly #topic: string;
  readonly #format: RecordFormat;
  readonly #recordsMax: number;
  readonly #ends: ReadonlyMap<number, number> | undefined;
  /** Partition → the offset behind the last record printed. */
  readonly #printed = new Map<number, number>();
  #records = 0;
  #quietSinceMs = performance.now();
  #hasSaidWaiting = false;
  #isWriting = false;
  #isEnding = false;
  #closing: Promise<void> | undefined;

  constructor(reading: Reading, topic: string, format: RecordFormat, { recordsMax, ends }: PrintLimits) {
    this.#reading = reading;
    this.#topic = topic;
    this.#format = format;
    this.#recordsMax = recordsMax ?? Number.POSITIVE_INFINITY;
    this.#ends = ends;
  }

  async print(): Promise<void> {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => this.#end());
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    try {
      for (;;) {
        const batch = await this.#reading.next();
        if (batch === undefined) return;
        await this.#printBatch(batch);
        if (this.#isEnding || this.#records >= this.#recordsMax || this.#isAtEnds()) return;
      }
    } finally {
      clearInterval(ticking);
      await this.#close();
    }
  }

  /** What is being printed is printed first. */
  #end(): void {
    this.#isEnding = true;
    // A failure is told by `print`, which waits for the same promise.
    if (!this.#isWriting) this.#close().catch(() => undefined);
  }

  #close(): Promise<void> {
    this.#closing ??= this.#reading.close(this.#printed);
    return this.#closing;
  }

  async #printBatch(batch: FetchedBatch): Promise<void> {
    const end = this.#reading.mayCut ? this.#endOf(batch.partition) : Number.POSITIVE_INFINITY;
    const room = Math.max(0, this.#recordsMax - this.#records);
    const wanted = batch
      .records()
      .filter((record) => record.offset < end)
      .slice(0, room);
    const last = wanted.at(-1);
    if (last === undefined) return;
    this.#records += wanted.length;
    this.#isWriting = true;
    await write(process.stdout, Buffer.concat(wanted.map((record) => this.#format(batch.topic, batch.partition, record))));
    this.#isWriting = false;
    this.#printed.set(batch.partition, last.offset + 1);
    this.#quietSinceMs = performance.now();
    this.#hasSaidWaiting = false;
  }

  #endOf(partition: number): number {
    return this.#ends?.get(partition) ?? Number.POSITIVE_INFINITY;
  }

  #isAtEnds(): boolean {
    const partitions = this.#reading.partitions();
    if (this.#ends === undefined || partitions.length === 0) return false;
    return partitions.every((partition) => (this.#reading.position(partition) ?? -1) >= this.#endOf(partition));
  }

  #tick(): void {
    if (this.#isAtEnds()) return this.#end();
    if (this.#hasSaidWaiting || this.#isWriting || performance.now() - this.#quietSinceMs < WAITING_MS) return;
    const text = this.#waitingText();
    if (text === undefined) return;
    this.#hasSaidWaiting = true;
    process.stderr.write(`${text} — Ctrl-C ends\n`);
  }

  /** undefined: nothing is known yet, and whoever cannot be reached has been named already. */
  #waitingText(): string | undefined {
    const partitions = this.#reading.partitions();
    if (partitions.length === 0) return this.#reading.idleText;
    if (partitions.every((partition) => this.#reading.position(partition) === undefined)) return undefined;
    const places = partitions.slice(0, NAMED_MAX).map((partition) => {
      const position = this.#reading.position(partition);
      return `${this.#topic}[${partition}]${position === undefined ? "" : ` offset ${position}`}`;
    });
    const more = partitions.length - places.length;
    return `waiting for records at ${places.join(", ")}${more > 0 ? ` and ${more} more partitions` : ""}`;
  }
}
