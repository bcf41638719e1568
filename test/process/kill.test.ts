// Goal: whenever the process is killed, every acknowledged record is there once, in order per producer, at the offset that was reported;
// and whatever a reader has seen stays. Producers and reader live in processes of their own and go on over every kill.
import { deepEqual, equal, ok } from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Client } from "@tidemq/client/client.ts";
import { BrokerProcess, type BrokerSetting, freePort, temporaryFolder } from "./broker-process.ts";
import type { Acknowledged, LoadMessage, LoadSetting } from "./load-process.ts";
import { type Mark, markOf, quickClient, readAll } from "./stored-records.ts";

const TOPIC = "marks";
const PARTITIONS = 4;
const BYTES_MAX = 40_000;
const PROCESSES = [
  [1, 2, 3],
  [4, 5],
];
/** Kafka takes about 12 s to accept again. */
const ACCEPTS_MS_MAX = 12_000;
/** So often the process is killed before it has said that it serves. */
const KILLED_AT_START = 0.25;

type Finished = Extract<LoadMessage, { kind: "finished" }>;

/** Producers in a process of their own. */
class Load {
  readonly #child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Since 1970: when the latest acknowledgement came. */
  acknowledgedAtMs = 0;

  constructor(setting: LoadSetting) {
    this.#child = fork(fileURLToPath(new URL("./load-process.ts", import.meta.url)), [JSON.stringify(setting)]);
    this.finished = new Promise((resolve, reject) => {
      this.#child.on("message", (message: LoadMessage) => {
        if (message.kind === "finished") resolve(message);
        else this.acknowledgedAtMs = Math.max(this.acknowledgedAtMs, message.atMs);
      });
      this.#child.once("exit", (code) => reject(new Error(`a process of producers ended with code ${code}`)));
    });
    this.finished.catch(() => undefined);
  }

  finish(): Promise<Finished> {
    this.#child.send("finish");
    return this.finished;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Reads all the time, over every kill, and remembers what it was shown. */
class Reader {
  readonly seen: Mark[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly done: Promise<void>;
  #isClosed = false;
  readonly #close: () => void;

  constructor(client: Client) {
    const consumer = client.consumer({ waitMsMax: 100 });
    this.#close = () => consumer.close();
    consumer.assign(this.seen.map((_, partition) => ({ topic: TOPIC, partition, from: "earliest" as const })));
    this.done = this.#read(consumer);
    this.done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isClosed = true;
    this.#close();
    await this.done;
  }

  async #read(consumer: AsyncIterable<{ partition: number; records(): { offset: number; value: Uint8Array | null }[] }>): Promise<void> {
    for await (const batch of consumer) {
      const seen = this.seen[batch.partition] as Mark[];
      for (const { offset, value } of batch.records()) {
        equal(offset, seen.length, `partition ${batch.partition}: offsets follow one another`);
        seen.push(markOf(value, BYTES_MAX));
      }
    }
    ok(this.#isClosed, "the reader was not ended");
  }
}

async function killRounds(t: TestContext, rounds: number, given: Omit<BrokerSetting, "folder">): Promise<void> {
  const { folder, remove } = temporaryFolder();
  t.after(remove);
  const port = await freePort();
  const setting = { ...given, folder, port };
  let broker = await BrokerProcess.start(setting);
  t.after(() => broker.kill());
  const client = quickClient(port);
  t.after(() => client.abort());
  await client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS });
  const reader = new Reader(client);
  const loads = PROCESSES.map((producers) => new Load({ port, topic: TOPIC, partitions: PARTITIONS, producers, bytesMax: BYTES_MAX }));
  t.after(() => loads.forEach((load) => load.kill()));
  await accepts(broker, loads);
  await pause(300 * Math.random());

  const acceptedMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await broker.kill();
    broker = new BrokerProcess(setting);
    if (round < rounds && Math.random() < KILLED_AT_START) {
      await pause(700 * Math.random());
      continue;
    }
    acceptedMs.push(await accepts(broker, loads));
    await pause(400 * Math.random());
  }
  acceptedMs.sort((a, b) => a - b);
  t.diagnostic(`start → first accepted record over ${acceptedMs.length} starts: ${acceptedMs.join(", ")} ms`);
  ok((acceptedMs.at(-1) ?? 0) < ACCEPTS_MS_MAX);

  const finished = await Promise.all(loads.map((load) => load.finish()));
  deepEqual(
    finished.flatMap(({ failures }) => failures),
    [],
  );
  const stored = await readAll(client, TOPIC, PARTITIONS, BYTES_MAX);
  const count = checkStored(
    finished.flatMap(({ acknowledged }) => acknowledged),
    stored,
  );
  t.diagnostic(`${count} records acknowledged; ${broker.logged("cut").length} cuts in the last start`);
  await reader.stop();
  ok(reader.seen.some((seen) => seen.length > 0));
  for (const [partition, seen] of reader.seen.entries()) deepEqual(seen, stored.get(partition)?.slice(0, seen.length));
  equal(await broker.stop(), 0);
}

/** Each record acknowledged is where it was said to be, and there is no other; so each is there once. */
function checkStored(acknowledged: readonly Acknowledged[], stored: ReadonlyMap<number, readonly Mark[]>): number {
  let count = 0;
  for (const { producer, partition, offsets } of acknowledged) {
    const marks = stored.get(partition) ?? [];
    offsets.forEach((offset, number) => {
      ok(offset >= 0, `producer ${producer} was not told where its record ${number} of partition ${partition} lies`);
      deepEqual(marks[offset], { producer, number }, `partition ${partition}, offset ${offset}`);
      if (number > 0) ok(offset > (offsets[number - 1] ?? -1), `producer ${producer}: record ${number} lies behind the one before`);
    });
    count += offsets.length;
  }
  let storedCount = 0;
  for (const marks of stored.values()) storedCount += marks.length;
  equal(storedCount, count, "nothing is stored that was not acknowledged, and nothing twice");
  return count;
}

/** @returns Milliseconds from its start to the first record that it acknowledged. */
async function accepts(broker: BrokerProcess, loads: readonly Load[]): Promise<number> {
  const first = (): number => Math.min(...loads.map((load) => load.acknowledgedAtMs).filter((atMs) => atMs > broker.spawnedAtMs));
  const untilMs = Date.now() + 30_000;
  while (first() === Number.POSITIVE_INFINITY) {
    ok(!broker.hasEnded, `it ended by itself:\n${broker.err.slice(-4000)}`);
    ok(Date.now() < untilMs, `it accepts nothing:\n${broker.out}\n${broker.err.slice(-4000)}`);
    await pause(5);
  }
  return first() - broker.spawnedAtMs;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const UPLOADING = ["--upload-size", "1MiB", "--upload-age", "1s"];

test("20 × kill -9 under load", (t) => killRounds(t, 20, { flags: UPLOADING }));

test("6 × death that takes every unsynced write with it", (t) =>
  killRounds(t, 6, { flags: UPLOADING, environment: { TIDEMQ_TEST_DROP_UNSYNCED: "1" } }));

test("4 × kill -9 without sync: the kernel still has what was written", (t) =>
  killRounds(t, 4, { flags: [...UPLOADING, "--sync", "off"] }));
