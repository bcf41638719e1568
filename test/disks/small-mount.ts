import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** Why a test that needs a file system of its own cannot run; false where it can. */
export const WITHOUT_MOUNT = whyNoMount();

/** Likewise for one on a device of its own, that turns read-only by itself. */
export const WITHOUT_DEVICE =
  WITHOUT_MOUNT === false && !(existsSync("/dev/loop-control") && existsSync("/sys/fs/ext4") && hasProgram("mkfs.ext4"))
    ? "needs a device made of a file: Linux with loop devices, ext4 and mkfs.ext4"
    : WITHOUT_MOUNT;

function whyNoMount(): string | false {
  if (process.getuid?.() !== 0 || !existsSync("/proc/filesystems")) return "needs a small file system: Linux, and root to mount it";
  const place = mkdtempSync(join(tmpdir(), "tidemq-mount-"));
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", place], { encoding: "utf8" });
  if (status === 0) spawnSync("umount", [place]);
  rmSync(place, { recursive: true });
  return status === 0 ? false : `needs a small file system, which this machine does not mount: ${stderr.trim()}`;
}

function hasProgram(name: string): boolean {
  return spawnSync(name, ["-V"], { stdio: "ignore" }).error === undefined;
}

const mounted = new Set<Readonly<{ remove(): void }>>();
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

  resize(mebibytes: number): void {
    run("mount", ["-o", `remount,size=${mebibytes}m`, this.path]);
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

/**
 * A file system on a device of its own, which the kernel makes read-only as it does when it finds an error of the disk: files that
 * are open stay open, and nothing can be written to them.
 */
export class DeviceMount {
  readonly path: string;
  readonly #image: string;

  /** @throws Error When it cannot be mounted. */
  constructor(path: string, mebibytes: number) {
    this.path = path;
    this.#image = `${path}.image`;
    mkdirSync(path, { recursive: true });
    writeFileSync(this.#image, "");
    truncateSync(this.#image, mebibytes * 1024 * 1024);
    run("mkfs.ext4", ["-q", "-E", "lazy_itable_init=0", this.#image]);
    this.#mount();
    mounted.add(this);
  }

  /** The kernel finds an error on the device. */
  turnReadOnly(): void {
    const device = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .find(([, place]) => place === this.path)?.[0];
    writeFileSync(`/sys/fs/ext4/${basename(device ?? "")}/trigger_fs_error`, "a test");
  }

  /** As a person does who has looked at the disk. Nobody may have a file of it open. */
  repair(): void {
    run("umount", [this.path]);
    spawnSync("fsck.ext4", ["-p", "-f", this.#image], { stdio: "ignore" }); // its exit code says what it mended
    this.#mount();
  }

  remove(): void {
    mounted.delete(this);
    spawnSync("umount", ["-l", this.path], { stdio: "ignore" });
    rmSync(this.#image, { force: true });
  }

  #mount(): void {
    run("mount", ["-o", "loop,errors=remount-ro", this.#image, this.path]);
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}
