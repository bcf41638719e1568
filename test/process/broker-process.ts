import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Health } from "@tidemq/server/process/health.ts";

/** The script that people start. */
export const TIDEMQ = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "tidemq");

/** The smallest write-ahead log there is: 240 MiB. */
export const SMALL_LOG: readonly string[] = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB"];

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
const PORT_MIN = 20_000;
const PORT_COUNT = 12_000;

export type BrokerSetting = Readonly<{
  /** Of everything: `data` lies in it. */
  folder: string;
  flags?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** For Kafka clients; 0 takes any free one. */
  port?: number;
}>;

export type Exit = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>;
/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & Readonly<{ level: string; msg: string }>;

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** One run of `./tidemq start` with its data in `FOLDER/data` and a small log. */
export class BrokerProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** When it was spawned, since 1970. */
  readonly spawnedAtMs = Date.now();
  #out = "";
  #err = "";
  #exit: Exit | undefined;
  #heard: (() => void)[] = [];

  constructor({ folder, flags = [], environment = {}, port = 0 }: BrokerSetting) {
    const places = ["--data", join(folder, "data"), "--listen", `127.0.0.1:${port}`, "--http", "127.0.0.1:0"];
    // A flag that is given twice counts as given last.
    const options = { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] as const };
    this.child = spawn(TIDEMQ, ["start", ...SMALL_LOG, ...places, ...flags], { ...options, stdio: ["ignore", "pipe", "pipe"] });
    living.add(this.child);
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#out += chunk.toString();
      this.#tell();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.#err += chunk.toString();
      this.#tell();
    });
    this.exited = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        living.delete(this.child);
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#tell();
      });
    });
  }

  /** Starts one and waits until it serves. */
  static async start(setting: BrokerSetting): Promise<BrokerProcess> {
    const broker = new BrokerProcess(setting);
    await broker.serves();
    return broker;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Standard output so far. */
  get out(): string {
    return this.#out;
  }

  /** Standard error so far. */
  get err(): string {
    return this.#err;
  }

  get hasEnded(): boolean {
    return this.#exit !== undefined;
  }

  /** Where Kafka clients connect, from what it printed. */
  get port(): number {
    return Number(/Kafka clients +127\.0\.0\.1:(\d+)/.exec(this.#out)?.[1]);
  }

  get httpPort(): number {
    return Number(/HTTP +http:\/\/127\.0\.0\.1:(\d+)/.exec(this.#out)?.[1]);
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The lines of its log so far; `text`: those with it in the message. */
  logged(text = ""): readonly LogLine[] {
    return this.#err
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ msg }) => msg.includes(text));
  }

  /** Waits for its last word of the start. */
  serves(): Promise<void> {
    return this.until(() => this.#out.includes("Ctrl-C stops the server."), START_MS_MAX, "it serves");
  }

  /** Waits until something holds after what it printed. Rejects when it ends before, or does not come to it. */
  async until(holds: () => boolean, msMax: number, what: string): Promise<void> {
    const untilMs = performance.now() + msMax;
    while (!holds()) {
      const leftMs = untilMs - performance.now();
      if (this.#exit !== undefined || leftMs <= 0) {
        const how =
          this.#exit === undefined ? `within ${msMax} ms` : `before its end (code ${this.#exit.code}, signal ${this.#exit.signal})`;
        throw new Error(`not so ${how}: ${what}\n${this.#out}\n${this.#err.slice(-4000)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#heard.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** What `GET PATH` of its HTTP address answers. */
  async get(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.httpPort}${path}`)).text();
  }

  async health(): Promise<Health> {
    return JSON.parse(await this.get("/health")) as Health;
  }

  /** Value of a metric, summed over its labels. `labels`: only those rows with it. */
  async metric(name: string, labels = ""): Promise<number> {
    let sum = 0;
    for (const line of (await this.get("/metrics")).split("\n")) {
      if (line.startsWith(`${name} `) || (line.startsWith(`${name}{`) && line.includes(labels)))
        sum += Number(line.slice(line.lastIndexOf(" ")));
    }
    return sum;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  /** Asks it to end; one that does not is killed, and that is an error. */
  async stop(signal: "SIGINT" | "SIGTERM" = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS_MAX);
    const exit = await this.exited;
    clearTimeout(timer);
    if (exit.signal === "SIGKILL") throw new Error(`did not stop within ${STOP_MS_MAX} ms\n${this.#err.slice(-4000)}`);
    return exit.code;
  }

  #tell(): void {
    for (const heard of this.#heard.splice(0)) heard();
  }
}

export type Ended = Readonly<{ code: number | null; out: string; err: string }>;

/** Runs `./tidemq ARGS` to its end. */
export async function tidemq(args: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(TIDEMQ, args, { stdio: ["pipe", "pipe", "pipe"] });
  living.add(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.on("error", () => undefined); // it need not read everything
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  living.delete(child);
  return { code, out, err };
}

/** A folder for the data of one test, and what removes it. */
export function temporaryFolder(): Readonly<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "tidemq-process-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * A free port for a broker that comes back to it. None that the kernel gives to outgoing connections: a client that tries a
 * port where nobody listens could be connected with itself, and the broker would find it taken.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Waits until something asynchronous holds; rejects with what it last was. */
export async function eventually(what: string, msMax: number, holds: () => Promise<boolean> | boolean): Promise<void> {
  const untilMs = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not so within ${msMax} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
