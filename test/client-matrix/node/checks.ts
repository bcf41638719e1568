import { deepEqual, ok, rejects } from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

const CHECK_MS_MAX = 40_000;
const WAIT_MS_MAX = 20_000;

type Sent = Readonly<{ key: string; value: string; at: string; timestamp?: number }>;
export type Read = Readonly<{ key: string; value: string; at: string; offset: number; timestamp: number }>;
export type SendOptions = Readonly<{ compression?: string; idempotent?: boolean }>;

/** A member of a group that reads on its own until it leaves. */
export type Member = Readonly<{ partitions: () => readonly number[]; values: readonly string[]; leave: () => Promise<void> }>;

/** What the checks need of a client. What it does not have is not there. */
export type Client = Readonly<{
  nameAndVersion: string;
  compressions: readonly string[];
  /** Makes a topic, by this client where it can. */
  prepare(topic: string, partitions: number): Promise<void>;
  /** All to partition 0, in this order. */
  send(topic: string, records: readonly Sent[], options: SendOptions): Promise<void>;
  /** From partition 0. */
  read(topic: string, from: number, count: number, onlyCommitted?: boolean): Promise<readonly Read[]>;
  /** Reads to the end, then goes to an offset. @returns the offsets from there on */
  seek?(topic: string, offset: number, count: number): Promise<readonly number[]>;
  join?(group: string, topic: string): Promise<Member>;
  /** The same by the group protocol of KIP-848. */
  joinByNewProtocol?(group: string, topic: string): Promise<Member>;
  /** As a member that commits an offset, if one is given, and leaves. */
  readInGroup?(group: string, topic: string, count: number, commitAt?: number): Promise<readonly string[]>;
  committed?(group: string, topic: string): Promise<number>;
  /** First offset and next one. */
  listOffsets?(topic: string): Promise<readonly [number, number]>;
  /** false: its records have the time at which they were sent. */
  givesTimes?: boolean;
  offsetAt?(topic: string, timestamp: number): Promise<number>;
  createTopic?(topic: string, partitions: number): Promise<void>;
  /** 0 = there is no such topic. */
  partitionsOf(topic: string): Promise<number>;
  setConfig?(topic: string, name: string, value: string): Promise<void>;
  configOf?(topic: string, name: string): Promise<string | undefined>;
  deleteTopic?(topic: string): Promise<void>;
  /** One transaction for each value. */
  transact?(topic: string, values: readonly (readonly [value: string, commits: boolean])[]): Promise<void>;
}>;

/** Thrown for what the client does not have. */
export class None extends Error {}

const none = (): never => {
  throw new None("the client does not have it");
};

/** Asks again and again, since a client learns of a change only by and by. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAtMs = Date.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    if (Date.now() > giveUpAtMs) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

/** Runs every check of the client and prints a line for each. Ends the process, since what hangs may keep it. */
export async function runChecks(client: Client, prefix: string): Promise<never> {
  console.log(`client ${client.nameAndVersion}`);
  for (const [name, check] of Object.entries(CHECKS)) {
    console.log(await outcome(name, () => check(client, `${prefix}-${name}`)));
  }
  process.exit(0);
}

async function outcome(name: string, check: () => Promise<void>): Promise<string> {
  const late = sleep(CHECK_MS_MAX).then(() => Promise.reject(new Error(`not over within ${CHECK_MS_MAX / 1000} s`)));
  try {
    await Promise.race([check(), late]);
    return `ok ${name}`;
  } catch (problem) {
    if (problem instanceof None) return `none ${name}: ${problem.message}`;
    return `not ok ${name}: ${words(problem).replace(/\s+/g, " ").slice(0, 400)}`;
  } finally {
    late.catch(() => undefined);
  }
}

/** Some clients wrap errors in errors: the innermost says what happened. */
function words(problem: unknown): string {
  if (problem instanceof AggregateError && problem.errors.length > 0) return words(problem.errors[0]);
  if (!(problem instanceof Error)) return inspect(problem, { depth: 2 });
  return problem.cause instanceof Error ? words(problem.cause) : problem.message;
}

const numbers = (from: number, end: number): number[] => Array.from({ length: end - from }, (_, at) => from + at);
const values = (from: number, end: number): string[] => numbers(from, end).map((at) => `value ${at}`);
const sent = (count: number): Sent[] => numbers(0, count).map((at) => ({ key: `key ${at}`, value: `value ${at}`, at: String(at) }));

async function sendAndRead(client: Client, topic: string, count: number, options: SendOptions = {}): Promise<readonly Read[]> {
  await client.prepare(topic, 1);
  await client.send(topic, sent(count), options);
  const read = await client.read(topic, 0, count);
  deepEqual(
    read.map((one) => one.value),
    values(0, count),
  );
  return read;
}

