import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BucketPlace } from "@tidemq/server/io/real/cloud/bucket.ts";
import { pause } from "../process/server-process.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Where install.sh puts what npm and Go bring. */
const INSTALLED = join(ROOT, ".cache", "stores");
/** What an ended process wrote last comes within. */
const REST_MS_MAX = 2_000;
const READY_MS_MAX = 120_000;

/** A server of some store on this machine, with an empty bucket. */
export type StoreServer = Readonly<{
  /** URL. */
  endpoint: string;
  /** The bucket, with an empty prefix. */
  place: BucketPlace;
  /** Credentials, as the usual variables. */
  environment: Readonly<Record<string, string>>;
  stop(): void;
}>;

/** The name of the bucket in every store. */
export const BUCKET = "tidemq-test";

/** A program of install.sh. @returns Undefined when it is there, else how to get it. */
export function missingInstall(path: string): string | undefined {
  return existsSync(join(INSTALLED, path)) ? undefined : `${path} is not installed (sh test/object-stores/install.sh)`;
}

export function installed(path: string): string {
  return join(INSTALLED, path);
}

export function missingProgram(program: string, debianPackage: string): string | undefined {
  if (spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined) return undefined;
  return `${program} is not installed (Debian, as root: sh test/object-stores/install.sh, or apt-get install ${debianPackage})`;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** One process of a server; it dies with the test. What it writes is shown when it ends too early. */
export class StoreProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  /** It has ended, and everything that it wrote has been read. */
  readonly #closed: Promise<unknown>;
  #said = "";

  constructor(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#name = program;
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    running.add(this.#child);
    this.#child.on("exit", () => running.delete(this.#child));
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (bytes: Buffer) => {
        this.#said = (this.#said + bytes.toString()).slice(-4000);
      });
      (stream as unknown as { unref(): void }).unref();
    }
    this.#child.unref();
  }

  /** Waits until `isReady` holds. @throws Error With the end of what it wrote. */
  async ready(isReady: () => Promise<boolean>): Promise<void> {
    const giveUpAtMs = performance.now() + READY_MS_MAX;
    while (!(await isReady().catch(() => false))) {
      const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (hasEnded) await Promise.race([this.#closed, pause(REST_MS_MAX)]);
      if (hasEnded || performance.now() > giveUpAtMs) throw new Error(`${this.#name} does not start:\n${this.#said}`);
      await pause(50);
    }
  }

  /** Nothing that it holds is needed any more. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Whether something answers there at all. */
export async function answers(url: string): Promise<boolean> {
  await (await fetch(url)).arrayBuffer();
  return true;
}
