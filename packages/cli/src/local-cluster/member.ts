import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { READY_LINE } from "../commands/start.ts";
import { CHILD_FLAG } from "../parent-watch.ts";
import type { MemberPlan } from "./layout.ts";
import { LAST_LINES } from "./limits.ts";
import { LineCutter, readableLine } from "./log-lines.ts";

const MAIN = fileURLToPath(import.meta.resolve("../main.ts"));

/** `ended`: without having been asked to. */
export type MemberState = "starting" | "ready" | "stopping" | "stopped" | "ended";

/** What a process tells whoever runs it. */
export type MemberEvents = Readonly<{
  line(text: string): void;
  ready(): void;
  /** `isAsked`: by `stop` or `kill`. `how`: exit code or signal. */
  ended(isAsked: boolean, how: string): void;
}>;

/** One broker or controller as a child process; it can be started again when it has ended. */
export class Member {
  readonly plan: MemberPlan;
  readonly #events: MemberEvents;
  #state: MemberState = "stopped";
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #begun = Promise.withResolvers<void>();
  #lastLines: string[] = [];
  #startedMs = 0;

  constructor(plan: MemberPlan, events: MemberEvents) {
    this.plan = plan;
    this.#events = events;
  }

  get state(): MemberState {
    return this.#state;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get upMs(): number | undefined {
    return this.#child === undefined ? undefined : performance.now() - this.#startedMs;
  }

  /** Of its newest life. */
  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  /** No effect while it runs. */
  start(): void {
    if (this.#child !== undefined) return;
    this.#state = "starting";
    this.#lastLines = [];
    this.#begun = Promise.withResolvers();
    this.#startedMs = performance.now();
    // A group of its own: Ctrl-C on the terminal is for the parent, which ends the others in order.
    const options = { stdio: "pipe", detached: true, env: environment() } as const;
    const child = spawn(process.execPath, [...process.execArgv, MAIN, ...this.plan.args, CHILD_FLAG], options);
    this.#child = child;
    this.#listen(child);
  }

  /** As Ctrl-C; resolves when it has ended. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** As a loss of power for this process; resolves when it has ended. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Whether it serves, once that is decided. */
  async whenBegun(): Promise<boolean> {
    if (this.#state === "starting") await Promise.race([this.#ended, this.#begun.promise]);
    return this.#state === "ready";
  }

  #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (this.#child !== undefined) {
      this.#state = "stopping";
      this.#child.kill(signal);
    }
    return this.#ended;
  }

  #listen(child: ChildProcess): void {
    const out = new LineCutter((line) => this.#takeOutput(line));
    const log = new LineCutter((line) => this.#say(readableLine(line)));
    child.stdout?.on("data", (chunk: Buffer) => out.take(chunk));
    child.stderr?.on("data", (chunk: Buffer) => log.take(chunk));
    // Its end is told by the process, not by the pipe to it.
    child.stdin?.on("error", () => undefined);
    child.once("error", (error) => this.#say(`cannot be started: ${error.message}`));
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        out.end();
        log.end();
        this.#close(signal ?? `code ${code}`);
        resolve();
      });
    });
  }

  /** What a server says on standard output is told once for all of them; the last line of it counts. */
  #takeOutput(line: string): void {
    if (line !== READY_LINE || this.#state !== "starting") return;
    this.#state = "ready";
    this.#begun.resolve();
    this.#events.ready();
  }

  #say(line: string): void {
    this.#lastLines = [...this.#lastLines, line].slice(-LAST_LINES);
    this.#events.line(line);
  }

  #close(how: string): void {
    const isAsked = this.#state === "stopping";
    this.#child = undefined;
    this.#state = isAsked ? "stopped" : "ended";
    this.#events.ended(isAsked, how);
  }
}

/** Variables that configure a server are for one server. */
function environment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("TIDEMQ_") || name.startsWith("TIDEMQ_TEST_"));
  return Object.fromEntries(entries);
}