function compressed(compression: string): (client: Client, topic: string) => Promise<void> {
  return async (client, topic) => {
    if (!client.compressions.includes(compression)) none();
    await sendAndRead(client, topic, 200, { compression });
  };
}

async function shared(client: Client, topic: string, join: Client["join"]): Promise<void> {
  if (join === undefined) return none();
  await client.prepare(topic, 2);
  const members = [await join(`${topic}-group`, topic), await join(`${topic}-group`, topic)];
  await until("one partition each", () => members.every((one) => one.partitions().length === 1));
  deepEqual(new Set(members.flatMap((one) => one.partitions())), new Set([0, 1]));
  await client.send(topic, sent(20), {});
  const seen = (): string[] => members.flatMap((one) => one.values);
  await until("20 records", () => seen().length >= 20);
  deepEqual(seen(), values(0, 20));
  for (const one of members) await one.leave();
}

/** For a client whose records have the time at which they were sent. */
async function betweenTwo(client: Client, topic: string): Promise<void> {
  await client.send(topic, sent(5), {});
  await sleep(20);
  const middle = Date.now();
  await sleep(20);
  await client.send(topic, sent(5), {});
  deepEqual(await client.offsetAt?.(topic, middle), 5);
}

const CHECKS: Readonly<Record<string, (client: Client, topic: string) => Promise<void>>> = {
  async produce(client, topic) {
    const read = await sendAndRead(client, topic, 20);
    deepEqual(
      read.map((one) => [one.key, one.at, one.offset]),
      numbers(0, 20).map((at) => [`key ${at}`, String(at), at]),
    );
  },
  gzip: compressed("gzip"),
  snappy: compressed("snappy"),
  lz4: compressed("lz4"),
  zstd: compressed("zstd"),
  async idempotence(client, topic) {
    await sendAndRead(client, topic, 50, { idempotent: true });
  },
  group: (client, topic) => shared(client, topic, client.join),
  "group-protocol": (client, topic) => shared(client, topic, client.joinByNewProtocol),
  async commit(client, topic) {
    if (client.readInGroup === undefined) return none();
    await client.prepare(topic, 1);
    await client.send(topic, sent(10), {});
    const group = `${topic}-group`;
    await client.readInGroup(group, topic, 10, 4);
    if (client.committed !== undefined) deepEqual(await client.committed(group, topic), 4);
    deepEqual(await client.readInGroup(group, topic, 6), values(4, 10));
  },
  async seek(client, topic) {
    if (client.seek === undefined) return none();
    await client.prepare(topic, 1);
    await client.send(topic, sent(10), {});
    deepEqual(await client.seek(topic, 7, 3), [7, 8, 9]);
  },
  async "list-offsets"(client, topic) {
    if (client.listOffsets === undefined) return none();
    await client.prepare(topic, 1);
    await client.send(topic, sent(10), {});
    deepEqual(await client.listOffsets(topic), [0, 10]);
  },
  async "offset-by-time"(client, topic) {
    if (client.offsetAt === undefined) return none();
    await client.prepare(topic, 1);
    const first = Date.now() - 60_000;
    const records = sent(10).map((one, at) => ({ ...one, timestamp: first + at * 1000 }));
    if (client.givesTimes === false) return betweenTwo(client, topic);
    await client.send(topic, records, {});
    deepEqual(await client.offsetAt(topic, first + 4500), 5);
    deepEqual(
      (await client.read(topic, 0, 10)).map((one) => one.timestamp),
      records.map((one) => one.timestamp),
    );
  },
  async topics(client, topic) {
    if (client.createTopic === undefined) return none();
    await client.createTopic(topic, 3);
    await until("3 partitions", async () => (await client.partitionsOf(topic)) === 3);
    await rejects(client.createTopic(topic, 3), (problem) => {
      ok(/TOPIC_ALREADY_EXISTS|already exists/i.test(inspect(problem, { depth: 10 })), words(problem));
      return true;
    });
  },
  async config(client, topic) {
    if (client.setConfig === undefined || client.configOf === undefined) return none();
    await client.prepare(topic, 1);
    await client.setConfig(topic, "retention.ms", "3600000");
    await until("the new value", async () => (await client.configOf?.(topic, "retention.ms")) === "3600000");
  },
  async delete(client, topic) {
    if (client.deleteTopic === undefined) return none();
    await client.prepare(topic, 1);
    await until("a topic", async () => (await client.partitionsOf(topic)) === 1);
    await client.deleteTopic(topic);
    await until("no topic", async () => (await client.partitionsOf(topic)) === 0);
  },
  async transactions(client, topic) {
    if (client.transact === undefined) return none();
    await client.prepare(topic, 1);
    await client.transact(topic, [
      ["kept", true],
      ["dropped", false],
      ["kept, too", true],
    ]);
    deepEqual(
      (await client.read(topic, 0, 2, true)).map((one) => one.value),
      ["kept", "kept, too"],
    );
  },
};
