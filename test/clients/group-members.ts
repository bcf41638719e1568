import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { libraryFolder } from "../../bench/kafka-server.ts";
import { pause } from "../process/server-process.ts";
import { NUMBERS_PROGRAM } from "./franz-go.ts";

const START_AGAIN_MS = 500;
const SEND_EVERY_MS = 10;
const ASK_EVERY_MS = 50;
const DELIVERY_MS_MAX = 90_000;
/** Answers behind one that is wrong, in a message. */
const SHOWN_NEXT = 10;

type ProgramOf = readonly [string, ...string[]];

/** What a member of a group says: what it has read, and what it was told of its commits. */
export type MemberEars = Readonly<{
  read(record: Readonly<{ partition: number; offset: number; value: string }>): void;
  committed?(place: Readonly<{ partition: number; offset: number }>): void;
}>;

/**
 * Programs that are members of one group and print "read PARTITION OFFSET VALUE": of Kafka's Java client, of kafkajs, and kcat. The first
 * two print "committed PARTITION OFFSET", too.
 */
export function memberPrograms(bootstrap: string, group: string, topic: string): Readonly<Record<"java" | "kafkajs" | "kcat", ProgramOf>> {
  const java = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", join(libraryFolder(), "*")];
  const timing = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000", "-X", "auto.commit.interval.ms=500"];
  const range = ["-X", "partition.assignment.strategy=range", "-X", "auto.offset.reset=earliest"];
  return {
    java: ["java", ...java, join(import.meta.dirname, "java", "GroupMember.java"), bootstrap, group, topic],
    kafkajs: [process.execPath, join(import.meta.dirname, "kafkajs-member.ts"), bootstrap, group, topic],
    kcat: ["kcat", "-q", "-u", "-f", "read %p %o %s\\n", "-b", bootstrap, ...timing, ...range, "-G", group, topic],
  };
}

/** Likewise of franz-go, once it is built. */
export function franzGoMember(bootstrap: string, group: string, topic: string): ProgramOf {
  return [NUMBERS_PROGRAM, "consume", bootstrap, group, topic];
}

/** A process that prints what it reads, a line each; started anew when it ends by itself. */
export class MemberProgram {
  readonly #command: ProgramOf;
  readonly #ears: MemberEars;
  #child: ChildProcess | undefined;
  #isWanted = false;

  /** Starts it. */
  constructor(command: ProgramOf, ears: MemberEars) {
    this.#command = command;
    this.#ears = ears;
    this.start();
  }

  start(): void {
    this.#isWanted = true;
    const [program, ...args] = this.#command;
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#child = child;
    let half = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (half + text).split("\n");
      half = lines.pop() ?? "";
      for (const line of lines) this.#hear(line);
    });
    child.once("close", () => {
      if (!this.#isWanted || this.#child !== child) return;
      setTimeout(() => this.#isWanted && this.#child === child && this.start(), START_AGAIN_MS).unref();
    });
  }

  kill(): void {
    this.#isWanted = false;
    this.#child?.kill("SIGKILL");
  }

  #hear(line: string): void {
    const [verb, partition, offset, value = ""] = line.split(" ");
    if (verb === "read") this.#ears.read({ partition: Number(partition), offset: Number(offset), value });
    if (verb === "committed") this.#ears.committed?.({ partition: Number(partition), offset: Number(offset) });
  }
}

/** Numbered records, one at a time, to all partitions in turn; until `end`, or until its client is closed. */
export class NumberedLoad {
  readonly #topic: string;
  readonly #partitions: number;
  readonly #acknowledged: string[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(client: Client, topic: string, partitions: number) {
    this.#topic = topic;
    this.#partitions = partitions;
    this.#running = this.#run(client);
    this.#running.catch(() => undefined);
  }

  /** Values of the records that were acknowledged. @throws ClientError One was not. */
  async end(): Promise<readonly string[]> {
    this.#stopped = true;
    await this.#running;
    return this.#acknowledged;
  }

  async #run(client: Client): Promise<void> {
    const producer = client.producer({ deliveryTimeoutMs: DELIVERY_MS_MAX });
    const sends: Promise<void>[] = [];
    for (let n = 0; !this.#stopped && !client.cluster.isClosed; n += 1) {
      const value = `${n}`;
      const record = { topic: this.#topic, partition: n % this.#partitions, value };
      const sent = producer.send(record).then(() => void this.#acknowledged.push(value));
      sent.catch(() => undefined); // told by `end`
      sends.push(sent);
      await pause(SEND_EVERY_MS);
    }
    await Promise.all(sends);
    await producer.close();
  }
}

/** How far a group is in a partition, who said so, and when. */
type Heard = Readonly<{ offset: number; by: "a member" | "the coordinator"; atMs: number }>;

type WentBack = Readonly<{ partition: number; offset: number; last: Heard; askedMs: number }>;

/**
 * Asks for a group's offsets again and again: none goes back, nor behind what a member was told. Until `end`, or until its client is
 * closed.
 */
export class OffsetWatch {
  readonly #last = new Map<number, Heard>();
  readonly #running: Promise<void>;
  #stopped = false;
  #answers = 0;

  constructor(client: Client, group: string) {
    this.#running = this.#run(client, group);
    this.#running.catch(() => undefined);
  }

  /** A commit was accepted. */
  told({ partition, offset }: Readonly<{ partition: number; offset: number }>): void {
    this.#hear(partition, offset, "a member");
  }

  /** How often it was answered. @throws Error An offset went back. */
  async end(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#answers;
  }

  #hear(partition: number, offset: number, by: Heard["by"]): void {
    if (offset > (this.#last.get(partition)?.offset ?? -1)) this.#last.set(partition, { offset, by, atMs: performance.now() });
  }

  async #run(client: Client, group: string): Promise<void> {
    while (!this.#stopped && !client.cluster.isClosed) {
      await pause(ASK_EVERY_MS);
      const before = new Map(this.#last);
      const askedMs = performance.now();
      const offsets = await client.groups.offsets(group).catch(() => undefined);
      if (offsets === undefined) continue;
      this.#answers += 1;
      for (const { partition, offset } of offsets) {
        const last = before.get(partition);
        if (last !== undefined && offset < last.offset) throw await this.#wentBack(client, group, { partition, offset, last, askedMs });
        this.#hear(partition, offset, "the coordinator");
      }
    }
  }

  /** With what is answered next: whether a commit was lost or came late. */
  async #wentBack(client: Client, group: string, { partition, offset, last, askedMs }: WentBack): Promise<Error> {
    const [agoMs, tookMs] = [askedMs - last.atMs, performance.now() - askedMs].map(Math.round);
    const next: string[] = [];
    for (let n = 0; n < SHOWN_NEXT; n += 1) {
      await pause(ASK_EVERY_MS);
      const offsets = await client.groups.offsets(group).catch((error: unknown) => String(error));
      next.push(typeof offsets === "string" ? offsets : `${offsets.find((each) => each.partition === partition)?.offset}`);
    }
    const heard = `which ${last.by} said ${agoMs} ms before this was asked, answered within ${tookMs} ms`;
    return new Error(`${group}, partition ${partition}: offset ${offset} behind ${last.offset}, ${heard}; then ${next.join(", ")}`);
  }
}

/** How many are in the group; 0 before the first of them has come. */
export async function memberCount({ groups }: Client, group: string): Promise<number> {
  try {
    return (await groups.describe(group)).members.length;
  } catch (error) {
    if (error instanceof ClientError && error.code === "GROUP_ID_NOT_FOUND") return 0;
    throw error;
  }
}
