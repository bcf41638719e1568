// Goal: a Java, a kafkajs and a librdkafka member share a group, are killed at random, and so is the server: every record is seen, and no
// committed offset goes back.
// Method: real processes and `kill -9`; a producer of our own says what was acknowledged, an observer asks for offsets all the time.
import { ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { downloadKafka, kafkaProblem, libraryFolder } from "../../bench/kafka-server.ts";
import { freePort, pause, ServerProcess, temporaryFolder } from "../process/server-process.ts";
import { until } from "./group-scene.ts";
import { missingProgram, suite } from "./suite.ts";

const PARTITIONS = 6;
const GROUP = "mixed";
const TOPIC = "shared";
const KILLS = 12;
const BETWEEN_KILLS_MS = [500, 3_000] as const;
const AWAY_MS_MAX = 1_500;
const SEND_EVERY_MS = 10;
const ASK_EVERY_MS = 50;
const SEEN_WITHIN_MS = 90_000;

const missing = kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V");

suite("a group of members of three kinds", missing, () => {
  const folder = temporaryFolder();
  const seen = new Set<string>();
  let port: number;
  let server: ServerProcess;
  let client: Client;
  let members: Member[] = [];

  before(async () => {
    await downloadKafka();
    port = await freePort();
    server = await ServerProcess.start({ folder, port });
    client = openClient({ bootstrap: [server.kafka] });
    await client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS });
    members = commands(`127.0.0.1:${port}`).map((command) => new Member(command, seen));
  });
  after(async () => {
    for (const member of members) member.kill();
    await client?.close();
    await server?.end();
  });

  test("killed at random while the server is killed at random", async (t) => {
    const load = new Load(client);
    const watch = new OffsetWatch(client);
    await until("the members read", () => (seen.size > 0 ? undefined : "nothing"));
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(between(...BETWEEN_KILLS_MS));
      // Every other time the server, else one of the members.
      const victim = kill % 2 === 0 ? undefined : members[Math.floor(Math.random() * members.length)];
      if (victim === undefined) {
        await server.kill();
        await pause(between(0, AWAY_MS_MAX));
        server = await ServerProcess.start({ folder, port });
      } else {
        victim.kill();
        await pause(between(0, AWAY_MS_MAX));
        victim.start();
      }
    }
    const acknowledged = await load.end();
    await until(
      "every acknowledged record is seen",
      () => {
        const left = acknowledged.filter((value) => !seen.has(value)).length;
        return left === 0 ? undefined : `${left} of ${acknowledged.length} are not`;
      },
      SEEN_WITHIN_MS,
    );
    const asked = await watch.end();
    t.diagnostic(`${acknowledged.length} records, offsets asked for ${asked} times`);
    ok(acknowledged.length > 100 && asked > 50, `${acknowledged.length} records, ${asked} answers`);
  });
});

function commands(bootstrap: string): readonly (readonly [string, ...string[]])[] {
  const java = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", join(libraryFolder(), "*")];
  const timing = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000", "-X", "auto.commit.interval.ms=500"];
  const range = ["-X", "partition.assignment.strategy=range", "-X", "auto.offset.reset=earliest"];
  return [
    ["java", ...java, join(import.meta.dirname, "java", "GroupMember.java"), bootstrap, GROUP, TOPIC],
    [process.execPath, join(import.meta.dirname, "kafkajs-member.ts"), bootstrap, GROUP, TOPIC],
    ["kcat", "-q", "-u", "-b", bootstrap, ...timing, ...range, "-G", GROUP, TOPIC],
  ];
}

/** A process that prints values, one a line; started anew when it ends by itself. */
class Member {
  readonly #command: readonly [string, ...string[]];
  readonly #seen: Set<string>;
  #child: ChildProcess | undefined;
  #isWanted = false;

  constructor(command: readonly [string, ...string[]], seen: Set<string>) {
    this.#command = command;
    this.#seen = seen;
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
      for (const line of lines) this.#seen.add(line);
    });
    child.once("close", () => {
      if (this.#isWanted && this.#child === child) setTimeout(() => this.#isWanted && this.#child === child && this.start(), 500).unref();
    });
  }

  kill(): void {
    this.#isWanted = false;
    this.#child?.kill("SIGKILL");
  }
}

/** Numbered records, a few at a time, to all partitions. */
class Load {
  readonly #acknowledged: string[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(client: Client) {
    this.#running = this.#run(client);
  }

  /** Values of the records that were acknowledged. */
  async end(): Promise<readonly string[]> {
    this.#stopped = true;
    await this.#running;
    return this.#acknowledged;
  }

  async #run(client: Client): Promise<void> {
    const producer = client.producer({ deliveryTimeoutMs: 60_000 });
    const sends: Promise<void>[] = [];
    for (let n = 0; !this.#stopped; n += 1) {
      const value = `${n}`;
      sends.push(producer.send({ topic: TOPIC, partition: n % PARTITIONS, value }).then(() => void this.#acknowledged.push(value)));
      await pause(SEND_EVERY_MS);
    }
    await Promise.all(sends);
    await producer.close();
  }
}

/** Asks for the group's offsets again and again: none goes back. */
class OffsetWatch {
  readonly #last = new Map<number, number>();
  readonly #running: Promise<void>;
  #stopped = false;
  #answers = 0;

  constructor(client: Client) {
    this.#running = this.#run(client);
    this.#running.catch(() => undefined);
  }

  /** How often it was answered. @throws AssertionError */
  async end(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#answers;
  }

  async #run(client: Client): Promise<void> {
    while (!this.#stopped) {
      await pause(ASK_EVERY_MS);
      const offsets = await client.groups.offsets(GROUP).catch(() => undefined);
      if (offsets === undefined) continue;
      this.#answers += 1;
      for (const { partition, offset } of offsets) {
        const last = this.#last.get(partition) ?? -1;
        ok(offset >= last, `partition ${partition}: offset ${offset} behind ${last}`);
        this.#last.set(partition, offset);
      }
    }
  }
}

function between(min: number, max: number): number {
  return min + Math.random() * (max - min);
}
