import { QueueError } from "../base/errors.ts";
import type { Clock, Timer } from "../io/clock.ts";
import { DiskError } from "../io/disk.ts";
import type { Log } from "../telemetry/log.ts";
import { UNREADABLE_RETRY_MS } from "./limits.ts";
import { readAgain } from "./read-again.ts";
import type { WalFile } from "./wal-file.ts";

type Failure = Readonly<{ file: WalFile; position: number; bytes: number; reason: string }>;

/**
 * Reads of the log's files while it is open. A disk that fails to read says nothing about the bytes: whoever wants them is told to try
 * again, and nothing becomes damage because of it. After a failure the same place is read again now and then, so that
 * it is known when the disk works.
 */
export class LogReads {
  readonly #clock: Clock;
  readonly #log: Log;
  #failure: Failure | undefined;
  #failures = 0;
  #timer: Timer | undefined;
  #stopped = false;
  #closed = false;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** What the disk says; undefined: nothing is wrong. */
  get problem(): string | undefined {
    return this.#failure?.reason;
  }

  /** Reads that failed, all tries. */
  get failures(): number {
    return this.#failures;
  }

  /** @throws {QueueError} WAL_UNREADABLE: the disk refuses, after all tries; or the log is closed. */
  readonly read = async (file: WalFile, position: number, target: Uint8Array): Promise<number> => {
    if (this.#closed) throw new QueueError("WAL_UNREADABLE", "the write-ahead log is closed: the broker stops");
    try {
      return await readAgain(file, position, target);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#failed({ file, position, bytes: target.byteLength, reason: error.message });
      throw new QueueError("WAL_UNREADABLE", `the disk fails to read the write-ahead log; try again. ${error.message}`, { cause: error });
    }
  };

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Its files are closed next: who has read on in the background is told so. */
  close(): void {
    this.#closed = true;
  }

  #failed(failure: Failure): void {
    this.#failures += 1;
    if (this.#failure === undefined)
      this.#log.error("the disk fails to read the write-ahead log; nothing is given up because of that", { reason: failure.reason });
    this.#failure = failure;
    if (this.#timer === undefined) this.#askLater();
  }

  #askLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(UNREADABLE_RETRY_MS, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const failure = this.#failure;
    if (failure === undefined) return;
    const { file, position, bytes } = failure;
    file.readerEntered();
    try {
      await file.disk.read(position, Buffer.allocUnsafe(bytes));
      this.#timer = undefined;
      if (this.#failure !== failure) return this.#askLater(); // it failed elsewhere meanwhile
      this.#failure = undefined;
      this.#log.info("the write-ahead log can be read again");
    } catch {
      this.#askLater();
    } finally {
      file.readerLeft();
    }
  }
}

/** Whether the disk failed, rather than a check of what it gave. */
export function isUnreadable(error: unknown): error is QueueError {
  return error instanceof QueueError && error.code === "WAL_UNREADABLE";
}
