import { must } from "../../base/assert.ts";
import { StepLength, type Steps } from "../../quota/turn-share.ts";
import type { Assignment } from "../fold/group-state.ts";
import { PARTITIONS_PER_STEP, SHARES_PER_STEP, TOPICS_PER_STEP } from "../limits.ts";

/** A member as an assignor sees it: the ids of the topics that it wants and that exist, and what it has now. */
export type Subscriber = Readonly<{ id: string; instanceId: string | undefined; topicIds: readonly string[]; current: Assignment }>;

/** Member id → what it is to get. Nobody is missing. Deterministic; for many topics it takes tens of milliseconds, hence steps. */
type Assignor = (subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>) => Steps<Map<string, Assignment>>;

/** Rounds of moving partitions; two are the rule, and what is left then is valid, only less even. */
const ROUNDS_MAX = 16;

/** What a topic takes beside its members. */
const SHARES_PER_TOPIC = SHARES_PER_STEP / TOPICS_PER_STEP;

/** A load with partitions by topic, which is being made. */
type Share = { readonly subscriber: Subscriber; readonly topics: Map<string, number[]>; load: number };

/** Contiguous ranges of each topic over its members, in the order of their names: partition 0 of every topic goes to the same member. */
function* range(subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>): ReturnType<Assignor> {
  const shares = sharesOf(subscribers);
  const step = new StepLength(TOPICS_PER_STEP);
  for (const [topicId, members] of yield* byTopic(shares)) {
    if (step.add(1 + members.length)) yield "more";
    const count = partitions.get(topicId) ?? 0;
    let from = 0;
    members.forEach((share, at) => {
      const size = Math.floor(count / members.length) + (at < count % members.length ? 1 : 0);
      if (size > 0)
        share.topics.set(
          topicId,
          Array.from({ length: size }, (_, i) => from + i),
        );
      from += size;
    });
  }
  return yield* assignmentsOf(shares);
}

/** As even as subscriptions allow, and whoever has a partition keeps it unless that makes it uneven. */
function* uniform(subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>): ReturnType<Assignor> {
  const shares = sharesOf(subscribers);
  const first = shares[0]?.subscriber.topicIds;
  if (first !== undefined && shares.every(({ subscriber }) => subscriber.topicIds === first)) yield* alike(shares, first, partitions);
  else yield* unlike(shares, partitions);
  return yield* assignmentsOf(shares);
}

/** All want the same: everybody gets its part of the whole, so nothing has to be moved back and forth. */
function* alike(shares: readonly Share[], topicIds: readonly string[], partitions: ReadonlyMap<string, number>): Steps {
  const free = yield* keepCurrent(shares, partitions);
  let total = 0;
  for (const topicId of topicIds) total += partitions.get(topicId) ?? 0;
  const least = Math.floor(total / shares.length);
  let larger = total % shares.length;
  const step = new StepLength(TOPICS_PER_STEP);
  for (const share of shares) {
    if (step.add(1 + share.topics.size)) yield "more";
    const quota = share.load > least && larger > 0 ? least + 1 : least;
    if (share.load > least) larger -= 1;
    giveUp(share, quota, free);
  }
  const wanted = new Set(topicIds);
  const ids = yield* ascending([...free.keys()].filter((topicId) => wanted.has(topicId)));
  const all = ids.flatMap((topicId) => (free.get(topicId) ?? []).map((partition) => ({ topicId, partition })));
  for (let at = 0; at < all.length; at += PARTITIONS_PER_STEP) {
    yield "more";
    fill(shares, all.slice(at, at + PARTITIONS_PER_STEP));
  }
}

/** The last ones first. */
function giveUp(share: Share, quota: number, free: Map<string, number[]>): void {
  const topics = [...share.topics];
  for (let at = topics.length - 1; share.load > quota; at -= 1) {
    const [topicId, partitions] = must(topics[at], "a topic of the share");
    const given = partitions.splice(Math.max(partitions.length - (share.load - quota), 0));
    const list = free.get(topicId);
    if (list === undefined) free.set(topicId, given);
    else list.push(...given);
    share.load -= given.length;
    if (partitions.length === 0) share.topics.delete(topicId);
  }
}

