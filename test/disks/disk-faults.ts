import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { constants, endianness } from "node:os";
import { join } from "node:path";

const PAGE_BYTES = 4096;
const ERRNO_AT = 4;
const LOWEST_AT = 8;
const FOLDER_AT = 16;
const KINDS = { read: 1, write: 2, sync: 4 } as const;

const hasCompiler = process.platform === "linux" && spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0;
/** Why a test that needs a disk with faults cannot run; false where it can. */
export const WITHOUT_FAULTS = hasCompiler ? false : "needs calls of the system that fail: Linux, and a C compiler (cc)";

/**
 * Faults of the disk under one process, while it runs: a library made from `disk-faults.c` stands between it and the system, and answers
 * reads, writes or syncs of the files below a folder with an error. Nothing below knows that it is no disk.
 */
export class DiskFaults {
  readonly #control: string;
  readonly #library: string;

  /** @param folder Where its library and its control file lie. @throws Error When it cannot be compiled. */
  constructor(folder: string) {
    this.#control = join(folder, "disk-faults.control");
    this.#library = join(folder, "disk-faults.so");
    writeFileSync(this.#control, Buffer.alloc(PAGE_BYTES));
    const source = join(import.meta.dirname, "disk-faults.c");
    const { status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", this.#library, source, "-ldl"], { encoding: "utf8" });
    if (status !== 0) throw new Error(`cc: ${stderr}`);
  }

  /** What the process is to be started with. */
  get environment(): Readonly<Record<string, string>> {
    return { LD_PRELOAD: this.#library, DISK_FAULTS: this.#control };
  }

  /** From now on these calls on files whose path begins so fail. `code`: as the kernel names it. `from`: only at and above this position. */
  break(path: string, kinds: readonly (keyof typeof KINDS)[], code: "EIO" | "ENOSPC" | "EROFS", from = 0): void {
    const page = Buffer.alloc(PAGE_BYTES);
    page.write(path, FOLDER_AT);
    const isLittle = endianness() === "LE";
    page[isLittle ? "writeInt32LE" : "writeInt32BE"](constants.errno[code], ERRNO_AT);
    page[isLittle ? "writeBigInt64LE" : "writeBigInt64BE"](BigInt(from), LOWEST_AT);
    this.#set(page);
    this.#set(Buffer.from([kinds.reduce((bits, kind) => bits | KINDS[kind], 0)]));
  }

  mend(): void {
    this.#set(Buffer.of(0));
  }

  /** In place: the process has the page mapped. */
  #set(bytes: Uint8Array): void {
    const descriptor = openSync(this.#control, "r+");
    writeSync(descriptor, bytes, 0, bytes.byteLength, 0);
    closeSync(descriptor);
  }
}
