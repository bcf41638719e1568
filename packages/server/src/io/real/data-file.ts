import { fdatasync, fstat, read } from "node:fs";
import { assert } from "../../base/assert.ts";
import type { DiskFile } from "../disk.ts";
import { diskError } from "./disk-errors.ts";
import type { DiskExecutor } from "./disk-executor.ts";

/** One open file of a data folder. Writes go to the disk thread, reads to the thread pool of the runtime. */
export class DataFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #executor: DiskExecutor;
  #open = true;
  /** And syncs beside the disk thread. */
  #reads = 0;
  /** Resolves `close` when the last of them has ended. */
  #readsEnded: (() => void) | undefined;

  constructor(path: string, descriptor: number, executor: DiskExecutor) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#executor = executor;
  }

  size(): Promise<number> {
    this.#assertOpen();
    return this.#reading((settle) => fstat(this.#descriptor, (error, stats) => settle(error, error === null ? stats.size : 0)));
  }

  read(position: number, target: Uint8Array): Promise<number> {
    this.#assertOpen();
    assertPosition(position);
    return this.#reading((settle) => {
      let done = 0;
      const readOn = (): void => {
        read(this.#descriptor, target, done, target.byteLength - done, position + done, (error, count) => {
          if (error !== null) return settle(error, 0);
          done += count;
          if (count === 0 || done === target.byteLength) settle(null, done);
          else readOn();
        });
      };
      if (target.byteLength === 0) settle(null, 0);
      else readOn();
    });
  }

  write(position: number, slices: readonly Uint8Array[], sync: boolean): Promise<void> {
    this.#assertOpen();
    assertPosition(position);
    return this.#executor.write(this.#descriptor, this.path, position, slices, sync);
  }

  sync(): Promise<void> {
    this.#assertOpen();
    return this.#executor.sync(this.#descriptor, this.path);
  }

  async syncBeside(): Promise<void> {
    this.#assertOpen();
    await this.#reading((settle) => fdatasync(this.#descriptor, (error) => settle(error, 0)));
  }

  fill(from: number, to: number): Promise<void> {
    this.#assertOpen();
    assertPosition(from);
    assert(from <= to, "a range does not end before it starts");
    return this.#executor.fill(this.#descriptor, this.path, from, to);
  }

  truncate(size: number): Promise<void> {
    this.#assertOpen();
    assertPosition(size);
    return this.#executor.truncate(this.#descriptor, this.path, size);
  }

  async close(): Promise<void> {
    this.#assertOpen();
    this.#open = false;
    if (this.#reads > 0) {
      await new Promise<void>((resolve) => {
        this.#readsEnded = resolve;
      });
    }
    await this.#executor.close(this.#descriptor, this.path);
  }

  #reading(start: (settle: (error: Error | null, value: number) => void) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#reads += 1;
      start((error, value) => {
        this.#reads -= 1;
        if (error === null) resolve(value);
        else reject(diskError((error as NodeJS.ErrnoException).code, `${this.path}: ${error.message}`, error));
        if (this.#reads === 0) this.#readsEnded?.();
      });
    });
  }

  #assertOpen(): void {
    assert(this.#open, `${this.path} is closed`);
  }
}

function assertPosition(position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, "a position in a file is a whole number");
}
