import type { ConsumerMember } from "../fold/group-state.ts";
import type { Topology } from "../topology.ts";

/** The names that these members want. Undefined: it is not known at the moment what an expression stands for, it might be any. */
export function subscribedNames(members: Iterable<ConsumerMember>, topology: Topology): ReadonlySet<string> | undefined {
  const lists = new Set<readonly string[]>();
  for (const { topics, expression } of members) {
    lists.add(topics);
    if (expression === undefined) continue;
    const matched = topology.matching(expression);
    if (matched === undefined) return undefined;
    lists.add(matched.names);
  }
  const names = new Set<string>();
  for (const list of lists) for (const name of list) names.add(name);
  return names;
}

/**
 * A text that differs when the topics that these members want, or their partitions, do (but for chance): FNV-1a of each topic, added up so that their
 * order does not matter. Undefined: it is not known at the moment what an expression stands for.
 */
export function topologyHash(members: Iterable<ConsumerMember>, topology: Topology): string | undefined {
  const names = subscribedNames(members, topology);
  if (names === undefined) return undefined;
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (const name of names) {
    const topic = topology.byName(name);
    if (topic === undefined) continue;
    const hash = Math.imul(fnv1a(topic.id) ^ topic.partitions, FNV_PRIME);
    low = (low + hash) | 0;
    high = (high + Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)) | 0;
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
