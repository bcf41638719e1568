// Goal: clients of others do not notice that the leading controller dies, and get over what happens to brokers.
// Method: kcat produces, kcat, kafkajs and a Java consumer read, each in a group of its own; kill -9 of one controller after the other and of
// a broker, SIGSTOP of another.
import { equal } from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { after, before, test } from "node:test";
import { downloadKafka, kafkaProblem } from "../../bench/kafka-server.ts";
import { MemberProgram, memberPrograms } from "../clients/group-members.ts";
import { until } from "../clients/group-scene.ts";
import { missingProgram, suite } from "../clients/suite.ts";
import { pause } from "../process/server-process.ts";
import { type ClusterNode, RealCluster } from "./real-cluster.ts";

const TOPIC = "lines";
const PARTITIONS = 4;
const LINE_EVERY_MS = 20;
const JOINED_MS_MAX = 60_000;
const SEEN_MS_MAX = 60_000;
const KILLS = 2;

const missing = kafkaProblem() ?? missingProgram("javac", "default-jdk-headless", "-version") ?? missingProgram("kcat", "kcat", "-V");

suite("clients of others", missing, () => {
  let cluster: RealCluster;
  let lines: KcatLines;
  const readers: { name: string; seen: Set<string>; program: MemberProgram }[] = [];

  before(async () => {
    await downloadKafka();
    cluster = await RealCluster.start({ controllers: 3, brokers: 2 });
    await cluster.client().admin.createTopic({ name: TOPIC, partitions: PARTITIONS });
    lines = new KcatLines(cluster.bootstrap);
    for (const name of ["java", "kafkajs", "kcat"] as const) {
      const seen = new Set<string>();
      readers.push({ name, seen, program: new MemberProgram(memberPrograms(cluster.bootstrap, `alone-${name}`, TOPIC)[name], seen) });
    }
  });
  after(async () => {
    for (const { program } of readers) program.kill();
    lines?.kill();
    await cluster?.close();
  });

  /** Each of them has got something that was written from now on. */
  const goOn = async (what: string): Promise<void> => {
    const from = lines.count;
    const behind = () => readers.filter(({ seen }) => !hasFrom(seen, from)).map(({ name, seen }) => `${name} has ${seen.size}`);
    await until(what, () => (behind().length === 0 ? undefined : `${behind().join(", ")} of ${lines.count}`), JOINED_MS_MAX);
  };

  test("all read while no controller leads", async (t) => {
    await goOn("all have joined and read");
    for (let kill = 0; kill < KILLS; kill += 1) {
      const leader = await cluster.leader();
      await leader.kill();
      await goOn("all read on");
      const next = await cluster.leader();
      t.diagnostic(`controller ${next.id} leads after ${leader.id}`);
      await leader.start();
    }
  });

  test("a broker is killed and started, another is frozen beyond its session: all read on", async () => {
    const [killed, frozen] = cluster.brokers as [ClusterNode, ClusterNode];
    await killed.kill();
    await killed.start();
    await goOn("all read on after the kill");
    frozen.server.freeze();
    await until("it is fenced", async () => ((await cluster.broker(frozen.id))?.fenced === true ? undefined : "it is not"));
    frozen.server.goOn();
    await goOn("all read on after the freeze");
  });

  test("no error was seen by the producer, everything by each reader, and nothing is there twice", async (t) => {
    const { code, said } = await lines.end();
    equal(code, 0, said);
    const left = () => readers.filter(({ seen }) => seen.size < lines.count).map(({ name, seen }) => `${name} has ${seen.size}`);
    await until(
      "all have read everything",
      () => (left().length === 0 ? undefined : `${left().join(", ")} of ${lines.count}`),
      SEEN_MS_MAX,
    );
    const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: TOPIC, partition, at: "latest" as const }));
    const ends = await cluster.client().admin.listOffsets(places);
    equal(
      ends.reduce((sum, { offset }) => sum + offset, 0),
      lines.count,
    );
    t.diagnostic(`${lines.count} records`);
  });
});

function hasFrom(seen: ReadonlySet<string>, from: number): boolean {
  for (const line of seen) if (Number(line) >= from) return true;
  return false;
}

/** kcat as an idempotent producer of 0, 1, 2, …, a line each. */
class KcatLines {
  count = 0;
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;
  readonly #running: Promise<void>;
  readonly #ended: Promise<number | null>;
  #said = "";
  #isStopped = false;

  constructor(bootstrap: string) {
    const args = ["-P", "-b", bootstrap, "-t", TOPIC, "-X", "enable.idempotence=true", "-X", "linger.ms=5"];
    this.#child = spawn("kcat", args, { stdio: ["pipe", "ignore", "pipe"] });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.on("data", (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-2_000);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#running = this.#run();
  }

  /** After the last line, when all is delivered: its exit code, and what it complained of. */
  async end(): Promise<{ code: number | null; said: string }> {
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
