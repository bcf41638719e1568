import { deepEqual, equal, ok } from "node:assert/strict";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { COMPRESSIONS, type Compression } from "@tidemq/protocol/compression.ts";
import { freePort } from "../../tools/free-port.ts";
import { batchesOf, EARLIEST, fetch, LATEST, newTopic, offsetAt, type Topic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { type HostPort, killStart, pause, type ServerOptions, ServerProcess, temporaryFolder, until } from "./server-process.ts";

const PARTITIONS = 3;
const PRODUCERS = 5;
const OUTSTANDING_MAX = 50;
const VALUE_BYTES_MAX = 4_000;
const ACKNOWLEDGED_MS_MAX = 30_000;
/** Uploads, reuse of files and manifests all happen within the test. */
const FLAGS = ["--upload-size", "1MiB", "--upload-age", "1s"];

/** So often it is killed once more before it serves again, at a random moment of its start. */
const KILLED_AT_START = 0.25;
const KILLED_AT_START_MS_MAX = 800;

export type CrashOptions = Readonly<{
  rounds: number;
  loadMsMax: number;
  flags?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}>;

export type CrashReport = Readonly<{
  acknowledged: number;
  inFlightAtKills: number;
  killedAtStart: number;
  /** From the start of the process to the first record acknowledged, for each start that was not cut short; ascending. */
  acceptedMs: readonly number[];
  seconds: number;
}>;

/**
 * Kills the server at random moments under the load of several idempotent producers. After each restart every record that was
 * acknowledged until the kill is at the offset that was reported; what was read once never changes. In the end every record is
 * there once, each producer's in its order, whether a kill lay between sending and acknowledgement or not.
 *
 * @throws AssertionError
 */
export async function crashRounds(options: CrashOptions): Promise<CrashReport> {
  const beganMs = performance.now();
  const crashes = await Crashes.begin(options);
  try {
    for (let round = 0; round < options.rounds; round += 1) await crashes.round(round);
    await crashes.end();
  } catch (error) {
    throw crashes.abandon(error);
  }
  return crashes.report((performance.now() - beganMs) / 1000);
}

/** For a line of the test's output. */
export function describeCrashes({ acknowledged, inFlightAtKills, killedAtStart, acceptedMs, seconds }: CrashReport): string {
  const ms = (at: number): string => `${(acceptedMs.at(at) ?? Number.NaN).toFixed(0)} ms`;
  const accepted = `start → first record acknowledged ${ms(Math.floor(acceptedMs.length / 2))} at the median, ${ms(-1)} at most`;
  const kills = `${inFlightAtKills} on the way at kills, ${killedAtStart} kills more at a start`;
  return `${acknowledged} records acknowledged, ${kills}; ${accepted}; ${seconds.toFixed(0)} s`;
}

class Crashes {
  readonly #options: ServerOptions;
  readonly #loadMsMax: number;
  readonly #log: ObservedLog;
  readonly #writers: readonly Writer[];
  #server: ServerProcess;
  #inFlightAtKills = 0;
  #killedAtStart = 0;
  #startedMs: number | undefined;
  readonly #acceptedMs: number[] = [];

  private constructor(options: ServerOptions, loadMsMax: number, server: ServerProcess, log: ObservedLog, topic: Topic) {
    this.#options = options;
    this.#loadMsMax = loadMsMax;
    this.#server = server;
    this.#log = log;
    this.#writers = Array.from({ length: PRODUCERS }, (_, n) => new Writer(server.kafka, topic.name, n, () => this.#delivered()));
  }

  static async begin(options: CrashOptions): Promise<Crashes> {
    const folder = temporaryFolder();
    const port = await freePort();
    const { environment = {}, flags = [], loadMsMax } = options;
    const server = { folder, port, flags: [...FLAGS, ...flags], environment };
    const first = await ServerProcess.start(server);
    const log = new ObservedLog(first.kafka);
    return new Crashes(server, loadMsMax, first, log, await log.createTopic());
  }

  async round(round: number): Promise<void> {
    const before = this.#acknowledged;
    await until("a record is acknowledged", () => this.#acknowledged > before, ACKNOWLEDGED_MS_MAX);
    await pause(Math.random() * this.#loadMsMax);
    equal(this.#server.hasEnded, false, `ended by itself in round ${round}`);
    this.#inFlightAtKills += sum(this.#writers, (writer) => writer.outstanding);
    await this.#server.kill();
    const acknowledged = this.#writers.flatMap((writer) => writer.takeAcknowledged());
    if (Math.random() < KILLED_AT_START) {
      this.#killedAtStart += 1;
      await killStart(this.#options, Math.random() * KILLED_AT_START_MS_MAX);
    }
    this.#startedMs = performance.now();
    this.#server = await ServerProcess.start(this.#options);
    await this.#log.readOn();
    for (const one of acknowledged) this.#log.expect(one, `after kill ${round}`);
  }

  async end(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
    for (const one of this.#writers.flatMap((writer) => writer.takeAcknowledged())) this.#log.expectLater(one);
    await this.#log.readOn();
    const seen = this.#log.contents();
    await this.#log.readFromStart();
    deepEqual(this.#log.contents(), seen, "a second reading sees the same");
    this.#log.checkExpected();
    for (const writer of this.#writers) writer.checkOrder(seen);
    const sent = sum(this.#writers, (writer) => writer.sentCount);
    equal(seen.flat().length, sent, "nothing is there that nobody sent");
    equal(await this.#server.end(), 0);
  }

  report(seconds: number): CrashReport {
    const acceptedMs = this.#acceptedMs.sort((a, b) => a - b);
    const [inFlightAtKills, killedAtStart] = [this.#inFlightAtKills, this.#killedAtStart];
    return { acknowledged: this.#acknowledged, inFlightAtKills, killedAtStart, acceptedMs, seconds };
  }

  /** What went wrong, with what the server said. */
  abandon(error: unknown): unknown {
    for (const writer of this.#writers) writer.abort();
    if (error instanceof Error) error.message += `\nThe server said: ${this.#server.stderr.slice(-3000)}`;
    return error;
  }

  #delivered(): void {
    if (this.#startedMs === undefined) return;
    this.#acceptedMs.push(performance.now() - this.#startedMs);
    this.#startedMs = undefined;
  }

  get #acknowledged(): number {
    return sum(this.#writers, (writer) => writer.acknowledgedCount);
  }
}

type Acknowledged = Readonly<{ partition: number; offset: number; id: string }>;

/** One idempotent producer that always has some records on the way, each with a number of its own. */
class Writer {
  readonly #client: Client;
  readonly #name: string;
  readonly #topic: string;
  readonly #running: Promise<void>;
  readonly #onDelivered: () => void;
  readonly #next = Array<number>(PARTITIONS).fill(0);
  #acknowledged: Acknowledged[] = [];
  acknowledgedCount = 0;
  outstanding = 0;
  #isStopping = false;

  constructor(place: HostPort, topic: string, n: number, onDelivered: () => void) {
    this.#name = `p${n}`;
    this.#topic = topic;
    this.#onDelivered = onDelivered;
    this.#client = openClient({ bootstrap: [place], requestTimeoutMs: 10_000, backOff: { firstMs: 20, longestMs: 100 } });
    this.#running = this.#run(COMPRESSIONS[n % COMPRESSIONS.length] as Compression, n % 2 === 0 ? 0 : 5);
  }

  get sentCount(): number {
    return this.#next.reduce((a, b) => a + b);
  }

  takeAcknowledged(): Acknowledged[] {
    const taken = this.#acknowledged;
    this.#acknowledged = [];
    return taken;
  }

  /** Sends no more; resolves when everything is acknowledged. @throws When something was not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    await this.#client.close();
    equal(this.outstanding, 0);
  }

  abort(): void {
    this.#isStopping = true;
    this.#running.catch(() => undefined);
    this.#client.abort();
  }

  /** Its records stand in each partition once and in the order in which they were sent. */
  checkOrder(contents: readonly (readonly string[])[]): void {
    contents.forEach((ids, partition) => {
      const own = ids.filter((id) => id.startsWith(`${this.#name}/`)).map((id) => Number(id.split("/")[1]));
      deepEqual(
        own,
        Array.from({ length: this.#next[partition] ?? 0 }, (_, n) => n),
        `${this.#name} in partition ${partition}`,
      );
    });
  }

  async #run(compression: Compression, lingerMs: number): Promise<void> {
    const producer = this.#client.producer({ compression, lingerMs, batchBytesMax: 16_000 });
    const failures: unknown[] = [];
    while (!this.#isStopping && failures.length === 0) {
      for (; this.outstanding < OUTSTANDING_MAX; this.outstanding += 1) {
        const partition = Math.floor(Math.random() * PARTITIONS);
        const id = `${this.#name}/${this.#next[partition]}`;
        this.#next[partition] = (this.#next[partition] ?? 0) + 1;
        const value = `${id}/`.padEnd(Math.random() * VALUE_BYTES_MAX, "0123456789abcdef");
        producer.send({ topic: this.#topic, partition, value }).then(
          ({ offset }) => this.#delivered({ partition, offset, id }),
          (error: unknown) => failures.push(error),
        );
      }
      await pause(2);
    }
    await producer.flush();
    if (failures.length > 0) throw failures[0];
  }

  #delivered(one: Acknowledged): void {
    this.outstanding -= 1;
    this.acknowledgedCount += 1;
    this.#acknowledged.push(one);
    this.#onDelivered();
  }
}

/** What a reader has seen of the topic: the id of the record at each offset. */
class ObservedLog {
  readonly #place: HostPort;
  readonly #expected: Acknowledged[] = [];
  #topic: Topic = { name: "", topicId: "" };
  #ids: string[][] = Array.from({ length: PARTITIONS }, () => []);

  constructor(place: HostPort) {
    this.#place = place;
  }

  async createTopic(): Promise<Topic> {
    const wire = await Wire.connect(this.#place);
    this.#topic = await newTopic(wire, "crash", { partitions: PARTITIONS });
    wire.close();
    return this.#topic;
  }

  contents(): string[][] {
    return this.#ids.map((ids) => [...ids]);
  }

  /** Reads from where the last reading ended to the present end. */
  async readOn(): Promise<void> {
    const wire = await Wire.connect(this.#place);
    for (const [partition, ids] of this.#ids.entries()) {
      equal((await offsetAt(wire, this.#topic.name, partition, EARLIEST)).offset, 0);
      const end = (await offsetAt(wire, this.#topic.name, partition, LATEST)).offset;
      ok(end >= ids.length, `partition ${partition} ended at ${ids.length}, and ends at ${end} now`);
      while (ids.length < end) await this.#readBatches(wire, partition, ids);
    }
    wire.close();
  }

  async readFromStart(): Promise<void> {
    this.#ids = Array.from({ length: PARTITIONS }, () => []);
    await this.readOn();
  }

  expect(one: Acknowledged, when: string): void {
    equal(this.#ids[one.partition]?.[one.offset], one.id, `${when}: partition ${one.partition} offset ${one.offset}`);
    this.#expected.push(one);
  }

  expectLater(one: Acknowledged): void {
    this.#expected.push(one);
  }

  checkExpected(): void {
    for (const one of this.#expected.splice(0)) this.expect(one, "in the end");
  }

  async #readBatches(wire: Wire, partition: number, ids: string[]): Promise<void> {
    const { error, records } = await fetch(wire, this.#topic, ids.length, { partition, maxBytes: 4_000_000 });
    equal(error, "NONE", `partition ${partition} at ${ids.length}`);
    const batches = batchesOf(records);
    ok(batches.length > 0, `partition ${partition} has nothing at ${ids.length}`);
    for (const record of batches.flatMap((batch) => batch.records)) {
      if (record.offset < ids.length) continue; // the front of a batch that was read in part
      equal(
        record.offset,
        ids.length,
        `partition ${partition}: offsets of batches ${batches.map((one) => `${one.baseOffset}–${one.endOffset}`).join(", ")}`,
      );
      ids.push(
        Buffer.from(record.value ?? [])
          .toString()
          .split("/", 2)
          .join("/"),
      );
    }
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
