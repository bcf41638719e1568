import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { libraryFolder } from "../../bench/kafka-server.ts";
import { NUMBERS_PROGRAM } from "../clients/franz-go.ts";
import { pause } from "../process/server-process.ts";

const CLIENTS = join(import.meta.dirname, "..", "clients");
const LINE_EVERY_MS = 20;
/** It sends what it reads when a buffer of 1,024 bytes is full. */
const LINE_LENGTH = 127;
/** What kcat says with each acknowledgement, when it is asked to say more. */
const DELIVERED = /^% Message delivered to partition (\d+) \(offset (\d+)\) on broker \d+$/;
const JAVA_FLAGS = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"];

type ProgramOf = readonly [string, ...string[]];

/** Where a record was told to lie. `value`: kcat does not say. */
export type AcknowledgedRecord = Readonly<{ partition: number; offset: number; value: string | undefined }>;

/** How a producer ended, and what it complained of. */
export type ProducerEnd = Readonly<{ code: number | null; said: string }>;

/** kcat as an idempotent producer of 0, 1, 2, …, a line each. */
export class KcatLines {
  /** Lines written. */
  count = 0;
  /** Of them, those that were acknowledged. */
  acknowledged = 0;
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;
  readonly #running: Promise<void>;
  readonly #ended: Promise<number | null>;
  #said = "";
  #isStopped = false;

  /** `hear`: gets what was acknowledged. */
  constructor(bootstrap: string, topic: string, hear: (record: AcknowledgedRecord) => void = () => undefined) {
    const settings = ["-X", "enable.idempotence=true", "-X", "linger.ms=5", "-X", "topic.produce.offset.report=true"];
    this.#child = spawn("kcat", ["-P", "-E", "-v", "-v", "-b", bootstrap, "-t", topic, ...settings], { stdio: ["pipe", "ignore", "pipe"] });
    this.#child.stdin.on("error", () => undefined);
    onLines(this.#child.stderr, (line) => {
      const [, partition, offset] = DELIVERED.exec(line) ?? [];
      if (partition === undefined) {
        this.#said = `${this.#said}${line}\n`.slice(-2_000);
        return;
      }
      this.acknowledged += 1;
      hear({ partition: Number(partition), offset: Number(offset), value: undefined });
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
      this.#child.stdin.write(`${String(this.count).padStart(LINE_LENGTH, "0")}\n`);
      await pause(LINE_EVERY_MS);
    }
  }
}

/** Programs that are idempotent producers of 0, 1, 2, … to the partitions in turn, and print "PARTITION OFFSET VALUE" when it is acknowledged. */
export function producerPrograms(
  bootstrap: string,
  topic: string,
  partitions: number,
): Readonly<Record<"java" | "kafkajs" | "go", ProgramOf>> {
  const where = [bootstrap, topic, String(partitions)];
  return {
    java: ["java", ...JAVA_FLAGS, "-cp", join(libraryFolder(), "*"), join(CLIENTS, "java", "NumberedProducer.java"), ...where],
    kafkajs: [process.execPath, join(CLIENTS, "kafkajs-producer.ts"), ...where],
    go: [NUMBERS_PROGRAM, "produce", ...where],
  };
}

/** One of `producerPrograms`. */
export class NumberedProgram {
  /** Records acknowledged. */
  count = 0;
  /** What it complained of. */
  said = "";
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | null>;

  /** Starts it. `hear`: gets what was acknowledged. */
  constructor([program, ...args]: ProgramOf, hear: (record: AcknowledgedRecord) => void = () => undefined) {
    this.#child = spawn(program, args, { stdio: "pipe" });
    this.#child.stdin.on("error", () => undefined);
    onLines(this.#child.stdout, (line) => {
      const [partition, offset, value] = line.split(" ");
      this.count += 1;
      hear({ partition: Number(partition), offset: Number(offset), value });
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

function onLines(stream: Readable, take: (line: string) => void): void {
  let half = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (half + text).split("\n");
    half = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}
