import { must } from "../../base/assert.ts";
import type { JoinedMember } from "../answers.ts";
import { classicMemberBytes } from "../fold/apply-entry.ts";
import type { ClassicMember, ClassicMembership, ClassicProtocol } from "../fold/group-state.ts";

/** As Kafka's, in Kafka's words. */
export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** A member, and what only this coordinator knows of it. */
export type LiveMember = {
  readonly id: string;
  readonly instanceId: string | undefined;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly ClassicProtocol[];
  assignment: Uint8Array;
  /** Of the request that waits for the generation, and for the assignment. */
  joinToken: number | undefined;
  syncToken: number | undefined;
  /** It has never heard of a generation, hence sends no heartbeats. */
  isNew: boolean;
  deadlineMs: number;
};

const NEVER = Number.POSITIVE_INFINITY;
const GROUP_BYTES = 64;
const PENDING_BYTES = 200;
const NO_BYTES = new Uint8Array(0);

/**
 * A classic group as its coordinator sees it: what the fold says, plus the generation that is being prepared. It changes ahead of the fold; when an
 * append is refused it is thrown away and made anew from the fold.
 */
export class ClassicGroup {
  readonly kind = "classic";
  readonly id: string;
  state: ClassicState = "Empty";
  protocolType = "";
  generation = 0;
  protocol: string | undefined;
  leader: string | undefined;
  emptySinceMs = -1;
  readonly members = new Map<string, LiveMember>();
  readonly instances = new Map<string, string>();
  /** Ids that were given out and not used yet, with the time at which they end. */
  readonly pending = new Map<string, number>();
  /** Members of this generation that did not ask for their assignment yet. */
  readonly unsynced = new Set<string>();
  /** The rebalance began with an empty group: it waits for more members for a while. */
  isInitial = false;
  newMemberAdded = false;
  joinDeadlineMs = NEVER;
  /** How much longer an initial rebalance may wait behind `joinDeadlineMs`. */
  initialRemainingMs = 0;
  syncDeadlineMs = NEVER;
  /** When the shard looks at it next. */
  wakeMs = NEVER;
  awaitingJoin = 0;
  memberBytes = 0;
  /** What the shard has counted of it. */
  countedBytes = 0;
  /** Protocol → how many members offer it. */
  readonly #offers = new Map<string, number>();

  constructor(id: string) {
    this.id = id;
  }

  /** As it was in its last complete generation; every member gets a fresh session. */
  static from(id: string, durable: ClassicMembership, nowMs: number): ClassicGroup {
    const group = new ClassicGroup(id);
    const { protocolType, generation, protocol, leader, emptySinceMs } = durable;
    Object.assign(group, { protocolType, generation, protocol, leader, emptySinceMs });
    group.state = durable.members.size === 0 ? "Empty" : "Stable";
    for (const member of durable.members.values())
      group.add({ ...member, joinToken: undefined, syncToken: undefined, isNew: false, deadlineMs: nowMs + member.sessionTimeoutMs });
    return group;
  }

  /** What the fold keeps of it now. */
  get durable(): ClassicMembership {
    const { protocolType, generation, protocol, leader, emptySinceMs } = this;
    const members = new Map<string, ClassicMember>();
    for (const member of this.members.values()) members.set(member.id, durableMember(member));
    return { kind: "classic", protocolType, generation, protocol, leader, members, emptySinceMs };
  }

  add(member: LiveMember): void {
    if (this.members.size === 0 && this.leader === undefined) this.leader = member.id;
    this.members.set(member.id, member);
    if (member.instanceId !== undefined) this.instances.set(member.instanceId, member.id);
    this.pending.delete(member.id);
    if (member.joinToken !== undefined) this.awaitingJoin += 1;
    this.#count(member, 1);
  }

  /** The first of the others leads. Tokens are the caller's to answer. */
  remove(member: LiveMember): void {
    this.members.delete(member.id);
    if (member.instanceId !== undefined && this.instances.get(member.instanceId) === member.id) this.instances.delete(member.instanceId);
    this.unsynced.delete(member.id);
    if (member.joinToken !== undefined) this.awaitingJoin -= 1;
    this.#count(member, -1);
    if (this.leader === member.id) this.leader = this.members.keys().next().value;
  }

  /** The token that waited before, if any. */
  awaitJoin(member: LiveMember, token: number | undefined): number | undefined {
    const before = member.joinToken;
    if (before !== undefined) this.awaitingJoin -= 1;
    if (token !== undefined) this.awaitingJoin += 1;
    member.joinToken = token;
    return before;
  }

  offer(member: LiveMember, protocols: readonly ClassicProtocol[]): void {
    this.#count(member, -1);
    member.protocols = protocols;
    this.#count(member, 1);
  }

  assign(member: LiveMember, assignment: Uint8Array): void {
    this.memberBytes += assignment.byteLength - member.assignment.byteLength;
    member.assignment = assignment;
  }

  /** Whether a member may offer these: of the group's type, and one that all others know. */
  supports(protocolType: string, protocols: readonly ClassicProtocol[]): boolean {
    if (this.members.size === 0) return protocolType !== "" && protocols.length > 0;
    return this.protocolType === protocolType && protocols.some(({ name }) => this.#isCommon(name));
  }

  /** The one that most members prefer among those that all know; the first met wins a draw. */
  chooseProtocol(): string {
    const votes = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const choice = protocols.find(({ name }) => this.#isCommon(name))?.name;
      if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
    }
    let best: string | undefined;
    for (const [name, count] of votes) if (best === undefined || count > (votes.get(best) ?? 0)) best = name;
    return must(best, "a protocol that all members know");
  }

  get hasAllJoined(): boolean {
    return this.members.size === this.awaitingJoin && this.pending.size === 0;
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  /** Nobody is in it, and nobody comes. */
  get isIdle(): boolean {
    return this.state === "Empty" && this.pending.size === 0 && this.members.size === 0;
  }

  /** About what it takes in memory. */
  get bytes(): number {
    return GROUP_BYTES + this.id.length + this.memberBytes + PENDING_BYTES * this.pending.size;
  }

  /** Everybody, with what they said under the chosen protocol; for the leader. */
  joined(): JoinedMember[] {
    return [...this.members.values()].map((member) => ({
      id: member.id,
      instanceId: member.instanceId,
      metadata: this.metadataOf(member),
    }));
  }

  metadataOf(member: LiveMember): Uint8Array {
    return member.protocols.find(({ name }) => name === this.protocol)?.metadata ?? NO_BYTES;
  }

  /** Of everything that time does to it; a lower bound after sessions were renewed. */
  get nextDeadlineMs(): number {
    let next = Math.min(this.joinDeadlineMs, this.syncDeadlineMs);
    for (const { deadlineMs } of this.members.values()) next = Math.min(next, deadlineMs);
    for (const deadlineMs of this.pending.values()) next = Math.min(next, deadlineMs);
    return next;
  }

  #isCommon(protocol: string): boolean {
    return this.#offers.get(protocol) === this.members.size;
  }

  #count(member: LiveMember, sign: 1 | -1): void {
    this.memberBytes += sign * classicMemberBytes(member);
    for (const { name } of member.protocols) {
      const count = (this.#offers.get(name) ?? 0) + sign;
      if (count === 0) this.#offers.delete(name);
      else this.#offers.set(name, count);
    }
  }
}

/** What the fold keeps of a member. */
export function durableMember(member: LiveMember): ClassicMember {
  const { id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols, assignment } = member;
  return { id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols, assignment };
}
