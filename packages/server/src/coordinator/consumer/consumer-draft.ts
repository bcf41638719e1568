import { assert, must } from "../../base/assert.ts";
import { StepLength, type Steps } from "../../quota/turn-share.ts";
import { applyEntry, isSameList } from "../fold/apply-entry.ts";
import type { Entry } from "../fold/entries.ts";
import { type Assignment, type ConsumerMember, type ConsumerMembership, type GroupState, NO_ASSIGNMENT } from "../fold/group-state.ts";
import { TOPICS_PER_STEP } from "../limits.ts";
import type { Topology } from "../topology.ts";
import { ASSIGNORS, DEFAULT_ASSIGNOR, type Subscriber } from "./assignors.ts";
import { isSameAssignment } from "./reconcile.ts";
import { ResolvedTopics, wishOf } from "./resolved-topics.ts";
import { hashOf, topologyHash } from "./topology-hash.ts";

/** A group that begins, or that was a classic one: as the entries would make it. */
export function membershipOf(entries: readonly Entry[], groupId: string): ConsumerMembership {
  const groups = new Map<string, GroupState>();
  for (const entry of entries) applyEntry(groups, entry);
  const membership = groups.get(groupId)?.membership;
  assert(membership?.kind === "consumer", "the entries make a group of the new protocol");
  return membership;
}

/** What one input changes in a group of the new protocol: reads through to the fold's membership, gathers entries, changes nothing. */
export class ConsumerDraft {
  readonly groupId: string;
  readonly base: ConsumerMembership;
  readonly #prelude: readonly Entry[];
  readonly #topology: Topology;
  readonly #wallMs: number;
  /** undefined: gone. */
  readonly #changed = new Map<string, ConsumerMember | undefined>();
  readonly #targets = new Map<string, Assignment>();
  readonly #isNew: boolean;
  #epoch: number;
  #topologyHash: string;
  #targetEpoch: number;
  #assignor: string;

  /**
   * @param prelude What makes `base` from what the fold has.
   * @param isNew The fold does not have the group in this form: its epoch has to be said in any case.
   */
  constructor(
    groupId: string,
    base: ConsumerMembership,
    topology: Topology,
    wallMs: number,
    prelude: readonly Entry[] = [],
    isNew = false,
  ) {
    this.#prelude = prelude;
    this.groupId = groupId;
    this.base = base;
    this.#topology = topology;
    this.#wallMs = wallMs;
    this.#isNew = isNew;
    this.#epoch = base.epoch;
    this.#topologyHash = base.topologyHash;
    this.#targetEpoch = base.targetEpoch;
    this.#assignor = base.assignor;
  }

  get targetEpoch(): number {
    return this.#targetEpoch;
  }

  get epoch(): number {
    return this.#epoch;
  }

  member(id: string): ConsumerMember | undefined {
    return this.#changed.has(id) ? this.#changed.get(id) : this.base.members.get(id);
  }

  members(): ConsumerMember[] {
    const members: ConsumerMember[] = [];
    for (const id of this.base.members.keys()) {
      const member = this.member(id);
      if (member !== undefined) members.push(member);
    }
    for (const [id, member] of this.#changed) if (member !== undefined && !this.base.members.has(id)) members.push(member);
    return members;
  }

  set(member: ConsumerMember): void {
    if (this.member(member.id) !== member) this.#changed.set(member.id, member);
  }

  remove(id: string): void {
    this.#changed.set(id, undefined);
    this.#targets.delete(id);
  }

  /** The list that another member has, when it is the same. */
  shared(topics: readonly string[]): readonly string[] {
    const first = this.base.members.values().next().value;
    return first !== undefined && isSameList(first.topics, topics) ? first.topics : topics;
  }

  target(id: string): Assignment {
    return this.#targets.get(id) ?? this.base.targets.get(id) ?? NO_ASSIGNMENT;
  }

  setTarget(id: string, target: Assignment): void {
    this.#targets.set(id, target);
  }

  /** Before this input: what a member gives up in it is free from the next one on. */
  ownerOf(topicId: string, partition: number): string | undefined {
    return this.base.owners.get(topicId)?.get(partition);
  }

  /** The assignment has to be made anew: somebody came, went, or wants something else. */
  bump(): void {
    this.#epoch = this.base.epoch + 1;
  }

  /** The same when the topics are others than those of the target; a target that is due will be made for those that there are. */
  bumpIfTopologyChanged(): void {
    if (this.base.targetEpoch !== this.base.epoch) return;
    const hash = topologyHash(this.members(), this.#topology);
    if (hash !== undefined && hash !== this.base.topologyHash) this.bump();
  }

  /** Makes the target of the newest epoch, unless there is one. The group and its topics must not change between the steps. */
  *retarget(): Steps {
    if (this.#targetEpoch >= this.#epoch) return;
    const members = this.members();
    const wishes = members.map((member) => wishOf(member, this.#topology));
    const resolved = new ResolvedTopics(this.#topology);
    const step = new StepLength(TOPICS_PER_STEP);
    const subscribers: Subscriber[] = [];
    for (const [at, { id, instanceId }] of members.entries()) {
      const known = resolved.partitions.size;
      subscribers.push({ id, instanceId, topicIds: resolved.idsOf(must(wishes[at], "what it wants")), current: this.target(id) });
      if (step.add(1 + resolved.partitions.size - known)) yield "more";
    }
    const name = preferred(members);
    for (const [id, target] of yield* must(ASSIGNORS.get(name), "an assignor that was checked")(subscribers, resolved.partitions)) {
      if (!isSameAssignment(target, this.target(id))) this.#targets.set(id, target);
      if (step.add(1 + target.size)) yield "more";
    }
    this.#assignor = name;
    this.#topologyHash = yield* hashOf(new Set(wishes.flatMap(({ named, matched }) => [named, matched])), this.#topology);
    this.#targetEpoch = this.#epoch;
  }

  /** What happened, in an order that can be applied. */
  entries(): Entry[] {
    const { groupId } = this;
    const entries: Entry[] = [...this.#prelude];
    if (this.#isNew || this.#epoch !== this.base.epoch) entries.push(this.#groupEntry());
    const changed = [...this.#changed];
    for (const [memberId, member] of changed)
      if (member === undefined && this.base.members.has(memberId)) entries.push({ kind: "member-gone", groupId, memberId });
    for (const [, member] of changed) if (member !== undefined) entries.push({ kind: "member", groupId, member });
    if (this.#targetEpoch !== this.base.targetEpoch || this.#targets.size > 0)
      entries.push({
        kind: "target",
        groupId,
        epoch: this.#targetEpoch,
        assignor: this.#assignor,
        topologyHash: this.#topologyHash,
        targets: this.#targets,
      });
    return entries;
  }

  #groupEntry(): Entry {
    const emptySinceMs = this.members().length === 0 ? this.#wallMs : -1;
    return { kind: "consumer-group", groupId: this.groupId, epoch: this.#epoch, emptySinceMs };
  }
}

/** What most members ask for; those that ask for nothing follow. */
function preferred(members: readonly ConsumerMember[]): string {
  const votes = new Map<string, number>();
  for (const { assignor } of members) if (assignor !== undefined) votes.set(assignor, (votes.get(assignor) ?? 0) + 1);
  let best = DEFAULT_ASSIGNOR;
  for (const [name, count] of votes) if (count > (votes.get(best) ?? 0)) best = name;
  return best;
}
