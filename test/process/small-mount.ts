import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Why a test that needs a file system of its own cannot run; false where it can. */
export const WITHOUT_MOUNT =
  process.getuid?.() === 0 && existsSync("/proc/filesystems") ? false : "needs a small file system: Linux, and root to mount it";

const mounted = new Set<SmallMount>();
process.on("exit", () => {
  for (const mount of mounted) mount.remove();
});

/** A file system in memory, small enough to be full. */
export class SmallMount {
  readonly path: string;

  /** @throws Error When it cannot be mounted. */
  constructor(path: string, mebibytes: number) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    run("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path]);
    mounted.add(this);
  }

  /** From now on nothing can be written. */
  makeReadOnly(): void {
    run("mount", ["-o", "remount,ro", this.path]);
  }

  makeWritable(): void {
    run("mount", ["-o", "remount,rw", this.path]);
  }

  /** Takes all room that is left. */
  fill(): void {
    // It ends with an error when there is no room for more.
    spawnSync("dd", ["if=/dev/zero", `of=${this.#filler}`, "bs=64k"], { stdio: "ignore" });
    for (const bytes of [4096, 1]) {
      try {
        for (let i = 0; i < 100; i += 1) writeFileSync(this.#filler, Buffer.alloc(bytes), { flag: "a" });
      } catch {
        // Full.
      }
    }
  }

  giveRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  remove(): void {
    mounted.delete(this);
    spawnSync("umount", ["-l", this.path], { stdio: "ignore" });
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}
