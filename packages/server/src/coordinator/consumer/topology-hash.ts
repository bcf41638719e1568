import { type Steps, takeAll } from "../../quota/turn-share.ts";
import type { ConsumerMember } from "../fold/group-state.ts";
import { TOPICS_PER_STEP } from "../limits.ts";
import type { Topology } from "../topology.ts";

/** The names that these members want. Undefined: it is not known at the moment what an expression stands for, it might be any. */
export function subscribedNames(members: Iterable<ConsumerMember>, topology: Topology): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  const lists = subscribedLists(members, topology);
  for (const list of lists ?? []) for (const name of list) names.add(name);
  return lists && names;
}

function subscribedLists(members: Iterable<ConsumerMember>, topology: Topology): ReadonlySet<readonly string[]> | undefined {
  const lists = new Set<readonly string[]>();
  for (const { topics, expression } of members) {
    lists.add(topics);
    if (expression === undefined) continue;
    const matched = topology.matching(expression);
    if (matched === undefined) return undefined;
    lists.add(matched.names);
  }
  return lists;
}

/**
 * A text that differs when the topics that these members want, or their partitions, do (but for chance). Undefined: it is not known at the moment what an
 * expression stands for.
 */
export function topologyHash(members: Iterable<ConsumerMember>, topology: Topology): string | undefined {
  const lists = subscribedLists(members, topology);
  return lists && takeAll(hashOf(lists, topology));
}

/** The same of the lists of their names: FNV-1a of each topic, added up so that their order does not matter. */
export function* hashOf(lists: Iterable<readonly string[]>, topology: Topology): Steps<string> {
  const seen = new Set<string>();
  let [low, high, looked] = [0x811c9dc5, 0x9e3779b9, 0];
  for (const list of lists) {
    for (const name of list) {
      if (looked++ % TOPICS_PER_STEP === 0) yield "more";
      if (seen.has(name)) continue;
      seen.add(name);
      const topic = topology.byName(name);
      if (topic === undefined) continue;
      const hash = Math.imul(fnv1a(topic.id) ^ topic.partitions, FNV_PRIME);
      low = (low + hash) | 0;
      high = (high + Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)) | 0;
    }
  }
  return hex(low) + hex(high);
}

const FNV_PRIME = 0x01000193;

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
