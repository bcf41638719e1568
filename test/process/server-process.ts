import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Health } from "@tidemq/server/process/endpoints/health.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The script that people start. */
export const PROGRAM = join(ROOT, "tidemq");
const START_MS_MAX = 30_000;
const END_MS_MAX = 30_000;
/** A command that does not end by itself fails its test instead of holding up the rest. */
const COMMAND_MS_MAX = 120_000;
/** The last line that a server prints before it serves. */
const READY = "Ctrl-C stops the server.";
/** A small write-ahead log: a new folder is ready sooner, and its files are used again within a test. */
const SMALL = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB"];

/** One line of the log, with its fields. */
export type LogLine = Readonly<{ level: string; msg: string; [field: string]: unknown }>;

export type HostPort = Readonly<{ host: string; port: number }>;

export type ServerOptions = Readonly<{
  /** Where its data lies. */
  folder: string;
  /** Any free one when absent. */
  port?: number;
  /** Behind what is given always; a later flag wins. */
  flags?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}>;

/** How a program of `./tidemq` is run: its world. */
export type ProgramWorld = Readonly<{
  environment?: Readonly<Record<string, string>>;
  workingFolder?: string;
  startMsMax?: number;
  /** A program, with its arguments, that becomes the one that stands behind them. */
  by?: readonly string[];
}>;

/** `./tidemq start`, `broker` or `controller` as a process, from the outside. */
export class ServerProcess {
  /** From the start of the process to the banner. */
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #said: Said;
  readonly #ended: Promise<number>;

  private constructor(child: ChildProcess, said: Said, ended: Promise<number>, startMs: number) {
    this.#child = child;
    this.#said = said;
    this.#ended = ended;
    this.startMs = startMs;
  }

  /** Resolves when it serves. @throws {RefusedError} When it ends before. */
  static start(options: ServerOptions): Promise<ServerProcess> {
    return ServerProcess.#whenReady(spawnServer(options, "pipe"), START_MS_MAX);
  }

  /** As `start`, with exactly these arguments. @throws {RefusedError} */
  static run(args: readonly string[], world: ProgramWorld = {}): Promise<ServerProcess> {
    return ServerProcess.#whenReady(spawnProgram(args, "pipe", world), world.startMsMax ?? START_MS_MAX);
  }

  /** One that does not come to serve: waits until it has said this, and kills it. @returns Its standard error. @throws {RefusedError} It ended before. */
  static async saying(args: readonly string[], text: RegExp, world: ProgramWorld = {}): Promise<string> {
    const child = spawnProgram(args, "pipe", world);
    const said = new Said(child);
    const ended = endOf(child);
    try {
      const isOver = (): boolean => text.test(said.stderr) || hasEnded(child);
      await until(`it says ${text}`, isOver, world.startMsMax ?? START_MS_MAX);
    } finally {
      child.kill("SIGKILL");
    }
    const code = await ended;
    if (text.test(said.stderr) && !said.stdout.includes(READY)) return said.stderr;
    throw new RefusedError(code, said.stderr);
  }