function* unlike(shares: readonly Share[], partitions: ReadonlyMap<string, number>): Steps {
  const topics = yield* byTopic(shares);
  const free = yield* keepCurrent(shares, partitions);
  const step = new StepLength(SHARES_PER_STEP);
  for (const [topicId, members] of topics) {
    const list = free.get(topicId) ?? [];
    if (step.add(SHARES_PER_TOPIC + members.length + list.length)) yield "more";
    fill(
      members,
      list.map((partition) => ({ topicId, partition })),
    );
  }
  for (let round = 0; round < ROUNDS_MAX; round += 1) if (yield* levelAll(topics)) break;
}

/** @returns whether all were even. */
function* levelAll(topics: readonly (readonly [string, readonly Share[]])[]): Steps<boolean> {
  let isEven = true;
  const step = new StepLength(SHARES_PER_STEP);
  for (const [topicId, members] of topics) {
    for (let isMoved = true; isMoved; ) {
      if (step.add(SHARES_PER_TOPIC + members.length)) yield "more";
      isMoved = move(topicId, members);
      if (isMoved) isEven = false;
    }
  }
  return isEven;
}

/** By name; the first is what a group uses when most of its members ask for nothing else. */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ["uniform", uniform],
  ["range", range],
]);

export const DEFAULT_ASSIGNOR = "uniform";

/** In the order of instance ids, then of member ids: a static member that comes back stands where it stood. */
function sharesOf(subscribers: readonly Subscriber[]): Share[] {
  const shares = subscribers.map((subscriber) => ({ subscriber, topics: new Map<string, number[]>(), load: 0 }));
  return shares.sort((a, b) => compare(a.subscriber, b.subscriber));
}

