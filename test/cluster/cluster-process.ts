import { type ChildProcess, spawn } from "node:child_process";
import { PROGRAM, until } from "../process/server-process.ts";

const START_MS_MAX = 90_000;
const END_MS_MAX = 60_000;
/** Below those that systems give to connections, so that few others want them. */
const PORTS = { first: 12_000, last: 28_000, step: 1_000 } as const;

export type ClusterOptions = Readonly<{ folder: string; brokers: number; controllers: number }>;

/** `./tidemq cluster start` as a process, from the outside: lines go in, lines come out. */
export class ClusterProcess {
  /** Kafka's, of broker-1. */
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  #said = "";

  private constructor(options: ClusterOptions, port: number) {
    const { folder, brokers, controllers } = options;
    const flags = ["--brokers", `${brokers}`, "--controllers", `${controllers}`, "--data", folder, "--port", `${port}`];
    this.port = port;
    this.#child = spawn(PROGRAM, ["cluster", "start", ...flags], { stdio: "pipe" });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    this.#child.stdin?.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        running.delete(this.#child);
        resolve(code ?? (signal === "SIGKILL" ? -9 : -1));
      });
    });
  }

  /** On ports that are free. Resolves when all of it serves. */
  static async start(options: ClusterOptions): Promise<ClusterProcess> {
    const { first, last, step } = PORTS;
    for (let port = first + (process.pid % step); port < last; port += step) {
      const cluster = new ClusterProcess(options, port);
      await until("it serves, or has ended", () => cluster.hasEnded || cluster.said.includes("Ctrl-C stops"), START_MS_MAX);
      if (!cluster.hasEnded) return cluster;
      if (!cluster.said.includes("in use by another process")) throw new Error(cluster.said);
    }
    throw new Error("no ports are free");
  }

  /** As it is, on these ports: for what is refused. @returns What it said, when it has ended. */
  static async refused(options: ClusterOptions, port: number): Promise<Readonly<{ code: number; said: string }>> {
    const cluster = new ClusterProcess(options, port);
    const code = await cluster.#ended;
    return { code, said: cluster.said };
  }

  /** Everything that it and its children have written. */
  get said(): string {
    return this.#said;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** HTTP of a broker. */
  http(broker: number): string {
    return `127.0.0.1:${this.port + 551 + 100 * (broker - 1)}`;
  }

  /** For clients: every broker. */
  bootstrap(brokers: number): string {
    return Array.from({ length: brokers }, (_, place) => `127.0.0.1:${this.port + 100 * place}`).join(",");
  }

  /** Writes a line and waits for what it is answered with. @returns What was said since. */
  async ask(line: string, answer: RegExp): Promise<string> {
    const from = this.#said.length;
    this.#child.stdin?.write(`${line}\n`);
    await until(
      `"${line}" is answered with ${answer}, not:\n${this.#said.slice(from)}`,
      () => answer.test(this.#said.slice(from)),
      START_MS_MAX,
    );
    return this.#said.slice(from);
  }

  /** Of its children, by name. */
  async pids(): Promise<ReadonlyMap<string, number>> {
    const table = await this.ask("status", /^controller-101 +\S+ +\d+ .*\n/m);
    return new Map([...table.matchAll(/^((?:broker|controller)-\d+) +\w+ +(\d+)/gm)].map((row) => [row[1] ?? "", Number(row[2])]));
  }

  /** Ends it and waits. @returns Its exit code. */
  async end(signal: "SIGINT" | "SIGKILL"): Promise<number> {
    this.#child.kill(signal);
    await until(`it ends after ${signal}, and does not only say\n${this.said.slice(-2_000)}`, () => this.hasEnded, END_MS_MAX);
    return this.#ended;
  }
}

const running = new Set<ChildProcess>();
// Its own children see that it is gone.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
