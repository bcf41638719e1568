import { must } from "../base/assert.ts";
import type { Candidate, Caps } from "./placement-candidates.ts";

/** Replicas of one partition, its preferred leader first. */
type Placed = Candidate[];

/** How a broker would come to lead one more: the partition, and who leads it now. */
type Step = Readonly<{ partition: Placed; from: Candidate }>;

/** Whoever leads least is to lead the partition. */
export function lead(replicas: Placed, caps: Caps): void {
  let leader = must(replicas[0], "replicas");
  for (const replica of replicas) if (rank(replica, caps) < rank(leader, caps)) leader = replica;
  swap(replicas, leader);
  leader.leadsMore(1);
}

/**
 * Makes the numbers of partitions that brokers lead as even as the replicas allow. A broker that leads at least two more than another
 * hands one on to a replica of it, that broker one of its own, and so on until the other is reached: a shortest path, as in a flow
 * of least cost. What was placed is almost even, so there are few such paths.
 */
export function evenLeaders(candidates: readonly Candidate[], placed: readonly Placed[], caps: Caps): void {
  const led = new Map(candidates.map((candidate) => [candidate, new Set<Placed>()]));
  const ledBy = (leader: Candidate): Set<Placed> => must(led.get(leader), "a candidate");
  for (const partition of placed) ledBy(must(partition[0], "a leader")).add(partition);
  for (let isEven = false; !isEven; ) {
    const settled = new Set<Candidate>();
    isEven = !mostFirst(candidates, caps).some((from) => !settled.has(from) && handOn(from, ledBy, caps, settled));
  }
}

/** Those that may lead too many. */
function mostFirst(candidates: readonly Candidate[], caps: Caps): Candidate[] {
  const least = Math.min(...candidates.filter(({ ownLeads }) => ownLeads < caps.leads).map(({ leads }) => leads));
  return candidates.filter(({ leads, ownLeads }) => ownLeads > 0 && leads >= least + 2).sort((a, b) => b.leads - a.leads);
}

/**
 * Breadth first. Returns whether a broker that leads at least two fewer was reached. If not, nothing can be had from whoever was: they
 * are settled.
 */
function handOn(first: Candidate, ledBy: (leader: Candidate) => Set<Placed>, caps: Caps, settled: Set<Candidate>): boolean {
  const steps = new Map<Candidate, Step | undefined>([[first, undefined]]);
  for (const from of steps.keys()) {
    for (const partition of ledBy(from)) {
      for (const to of partition) {
        if (steps.has(to)) continue;
        steps.set(to, { partition, from });
        if (to.leads + 2 > first.leads || to.ownLeads >= caps.leads) continue;
        moveAlong(to, steps, ledBy);
        return true;
      }
    }
  }
  for (const reached of steps.keys()) settled.add(reached);
  return false;
}

function moveAlong(last: Candidate, steps: ReadonlyMap<Candidate, Step | undefined>, ledBy: (leader: Candidate) => Set<Placed>): void {
  let to = last;
  for (let step = steps.get(to); step !== undefined; step = steps.get(to)) {
    const { partition, from } = step;
    swap(partition, to);
    ledBy(from).delete(partition);
    ledBy(to).add(partition);
    from.leadsMore(-1);
    to.leadsMore(1);
    to = from;
  }
}

function swap(replicas: Placed, leader: Candidate): void {
  replicas[replicas.indexOf(leader)] = must(replicas[0], "replicas");
  replicas[0] = leader;
}

/** Who has its share of the topic leads only where all have theirs. */
function rank({ leads, ownLeads }: Candidate, caps: Caps): number {
  return ownLeads < caps.leads ? leads : leads + Number.MAX_SAFE_INTEGER / 2;
}
