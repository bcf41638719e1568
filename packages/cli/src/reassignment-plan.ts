import { UsageError } from "./command-error.ts";

/** A partition as it is: its replicas, the preferred leader first. */
export type Placed = Readonly<{ topic: string; partition: number; replicas: readonly number[] }>;

/** Largest files that are read as a plan. */
export const PLAN_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Where the partitions are to be so that these brokers, and no others, have them: what lies there stays, unless one would have at least two replicas, or
 * preferred leaders, more than another. `factor` undefined: as many replicas as each partition has.
 * @throws {UsageError} There are fewer brokers than a partition is to have replicas.
 */
export function planMoves(placed: readonly Placed[], brokers: readonly number[], factor?: number): Placed[] {
  const replicas = new Map(brokers.map((broker) => [broker, 0]));
  const lists = placed.map((partition) => kept(partition, brokers, factor ?? partition.replicas.length));
  for (const broker of lists.flat()) add(replicas, broker, 1);
  for (const [at, list] of lists.entries()) fill(list, factor ?? placed[at]?.replicas.length ?? 0, replicas);
  even(replicas, (most, least) => handOver(lists, most, least));
  const leads = new Map(brokers.map((broker) => [broker, 0]));
  for (const [first] of lists) if (first !== undefined) add(leads, first, 1);
  even(leads, (most, least) => leadInstead(lists, most, least));
  return placed.map((partition, at) => ({ ...partition, replicas: lists[at] ?? [] }));
}

function kept({ topic, partition, replicas }: Placed, brokers: readonly number[], factor: number): number[] {
  if (factor <= brokers.length) return replicas.filter((broker) => brokers.includes(broker)).slice(0, factor);
  throw new UsageError(
    `${topic}:${partition} is to have ${factor} replicas, and ${brokers.length === 1 ? "one broker is" : `${brokers.length} brokers are`} ` +
      "named: name more with --to, or ask for fewer replicas with --replication-factor",
  );
}

/** With those that have the fewest. */
function fill(list: number[], factor: number, counts: Map<number, number>): void {
  while (list.length < factor) {
    const [next] = byCount(counts).filter((broker) => !list.includes(broker));
    if (next === undefined) return;
    list.push(next);
    add(counts, next, 1);
  }
}

/** Moves one after the other from who has most to who has least, as long as that makes it more even and `move` finds something. */
function even(counts: Map<number, number>, move: (most: number, least: number) => boolean): void {
  for (let moved = true; moved; ) {
    const sorted = byCount(counts);
    const pairs = [...sorted].reverse().flatMap((most) => sorted.map((least) => [most, least] as const));
    moved = pairs.some(([most, least]) => {
      if ((counts.get(most) ?? 0) - (counts.get(least) ?? 0) < 2 || !move(most, least)) return false;
      add(counts, most, -1);
      add(counts, least, 1);
      return true;
    });
  }
}

function handOver(lists: readonly number[][], most: number, least: number): boolean {
  const list = lists.find((one) => one.includes(most) && !one.includes(least));
  if (list === undefined) return false;
  list[list.indexOf(most)] = least;
  return true;
}

function leadInstead(lists: readonly number[][], most: number, least: number): boolean {
  const list = lists.find((one) => one[0] === most && one.includes(least));
  if (list === undefined) return false;
  list[list.indexOf(least)] = most;
  list[0] = least;
  return true;
}

function byCount(counts: ReadonlyMap<number, number>): number[] {
  return [...counts].sort(([a, has], [b, had]) => has - had || a - b).map(([broker]) => broker);
}

function add(counts: Map<number, number>, broker: number, more: number): void {
  counts.set(broker, (counts.get(broker) ?? 0) + more);
}

/** A file of `kafka-reassign-partitions`: `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}`. @throws {UsageError} */
export function readKafkaPlan(text: string): Placed[] {
  const { version, partitions } = parsed(text) as { version?: unknown; partitions?: unknown };
  if (version !== 1 || !Array.isArray(partitions)) throw new UsageError('a plan is {"version": 1, "partitions": […]}');
  const seen = new Set<string>();
  return partitions.map((value: unknown, at) => {
    const placed = placedOf(value, at);
    const name = `${placed.topic}:${placed.partition}`;
    if (seen.has(name)) throw new UsageError(`the plan names ${name} twice`);
    seen.add(name);
    return placed;
  });
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Told below.
  }
  throw new UsageError("the plan is no JSON object");
}

function placedOf(value: unknown, at: number): Placed {
  const { topic, partition, replicas } = (value ?? {}) as { topic?: unknown; partition?: unknown; replicas?: unknown };
  if (typeof topic === "string" && isNumber(partition) && Array.isArray(replicas) && replicas.every(isNumber))
    return { topic, partition, replicas };
  throw new UsageError(`entry ${at + 1} of the plan is not {"topic": NAME, "partition": N, "replicas": [BROKERS]}`);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** Numbers of brokers, separated by commas. @throws {UsageError} */
export function parseBrokers(text: string): number[] {
  const brokers = text.split(",").map((one) => (/^\d{1,9}$/.test(one) ? Number(one) : Number.NaN));
  const isList = brokers.every((broker) => !Number.isNaN(broker)) && new Set(brokers).size === brokers.length;
  if (!isList) throw new UsageError(`--to is numbers of brokers, each once, such as 1,2,3, not ${text}`);
  return brokers;
}
