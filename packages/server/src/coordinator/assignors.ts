import { must } from "../base/assert.ts";
import type { Assignment } from "./group-state.ts";

/** A member as an assignor sees it: the ids of the topics that it wants and that exist, and what it has now. */
export type Subscriber = Readonly<{ id: string; instanceId: string | undefined; topicIds: readonly string[]; current: Assignment }>;

/** Member id → what it is to get. Nobody is missing. Deterministic. */
type Assignor = (subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>) => Map<string, Assignment>;

/** Rounds of moving partitions; two are the rule, and what is left then is valid, only less even. */
const ROUNDS_MAX = 16;

/** A load with partitions by topic, which is being made. */
type Share = { readonly subscriber: Subscriber; readonly topics: Map<string, number[]>; load: number };

/** Contiguous ranges of each topic over its members, in the order of their names: partition 0 of every topic goes to the same member. */
function range(subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>): Map<string, Assignment> {
  const shares = sharesOf(subscribers);
  for (const [topicId, members] of byTopic(shares)) {
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
  return assignmentsOf(shares);
}

/** As even as subscriptions allow, and whoever has a partition keeps it unless that makes it uneven. */
function uniform(subscribers: readonly Subscriber[], partitions: ReadonlyMap<string, number>): Map<string, Assignment> {
  const shares = sharesOf(subscribers);
  const topics = byTopic(shares);
  const free = new Map<string, number[]>();
  for (const [topicId, members] of topics) free.set(topicId, keepCurrent(topicId, members, partitions.get(topicId) ?? 0));
  for (const [topicId, members] of topics) fill(topicId, members, free.get(topicId) ?? []);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let isEven = true;
    for (const [topicId, members] of topics) if (level(topicId, members)) isEven = false;
    if (isEven) break;
  }
  return assignmentsOf(shares);
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
function byTopic(shares: readonly Share[]): [string, Share[]][] {
  const topics = new Map<string, Share[]>();
  for (const share of shares) {
    for (const topicId of share.subscriber.topicIds) {
      const members = topics.get(topicId);
      if (members === undefined) topics.set(topicId, [share]);
      else members.push(share);
    }
  }
  return [...topics].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** @returns the partitions that nobody has, ascending. */
function keepCurrent(topicId: string, members: readonly Share[], count: number): number[] {
  const taken = new Uint8Array(count);
  for (const share of members) {
    const kept = (share.subscriber.current.get(topicId) ?? []).filter((partition) => partition < count && taken[partition] === 0);
    for (const partition of kept) taken[partition] = 1;
    if (kept.length > 0) share.topics.set(topicId, kept);
    share.load += kept.length;
  }
  const free: number[] = [];
  for (let partition = 0; partition < count; partition += 1) if (taken[partition] === 0) free.push(partition);
  return free;
}

/** Each to whoever has least: pours into the lowest shares until all are level, then one each. */
function fill(topicId: string, members: readonly Share[], free: readonly number[]): void {
  if (free.length === 0) return;
  const lowest = [...members].sort((a, b) => a.load - b.load);
  let at = 0;
  for (const partition of free) {
    // Behind `at` all have the load of the first, or more: when the next one has less than this one now, it is its turn.
    if (at > 0 && at >= lowest.length) at = 0;
    if (at > 0 && must(lowest[at], "a share").load > must(lowest[0], "a share").load) at = 0;
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

/** Moves partitions of one topic from who has most to who has least. @returns whether something moved. */
function level(topicId: string, members: readonly Share[]): boolean {
  let hasMoved = false;
  for (;;) {
    let most: Share | undefined;
    let least = must(members[0], "a member that wants the topic");
    for (const share of members) {
      if (share.load < least.load) least = share;
      if (share.topics.has(topicId) && (most === undefined || share.load > most.load)) most = share;
    }
    if (most === undefined || most.load - least.load < 2) return hasMoved;
    const partitions = must(most.topics.get(topicId), "a topic of the share");
    give(least, topicId, must(partitions.pop(), "a partition"));
    most.load -= 1;
    if (partitions.length === 0) most.topics.delete(topicId);
    hasMoved = true;
  }
}

function assignmentsOf(shares: readonly Share[]): Map<string, Assignment> {
  const assignments = new Map<string, Assignment>();
  for (const { subscriber, topics } of shares) {
    for (const partitions of topics.values()) partitions.sort((a, b) => a - b);
    assignments.set(subscriber.id, topics);
  }
  return assignments;
}