  static async #whenReady(child: ChildProcess, startMsMax: number): Promise<ServerProcess> {
    const startedMs = performance.now();
    const said = new Said(child);
    const ended = endOf(child);
    const outcome = await within(startMsMax, Promise.race([said.when(READY), ended]));
    // A server that a failed test leaves behind keeps nobody waiting.
    unref(child);
    if (outcome === "said") return new ServerProcess(child, said, ended, performance.now() - startedMs);
    if (outcome === "late") child.kill("SIGKILL");
    throw new RefusedError(outcome === "late" ? -9 : outcome, said.stderr);
  }

  /** Where it serves clients. @throws Error A controller does not. */
  get kafka(): HostPort {
    return addressAfter(this.#said.stdout, "Kafka clients   ");
  }

  get http(): HostPort {
    return addressAfter(this.#said.stdout, "HTTP            http://");
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Everything that it has written to standard error, its log included. */
  get stderr(): string {
    return this.#said.stderr;
  }

  get stdout(): string {
    return this.#said.stdout;
  }

  get hasEnded(): boolean {
    return hasEnded(this.#child);
  }

  /** Ends it and waits. @returns Its exit code, or minus the number that the shell would add 128 to. */
  async end(signal: "SIGINT" | "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number> {
    this.#child.kill(signal);
    const code = await within(END_MS_MAX, this.#ended);
    if (code !== "late") return code;
    this.#child.kill("SIGKILL");
    throw new Error(`still running ${END_MS_MAX} ms after ${signal}:\n${this.stderr.slice(-2000)}`);
  }

  /** Nothing of it runs from now on, until `goOn`. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  /** Power fails: nothing is cleaned up. */
  kill(): Promise<number> {
    return this.end("SIGKILL");
  }

  /** Its log so far. */
  get log(): readonly LogLine[] {
    const lines = this.stderr.split("\n").slice(0, -1);
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
  }

  async health(): Promise<Health> {
    return JSON.parse(await this.ask("/health")) as Health;
  }

  /** The value of one metric. `name`: with its labels, as in `name{label="value"}`. */
  async metric(name: string): Promise<number> {
    const lines = (await this.ask("/metrics")).split("\n");
    return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length));
  }

  /** @throws When the answer is none of 200. */
  async ask(path: string): Promise<string> {
    const answer = await fetch(`http://${this.http.host}:${this.http.port}${path}`);
    if (answer.status !== 200) throw new Error(`${path}: status ${answer.status}`);
    return answer.text();
  }
}

/** Starts one and kills it so soon after, whether it serves by then or not. */
export async function killStart(options: ServerOptions, killMs: number): Promise<void> {
  const child = spawnServer(options, "ignore");
  const ended = endOf(child);
  await pause(killMs);
  child.kill("SIGKILL");
  await ended;
}

/** Starts one and asks it to end as soon as it has said this. @returns Its exit code and its standard error. */
export async function endStart(options: ServerOptions, text: RegExp): Promise<{ code: number; stderr: string }> {
  const child = spawnServer(options, "pipe");
  const said = new Said(child);
  const ended = endOf(child);
  await until(`it says ${text}`, () => text.test(said.stderr) || hasEnded(child), START_MS_MAX);
  child.kill("SIGTERM");
  const code = await within(END_MS_MAX, ended);
  if (code === "late") child.kill("SIGKILL");
  return { code: code === "late" ? -9 : code, stderr: said.stderr };
}

function spawnServer({ folder, port = 0, flags = [], environment = {} }: ServerOptions, output: "pipe" | "ignore"): ChildProcess {
  const always = ["start", "--data", folder, "--listen", `127.0.0.1:${port}`, "--http", "127.0.0.1:0", ...SMALL];
  return spawnProgram([...always, ...flags], output, { environment });
}

function spawnProgram(
  args: readonly string[],
  output: "pipe" | "ignore",
  { environment = {}, workingFolder, by = [] }: ProgramWorld,
): ChildProcess {
  const env = { ...process.env, ...environment };
  const [program = PROGRAM, ...rest] = [...by, PROGRAM, ...args];
  const child = spawn(program, rest, {
    stdio: ["ignore", output, output],
    env,
    ...(workingFolder === undefined ? {} : { cwd: workingFolder }),
  });
  running.add(child);
  return child;
}

/** It did not start. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: number;
  readonly stderr: string;

  constructor(code: number, stderr: string) {
    super(`the server ended with code ${code}:\n${stderr}`);
    this.code = code;
    this.stderr = stderr;
  }
}

export type CommandEnd = Readonly<{ code: number; stdout: string; stderr: string }>;

/** Any other command of `./tidemq`, to its end; one that hangs is killed, and ends with code -9. */
export async function tidemq(args: readonly string[], input: string | Uint8Array = ""): Promise<CommandEnd> {
  const child = spawn(PROGRAM, args, { stdio: "pipe" });
  running.add(child);
  const said = new Said(child);
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const hung = setTimeout(() => child.kill("SIGKILL"), COMMAND_MS_MAX);
  const code = await endOf(child).finally(() => clearTimeout(hung));
  return { code, stdout: said.stdout, stderr: said.stderr };
}

/** A folder that is gone when the test process ends, unless KEEP_FOLDERS=1. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-process-"));
  folders.add(folder);
  return folder;
}

/** What the kernel counts for a process. Bytes written to disks; context switches that all its threads asked for; resident bytes. */
export function countsOf(pid: number): { writtenBytes: number; wakes: number; residentBytes: number } {
  const numberIn = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"));
  return {
    writtenBytes: numberIn(readFileSync(`/proc/${pid}/io`, "utf8"), "write_bytes"),
    wakes: tasks.reduce((sum, status) => sum + numberIn(status, "voluntary_ctxt_switches"), 0),
    residentBytes: numberIn(readFileSync(`/proc/${pid}/status`, "utf8"), "VmRSS") * 1024,
  };
}

/** Why a test that looks into /proc cannot run; false where it can. */
export const WITHOUT_PROC = existsSync("/proc/self/io") ? false : "needs /proc of Linux";

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until it holds. @throws When it does not within the time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, msMax = 10_000): Promise<void> {
  const giveUpAtMs = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > giveUpAtMs) throw new Error(`not within ${msMax} ms: ${what}`);
    await pause(20);
  }
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  if (process.env["KEEP_FOLDERS"] === "1") return;
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }); // the killed still die
});

// A test file that takes too long is ended by a signal, which alone runs nothing of the above.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Collects what a process writes. */
class Said {
  stdout = "";
  stderr = "";
  readonly #waiting: { text: string; resolve: (outcome: "said") => void }[] = [];

  constructor(child: ChildProcess) {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      for (const one of this.#waiting) if (this.stdout.includes(one.text)) one.resolve("said");
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
  }

  when(text: string): Promise<"said"> {
    return new Promise((resolve) => this.#waiting.push({ text, resolve }));
  }
}

/** When it has ended and everything that it wrote is here. */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve(code ?? (signal === "SIGKILL" ? -9 : -1));
    });
  });
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | "late"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function unref(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as Socket | null)?.unref();
}

function addressAfter(text: string, label: string): HostPort {
  const match = new RegExp(`${label}([\\d.]+):(\\d+)`).exec(text);
  if (match === null) throw new Error(`no address after "${label}" in:\n${text}`);
  return { host: match[1] ?? "", port: Number(match[2]) };
}
