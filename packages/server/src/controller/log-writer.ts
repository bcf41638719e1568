import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { encodeBatch } from "../cluster/command-codec.ts";
import type { Outcome } from "../cluster/commands.ts";
import { type Clock, nextTurn, sleep } from "../io/clock.ts";
import type { LogBatch, LogEntry, MetadataLog } from "../metadata-log/metadata-log.ts";
import { APPEND_BYTES_MAX, APPEND_COMMANDS_MAX, PENDING_BYTES_MAX, UNKNOWN_RETRY_MS } from "./limits.ts";

export type LogWriterParts = Readonly<{
  log: MetadataLog;
  clock: Clock;
  /** Of this writer: 16 hexadecimal characters. */
  nonce: string;
  /** The index of the newest batch applied. */
  appliedIndex(): number;
  /** Applies the next batch and tells its listeners; outcomes in the order of its commands. */
  apply(entry: LogEntry): Outcome[];
  /** The log, or our own state machine, is broken for good. */
  fatal(error: Error): void;
}>;

/** A batch that goes in at this index, which was the next one when it was asked for, or not at all. */
type Try = Readonly<{
  index: number;
  payload: Uint8Array;
  resolve: (outcomes: Outcome[] | undefined) => void;
  reject: (error: Error) => void;
}>;

/** The state machine's answer to a command, and where that stands in the log: the batch's index, its place in the batch from 0. */
export type Placed = Readonly<{ outcome: Outcome; index: number; position: number }>;

/** What is at an index that this writer asked for. */
type Appended = Readonly<{ index: number; outcomes: Outcome[] }>;

type Waiting = Readonly<{ bytes: Uint8Array; resolve: (placed: Placed) => void; reject: (error: Error) => void }>;

/**
 * Puts commands into the log, one append outstanding: what arrives while it is under way shares the next. Batches are
 * applied strictly in the order of the log, others' included, and callers are answered after apply.
 */
export class LogWriter {
  readonly #parts: LogWriterParts;
  #waiting: Waiting[] = [];
  #pendingBytes = 0;
  #tries: Try[] = [];
  /** Resolved when everything that is in the log now is applied. */
  #followers: Readonly<{ resolve: () => void; reject: (error: Error) => void }>[] = [];
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #isStopped = false;

  constructor(parts: LogWriterParts) {
    this.#parts = parts;
  }

