import type { BrokerState, ClusterState } from "../cluster/cluster-state.ts";
import { isCordoned } from "../cluster/rules.ts";

/** What one topic may put on a broker while others have room. */
export type Caps = Readonly<{ replicas: number; leads: number }>;

/** Holds at most one replica of a partition. `usedBy`: the partition that got one there last. */
export type Host = { usedBy: number };

/** A broker that may get replicas, and what it has. */
export class Candidate {
  readonly id: number;
  readonly host: Host;
  readonly rack: Rack;
  replicas = 0;
  /** Partitions that it is preferred to lead. */
  leads = 0;
  /** Of the topic that is being placed. */
  ownReplicas = 0;
  ownLeads = 0;
  /** Decides between equals; another one after each replica, so that brokers that share a partition do not share the next. */
  chance = 0;

  constructor(id: number, host: Host, rack: Rack) {
    this.id = id;
    this.host = host;
    this.rack = rack;
  }

  /** A replica that was there before. */
  has(isLeader: boolean): void {
    this.replicas += 1;
    if (isLeader) this.leads += 1;
  }

  /** Another topic is placed. */
  begin(seed: string): void {
    this.ownReplicas = 0;
    this.ownLeads = 0;
    this.chance = mixed(hashOf(seed) ^ this.id);
  }

  added(): void {
    this.replicas += 1;
    this.ownReplicas += 1;
    this.chance = mixed(this.chance);
  }

  leadsMore(partitions: number): void {
    this.leads += partitions;
    this.ownLeads += partitions;
  }
}

/** Brokers that fail together; of those that did not name theirs nothing is known, so they are one. */
export class Rack {
  /** Those with the fewest replicas come first. */
  readonly candidates: Candidate[] = [];
  #replicas = 0;
  /** Replicas of each broker. */
  average = 0;
  chance = 0;

  /** Another topic is placed; its candidates know that. */
  begin(): void {
    this.candidates.sort(compare);
    this.#replicas = this.candidates.reduce((sum, { replicas }) => sum + replicas, 0);
    this.average = this.#replicas / this.candidates.length;
    this.chance = this.candidates.reduce((least, { chance }) => Math.min(least, chance), Number.POSITIVE_INFINITY);
  }

  /** One of its candidates got a replica, and finds its place anew. */
  added(candidate: Candidate): void {
    remove(this.candidates, candidate);
    candidate.added();
    insert(this.candidates, candidate, compare);
    this.#replicas += 1;
    this.average = this.#replicas / this.candidates.length;
    this.chance = mixed(this.chance);
  }
}

/** Brokers that are ready and not cordoned, by number. */
export function candidatesOf(state: ClusterState): Map<number, Candidate> {
  const hosts = new Map<string, Host>();
  const racks = new Map<string, Rack>();
  const ready = [...state.brokers.values()].filter(({ id, fenced }) => !fenced && !isCordoned(state, id)).sort((a, b) => a.id - b.id);
  return new Map(ready.map((broker) => [broker.id, candidateOf(broker, hosts, racks)]));
}

/** In the order in which the candidates name them. */
export function racksOf(candidates: readonly Candidate[]): Rack[] {
  return [...new Set(candidates.map(({ rack }) => rack))];
}

function candidateOf(broker: BrokerState, hosts: Map<string, Host>, racks: Map<string, Rack>): Candidate {
  const host = hosts.get(broker.host) ?? { usedBy: 0 };
  const rack = racks.get(broker.rack) ?? new Rack();
  hosts.set(broker.host, host);
  racks.set(broker.rack, rack);
  const candidate = new Candidate(broker.id, host, rack);
  rack.candidates.push(candidate);
  return candidate;
}

function compare(a: Candidate, b: Candidate): number {
  return a.replicas - b.replicas || a.chance - b.chance || a.id - b.id;
}

/** Those with the fewest replicas for their brokers come first. */
export function compareRacks(a: Rack, b: Rack): number {
  return a.average - b.average || a.chance - b.chance;
}

export function remove<T>(sorted: T[], item: T): void {
  sorted.splice(sorted.indexOf(item), 1);
}

/** Where it belongs, by binary search. */
export function insert<T>(sorted: T[], item: T, order: (a: T, b: T) => number): void {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (order(sorted[middle] as T, item) < 0) from = middle + 1;
    else to = middle;
  }
  sorted.splice(from, 0, item);
}

/** 32 bits, of the characters' codes. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** The next of a sequence whose members have nothing in common; the finalizer of MurmurHash3. https://github.com/aappleby/smhasher */
function mixed(value: number): number {
  let hash = (value + 0x9e3779b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
