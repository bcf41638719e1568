import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { libraryFolder } from "../../bench/kafka-server.ts";
import { pause } from "../process/server-process.ts";

const LINE_EVERY_MS = 20;
const JAVA_FLAGS = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"];

/** How a producer ended, and what it complained of. */
export type ProducerEnd = Readonly<{ code: number | null; said: string }>;

/** kcat as an idempotent producer of 0, 1, 2, …, a line each. */
export class KcatLines {
  /** Lines written. */
  count = 0;
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;
  readonly #running: Promise<void>;
  readonly #ended: Promise<number | null>;
  #said = "";
  #isStopped = false;

  constructor(bootstrap: string, topic: string) {
    const args = ["-P", "-b", bootstrap, "-t", topic, "-X", "enable.idempotence=true", "-X", "linger.ms=5"];
    this.#child = spawn("kcat", args, { stdio: ["pipe", "ignore", "pipe"] });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.on("data", (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-2_000);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#running = this.#run();
  }

  /** After the last line, when all is delivered. */
  async end(): Promise<ProducerEnd> {
    this.#isStopped = true;
    await this.#running;
    this.#child.stdin.end();
    return { code: await this.#ended, said: this.#said };
  }

  kill(): void {
    this.#isStopped = true;
    this.#child.kill("SIGKILL");
  }

  async #run(): Promise<void> {
    for (; !this.#isStopped; this.count += 1) {
      this.#child.stdin.write(`${this.count}\n`);
      await pause(LINE_EVERY_MS);
    }
  }
}

/** Kafka's Java client as an idempotent producer of 0, 1, 2, … to the partitions in turn. */
export class JavaNumbers {
  /** Records acknowledged. */
  count = 0;
  /** What it complained of. */
  said = "";
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | null>;

  constructor(bootstrap: string, topic: string, partitions: number) {
    const program = join(import.meta.dirname, "..", "clients", "java", "NumberedProducer.java");
    const args = [...JAVA_FLAGS, "-cp", join(libraryFolder(), "*"), program, bootstrap, topic, String(partitions)];
    this.#child = spawn("java", args, { stdio: "pipe" });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.count += text.split("\n").length - 1;
    });
    this.#child.stderr.on("data", (bytes: Buffer) => {
      this.said = (this.said + bytes.toString()).slice(-2_000);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  /** When all is delivered. */
  async end(): Promise<ProducerEnd> {
    this.#child.stdin.end();
    return { code: await this.#ended, said: this.said };
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