  /** Resolves after apply. Rejects with OVERLOADED, DISK_FULL, or when the log failed. */
  submit(bytes: Uint8Array): Promise<Placed> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#pendingBytes + bytes.byteLength > PENDING_BYTES_MAX)
      return Promise.reject(new QueueError("OVERLOADED", "too many changes of metadata are waiting; nothing was changed"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      this.#pendingBytes += bytes.byteLength;
      this.#running ??= this.#run();
    });
  }

  /** Appends a batch of commands, or none, at exactly the index that is the next one now. Undefined when another batch came first, which is applied. */
  tryAppend(commands: readonly Uint8Array[]): Promise<Outcome[] | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#tries.push({ index: this.#parts.appliedIndex() + 1, payload: encodeBatch(commands), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Applies what others have appended. */
  follow(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#followers.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** What the log answers from now on, or does not, is no failure any more: an append whose outcome is unknown is given up, and so are all that wait. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when nothing is waiting. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    try {
      await nextTurn(clock); // commands of one turn go together
      while (this.#hasWork) await this.#runNext();
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#running = undefined;
  }

  /** Asked in the turn in which `#running` ends: what comes later begins a run of its own. */
  get #hasWork(): boolean {
    return this.#followers.length + this.#tries.length + this.#waiting.length > 0;
  }

  #runNext(): Promise<void> {
    if (this.#followers.length > 0) return this.#followLog();
    return this.#tries.length > 0 ? this.#tryNext() : this.#appendNext();
  }

  async #followLog(): Promise<void> {
    const followers = this.#followers.splice(0);
    try {
      await this.#catchUp(this.#parts.appliedIndex() + 1);
      for (const { resolve } of followers) resolve();
    } catch (error) {
      for (const { reject } of followers) reject(error as Error);
      throw error;
    }
  }

  async #tryNext(): Promise<void> {
    const next = must(this.#tries.shift(), "a batch to be tried");
    // While it waited for its turn, another batch may have been applied.
    if (next.index !== this.#parts.appliedIndex() + 1) return next.resolve(undefined);
    try {
      const appended = await this.#appendAt(next.index, { nonce: this.#parts.nonce, payload: next.payload });
      next.resolve(appended?.outcomes);
    } catch (error) {
      next.reject(error as Error);
      this.#goOnUnlessBroken(error);
    }
  }

  async #appendNext(): Promise<void> {
    const group = this.#takeGroup();
    try {
      const payload = encodeBatch(group.map((waiting) => waiting.bytes));
      const { index, outcomes } = await this.#append({ nonce: this.#parts.nonce, payload });
      group.forEach((waiting, position) => waiting.resolve({ outcome: must(outcomes[position], "outcome of a command"), index, position }));
    } catch (error) {
      for (const waiting of group) waiting.reject(error as Error);
      this.#goOnUnlessBroken(error);
    }
  }

  #takeGroup(): Waiting[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && count < APPEND_COMMANDS_MAX; count += 1) {
      bytes += must(this.#waiting[count], "waiting command").bytes.byteLength;
      if (count > 0 && bytes > APPEND_BYTES_MAX) break;
    }
    const group = this.#waiting.splice(0, count);
    for (const { bytes } of group) this.#pendingBytes -= bytes.byteLength;
    return group;
  }

  /** Until the batch is in the log, behind what others appended. */
  async #append(batch: LogBatch): Promise<Appended> {
    for (;;) {
      const appended = await this.#appendAt(this.#parts.appliedIndex() + 1, batch);
      if (appended !== undefined) return appended;
    }
  }

  /**
   * Undefined when another batch is there, which is applied. Asked again at the same index while it is unknown.
   * @throws {QueueError} DISK_FULL: it is not there and will not be.
   */
  async #appendAt(index: number, batch: LogBatch): Promise<Appended | undefined> {
    const { log, clock, apply, nonce } = this.#parts;
    for (let mayBeThere = false; ; mayBeThere = true) {
      const result = await log.append(index, batch);
      if (result.kind === "appended") return { index, outcomes: apply({ index, nonce, payload: batch.payload }) };
      if (result.kind === "conflict") {
        const outcomes = await this.#catchUp(index);
        return outcomes === undefined ? undefined : { index, outcomes };
      }
      if (result.kind === "full" && !mayBeThere) throw diskFull(result.reason);
      if (this.#isStopped) throw new QueueError("REQUEST_TIMED_OUT", "the controller stops; whether it was done is not known");
      await sleep(clock, UNKNOWN_RETRY_MS);
    }
  }

  /** Applies what is in the log already. The outcomes, if the batch at `index` turns out to be this writer's. */
  async #catchUp(index: number): Promise<Outcome[] | undefined> {
    const { log, apply, appliedIndex, nonce } = this.#parts;
    let own: Outcome[] | undefined;
    for (;;) {
      const read = await log.readFrom(appliedIndex() + 1);
      if (read.kind === "end") return own;
      if (read.kind === "trimmed") throw new QueueError("NOT_CONTROLLER", "the metadata log went on without this controller");
      for (const entry of read.entries) {
        const outcomes = apply(entry);
        if (entry.index === index && entry.nonce === nonce) own = outcomes;
      }
    }
  }

  /** The next one may find room. */
  #goOnUnlessBroken(error: unknown): void {
    if (!(error instanceof QueueError && error.code === "DISK_FULL")) throw error;
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of [...this.#waiting, ...this.#tries, ...this.#followers]) reject(error);
    this.#waiting = [];
    this.#tries = [];
    this.#followers = [];
    this.#pendingBytes = 0;
    if (!this.#isStopped) this.#parts.fatal(error);
  }
}

function diskFull(reason: string): QueueError {
  return new QueueError("DISK_FULL", `the disk of the metadata is full, nothing was changed: free some room there. reason=${reason}`);
}
