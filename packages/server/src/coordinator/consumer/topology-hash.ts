import type { ConsumerMember } from "../fold/group-state.ts";
import type { Topology } from "../topology.ts";

/**
 * A text that differs when the topics that these members want, or their partitions, do (but for chance): two lanes of FNV-1a with different primes.
 */
export function topologyHash(members: readonly ConsumerMember[], topology: Topology): string {
  const names = new Set<string>();
  for (const topics of new Set(members.map((member) => member.topics))) for (const name of topics) names.add(name);
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (const name of [...names].sort()) {
    const topic = topology.byName(name);
    if (topic === undefined) continue;
    const text = `${topic.id}:${topic.partitions};`;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit, 0x85ebca6b);
    }
  }
  return hex(low) + hex(high);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