function compare(a: Subscriber, b: Subscriber): number {
  if (a.instanceId !== undefined && b.instanceId !== undefined) return a.instanceId < b.instanceId ? -1 : 1;
  if (a.instanceId !== b.instanceId) return a.instanceId === undefined ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

/** Topics ascending, each with the members that want it. */
function* byTopic(shares: readonly Share[]): Steps<[string, Share[]][]> {
  const topics = new Map<string, Share[]>();
  const step = new StepLength(TOPICS_PER_STEP);
  for (const share of shares) {
    for (const topicId of share.subscriber.topicIds) {
      if (step.add(1)) yield "more";
      const members = topics.get(topicId);
      if (members === undefined) topics.set(topicId, [share]);
      else members.push(share);
    }
  }
  const ids = yield* ascending([...topics.keys()]);
  return ids.map((topicId) => [topicId, must(topics.get(topicId), "a topic that is wanted")]);
}

/** Sorts by merging: the language's own way of it cannot be put down. */
function* ascending(ids: readonly string[]): Steps<readonly string[]> {
  let runs: (readonly string[])[] = [];
  for (let at = 0; at < ids.length; at += PARTITIONS_PER_STEP) {
    runs.push(ids.slice(at, at + PARTITIONS_PER_STEP).sort());
    yield "more";
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(some: readonly string[], others: readonly string[]): Steps<readonly string[]> {
  const merged: string[] = [];
  let [at, there] = [0, 0];
  while (at < some.length && there < others.length) {
    if (merged.length % PARTITIONS_PER_STEP === 0) yield "more";
    const [one, other] = [some[at] as string, others[there] as string];
    if (one < other) at += 1;
    else there += 1;
    merged.push(one < other ? one : other);
  }
  return merged.concat(some.slice(at), others.slice(there));
}

/** Of all topics, one behind the other: which partitions somebody has. */
class Taken {
  readonly #starts: ReadonlyMap<string, number>;
  readonly #marks: Uint8Array;

  private constructor(starts: ReadonlyMap<string, number>, total: number) {
    this.#starts = starts;
    this.#marks = new Uint8Array(total);
  }

  static *of(partitions: ReadonlyMap<string, number>): Steps<Taken> {
    const starts = new Map<string, number>();
    let total = 0;
    for (const [topicId, count] of partitions) {
      if (starts.size % TOPICS_PER_STEP === 0) yield "more";
      starts.set(topicId, total);
      total += count;
    }
    return new Taken(starts, total);
  }

  /** Those that nobody has had so far, and that exist. */
  take(topicId: string, list: readonly number[], count: number): number[] {
    const start = this.#starts.get(topicId);
    if (start === undefined) return [];
    const got = list.filter((partition) => partition < count && this.#marks[start + partition] === 0);
    for (const partition of got) this.#marks[start + partition] = 1;
    return got;
  }

  free(topicId: string, count: number): number[] {
    const start = this.#starts.get(topicId) ?? 0;
    const numbers: number[] = [];
    for (let at = 0; at < count; at += 1) if (this.#marks[start + at] === 0) numbers.push(at);
    return numbers;
  }
}

/** @returns by topic, the partitions that nobody has, ascending; no topic without any. */
function* keepCurrent(shares: readonly Share[], partitions: ReadonlyMap<string, number>): Steps<Map<string, number[]>> {
  const taken = yield* Taken.of(partitions);
  const wanted = new Map<readonly string[], ReadonlySet<string>>();
  const step = new StepLength(TOPICS_PER_STEP);
  for (const share of shares) {
    const { topicIds, current } = share.subscriber;
    if (step.add(1 + current.size)) yield "more";
    let topics = wanted.get(topicIds);
    if (topics === undefined) wanted.set(topicIds, (topics = new Set(topicIds)));
    for (const [topicId, list] of current)
      if (topics.has(topicId)) keep(share, topicId, taken.take(topicId, list, partitions.get(topicId) ?? 0));
  }
  const free = new Map<string, number[]>();
  for (const [topicId, count] of partitions) {
    if (step.add(1 + count / TOPICS_PER_STEP)) yield "more";
    const numbers = taken.free(topicId, count);
    if (numbers.length > 0) free.set(topicId, numbers);
  }
  return free;
}

function keep(share: Share, topicId: string, kept: number[]): void {
  if (kept.length === 0) return;
  share.topics.set(topicId, kept);
  share.load += kept.length;
}

type Free = Readonly<{ topicId: string; partition: number }>;

/** Each to whoever has least: pours into the lowest shares until all are level, then one each. */
function fill(members: readonly Share[], free: readonly Free[]): void {
  if (free.length === 0) return;
  const lowest = [...members].sort((a, b) => a.load - b.load);
  let at = 0;
  for (const { topicId, partition } of free) {
    // What lies before `at` was raised last: when the one at `at` has more than the first, it is the first one's turn.
    if (at >= lowest.length || must(lowest[at], "a share").load > must(lowest[0], "a share").load) at = 0;
    give(must(lowest[at], "a share"), topicId, partition);
    at += 1;
  }
}

function give(share: Share, topicId: string, partition: number): void {
  const partitions = share.topics.get(topicId);
  if (partitions === undefined) share.topics.set(topicId, [partition]);
  else partitions.push(partition);
  share.load += 1;
}

/** Moves a partition of the topic from who has most to who has least. @returns whether that made it more even. */
function move(topicId: string, members: readonly Share[]): boolean {
  let most: Share | undefined;
  let least = must(members[0], "a member that wants the topic");
  for (const share of members) {
    if (share.load < least.load) least = share;
    if (share.topics.has(topicId) && (most === undefined || share.load > most.load)) most = share;
  }
  if (most === undefined || most.load - least.load < 2) return false;
  const partitions = must(most.topics.get(topicId), "a topic of the share");
  give(least, topicId, must(partitions.pop(), "a partition"));
  most.load -= 1;
  if (partitions.length === 0) most.topics.delete(topicId);
  return true;
}

function* assignmentsOf(shares: readonly Share[]): ReturnType<Assignor> {
  const assignments = new Map<string, Assignment>();
  const step = new StepLength(TOPICS_PER_STEP);
  for (const { subscriber, topics } of shares) {
    if (step.add(1 + topics.size)) yield "more";
    for (const partitions of topics.values()) partitions.sort((a, b) => a - b);
    assignments.set(subscriber.id, topics);
  }
  return assignments;
}
