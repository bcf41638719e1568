import { Buffer } from "node:buffer";
import type { Client } from "@tidemq/client/client.ts";
import type { Consumer } from "@tidemq/client/consumer.ts";
import type { Position } from "@tidemq/client/consumer-partition.ts";
import type { ClientError } from "@tidemq/client/errors.ts";
import type { FetchedBatch } from "@tidemq/client/fetched-batch.ts";
import { withClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../cluster-options.ts";
import { CommandError, UsageError } from "../command-error.ts";
import { write } from "../output.ts";
import { parseFormat, type RecordFormat, VALUE_LINES } from "../record-format.ts";

type Options = ClusterOptions &
  Readonly<{
    fromBeginning?: boolean;
    offset?: number;
    timestamp?: string;
    partition: readonly number[];
    max?: number;
    untilEnd: boolean;
    format?: string;
  }>;

/** Silence after which it is said what is being waited for. */
const WAITING_MS = 1_000;
const TICK_MS = 250;
const TROUBLE_MS = 5_000;

/** Partitions named in a message. */
const NAMED_MAX = 4;

export async function consumeRecords(name: string, options: Options): Promise<void> {
  const format = formatOf(options);
  const from = startOf(options);
  await withClient(options.bootstrap, async (client) => {
    const partitions = await partitionsOf(client, name, options.partition);
    const run = new ConsumeRun(client, name, partitions, format, options.max);
    await run.begin(from, options.untilEnd);
    await run.print();
  });
}

type Start = Exclude<Position, number> | Readonly<{ offset: number }>;

function startOf({ fromBeginning, offset, timestamp }: Options): Start {
  const given = [fromBeginning, offset, timestamp].filter((one) => one !== undefined && one !== false);
  if (given.length > 1) throw new UsageError("--from-beginning, --offset and --timestamp exclude one another");
  if (offset !== undefined) return { offset };
  if (timestamp !== undefined) return { timestampMs: parseTimestamp(timestamp) };
  return fromBeginning === true ? "earliest" : "latest";
}

/** Milliseconds since 1970, or anything with a date that JavaScript reads. @throws {UsageError} */
export function parseTimestamp(text: string): number {
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isSafeInteger(ms))
    throw new UsageError(`--timestamp is milliseconds since 1970, or a time such as 2026-01-31T12:00:00Z, not ${text}`);
  return ms;
}

function formatOf({ format, output }: Options): RecordFormat {
  if (format !== undefined) return parseFormat(format);
  return output === "json" ? parseFormat("json") : VALUE_LINES;
}

async function partitionsOf(client: Client, name: string, wanted: readonly number[]): Promise<number[]> {
  const [topic] = await client.cluster.topics([name]);
  const all = (topic?.partitions ?? []).map((partition) => partition.index);
  const missing = wanted.find((index) => !all.includes(index));
  if (missing !== undefined) {
    throw new CommandError(
      `topic ${name} has no partition ${missing}: it has ${all.length}, numbered from 0`,
      `See them: tidemq topic describe ${name}`,
    );
  }
  return wanted.length === 0 ? all : [...new Set(wanted)];
}

/** Prints records as they come, and says so when none come. */
class ConsumeRun {
  readonly #client: Client;
  readonly #name: string;
  readonly #partitions: readonly number[];
  readonly #format: RecordFormat;
  readonly #consumer: Consumer;
  readonly #recordsMax: number;
  #records = 0;
  #ends: ReadonlyMap<number, number> | undefined;
  #quietSinceMs = performance.now();
  #hasSaidWaiting = false;
  #isWriting = false;
  #toldTroubleAtMs = Number.NEGATIVE_INFINITY;

  constructor(client: Client, name: string, partitions: readonly number[], format: RecordFormat, recordsMax: number | undefined) {
    this.#client = client;
    this.#name = name;
    this.#partitions = partitions;
    this.#format = format;
    this.#recordsMax = recordsMax ?? Number.POSITIVE_INFINITY;
    this.#consumer = client.consumer({ onRetry: (error) => this.#trouble(error) });
  }

  async begin(from: Start, untilEnd: boolean): Promise<void> {
    const isFromEnd = typeof from === "object" && "offset" in from && from.offset < 0;
    const ends = untilEnd || isFromEnd ? await this.#offsets("latest") : undefined;
    const firsts = isFromEnd ? await this.#offsets("earliest") : undefined;
    if (untilEnd) this.#ends = ends;
    const position = (partition: number): Position => {
      if (typeof from === "string" || !("offset" in from)) return from;
      if (from.offset >= 0) return from.offset;
      return Math.max(firsts?.get(partition) ?? 0, (ends?.get(partition) ?? 0) + from.offset);
    };
    this.#consumer.assign(this.#partitions.map((partition) => ({ topic: this.#name, partition, from: position(partition) })));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => this.#consumer.close());
  }

  async print(): Promise<void> {
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    try {
      for await (const batch of this.#consumer) {
        await this.#printBatch(batch);
        if (this.#records >= this.#recordsMax || this.#isAtEnds()) return;
      }
    } finally {
      clearInterval(ticking);
      this.#consumer.close();
    }
  }

  async #printBatch(batch: FetchedBatch): Promise<void> {
    const records = batch.records();
    const wanted = records
      .slice(0, Math.max(0, this.#recordsMax - this.#records))
      .filter((record) => record.offset < this.#endOf(batch.partition));
    if (wanted.length === 0) return;
    this.#records += wanted.length;
    this.#isWriting = true;
    await write(process.stdout, Buffer.concat(wanted.map((record) => this.#format(batch.topic, batch.partition, record))));
    this.#isWriting = false;
    this.#quietSinceMs = performance.now();
    this.#hasSaidWaiting = false;
  }

  #endOf(partition: number): number {
    return this.#ends?.get(partition) ?? Number.POSITIVE_INFINITY;
  }

  #isAtEnds(): boolean {
    if (this.#ends === undefined) return false;
    return this.#partitions.every((partition) => (this.#consumer.position(this.#name, partition) ?? -1) >= this.#endOf(partition));
  }

  #tick(): void {
    if (this.#isAtEnds()) return this.#consumer.close();
    if (this.#hasSaidWaiting || this.#isWriting || performance.now() - this.#quietSinceMs < WAITING_MS) return;
    const places = this.#partitions.slice(0, NAMED_MAX).map((partition) => {
      const position = this.#consumer.position(this.#name, partition);
      return `${this.#name}[${partition}]${position === undefined ? "" : ` offset ${position}`}`;
    });
    // Nothing is known yet: whoever cannot be reached has been named already.
    if (this.#partitions.every((partition) => this.#consumer.position(this.#name, partition) === undefined)) return;
    this.#hasSaidWaiting = true;
    const more = this.#partitions.length - places.length;
    process.stderr.write(`waiting for records at ${places.join(", ")}${more > 0 ? ` and ${more} more partitions` : ""} — Ctrl-C ends\n`);
  }

  #trouble(error: ClientError): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldTroubleAtMs < TROUBLE_MS) return;
    this.#toldTroubleAtMs = nowMs;
    process.stderr.write(`tidemq: ${error.message}; trying again\n`);
  }

  async #offsets(at: "earliest" | "latest"): Promise<Map<number, number>> {
    const answers = await this.#client.admin.listOffsets(this.#partitions.map((partition) => ({ topic: this.#name, partition, at })));
    return new Map(answers.map((answer) => [answer.partition, answer.offset]));
  }
}
