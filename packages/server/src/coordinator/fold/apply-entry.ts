import { unreachable } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { CommittedTopic, Entry } from "./entries.ts";
import {
  type Assignment,
  type ClassicMembership,
  type ClassicProtocol,
  type CommittedOffset,
  type ConsumerMember,
  type ConsumerMembership,
  type GroupState,
  type MemberIdentity,
  NO_MEMBERSHIP,
} from "./group-state.ts";

/** What an offset takes beside its metadata, and a group beside its members. */
const OFFSET_BYTES = 30;
const GROUP_BYTES = 64;

/**
 * Changes the groups as the entry says. Pure, and the only place where durable state changes.
 * @throws QueueError CORRUPT_RECORD when the entry contradicts its group: no log that this program wrote says so.
 */
export function applyEntry(groups: Map<string, GroupState>, entry: Entry): void {
  change(groups, entry);
  const group = groups.get(entry.groupId);
  // Nothing is left to say of it: a fold read again would not have it either.
  if (group?.membership === NO_MEMBERSHIP && group.offsets.size === 0) groups.delete(entry.groupId);
}

function change(groups: Map<string, GroupState>, entry: Entry): void {
  switch (entry.kind) {
    case "group":
      return setClassic(groupOf(groups, entry.groupId), entry.membership);
    case "offsets":
      return commit(groupOf(groups, entry.groupId), entry.topics);
    case "offsets-gone":
      return dropOffsets(groupOf(groups, entry.groupId), entry.topics);
    case "group-gone":
      groups.delete(entry.groupId);
      return;
    case "consumer-group":
      return setConsumer(groupOf(groups, entry.groupId), entry);
    case "member":
      return setMember(existing(groups, entry), entry.member);
    case "member-gone":
      return dropMember(existing(groups, entry), entry.memberId);
    case "target":
      return setTargets(existing(groups, entry), entry);
    default:
      unreachable(entry);
  }
}

function groupOf(groups: Map<string, GroupState>, id: string): GroupState {
  let group = groups.get(id);
  if (group === undefined) {
    group = { id, membership: NO_MEMBERSHIP, offsets: new Map(), membershipBytes: GROUP_BYTES + id.length, offsetBytes: 0 };
    groups.set(id, group);
  }
  return group;
}

function existing(groups: ReadonlyMap<string, GroupState>, entry: Entry): GroupState & { membership: ConsumerMembership } {
  const group = groups.get(entry.groupId);
  if (group?.membership.kind !== "consumer") throw contradiction(entry.kind, "there is no such group of the new protocol");
  return group as GroupState & { membership: ConsumerMembership };
}

function contradiction(kind: string, problem: string): QueueError {
  return new QueueError("CORRUPT_RECORD", `a group entry contradicts its group. kind=${kind} problem=${problem}`);
}

function setClassic(group: GroupState, membership: ClassicMembership): void {
  group.membership = membership;
  group.membershipBytes = GROUP_BYTES + group.id.length;
  for (const member of membership.members.values()) group.membershipBytes += classicMemberBytes(member);
}

/** About what a classic member takes in an entry. */
export function classicMemberBytes(
  member: MemberIdentity & Readonly<{ protocols: readonly ClassicProtocol[]; assignment: Uint8Array }>,
): number {
  return identityBytes(member) + protocolBytes(member.protocols) + member.assignment.byteLength;
}

function identityBytes(member: MemberIdentity): number {
  return 16 + 3 * (member.id.length + member.clientId.length + member.clientHost.length + (member.instanceId?.length ?? 0));
}

/** About what these take in an entry. */
export function protocolBytes(protocols: readonly ClassicProtocol[]): number {
  let sum = 0;
  for (const { name, metadata } of protocols) sum += 4 + 3 * name.length + metadata.byteLength;
  return sum;
}

function commit(group: GroupState, topics: readonly CommittedTopic[]): void {
  for (const { topicId, offsets } of topics) {
    let kept = group.offsets.get(topicId);
    if (kept === undefined) {
      kept = new Map();
      group.offsets.set(topicId, kept);
    }
    for (const [partition, offset] of offsets) {
      group.offsetBytes += offsetBytes(offset) - offsetBytes(kept.get(partition));
      kept.set(partition, offset);
    }
  }
}

function offsetBytes(offset: CommittedOffset | undefined): number {
  return offset === undefined ? 0 : OFFSET_BYTES + offset.metadata.length;
}

function dropOffsets(group: GroupState, topics: Assignment): void {
  for (const [topicId, partitions] of topics) {
    const kept = group.offsets.get(topicId);
    for (const partition of partitions) {
      group.offsetBytes -= offsetBytes(kept?.get(partition));
      kept?.delete(partition);
    }
    if (kept?.size === 0) group.offsets.delete(topicId);
  }
}

type ConsumerGroupEntry = Extract<Entry, { kind: "consumer-group" }>;

function setConsumer(group: GroupState, { epoch, emptySinceMs }: ConsumerGroupEntry): void {
  if (group.membership.kind === "consumer") {
    Object.assign(group.membership, { epoch, emptySinceMs });
    return;
  }
  group.membershipBytes = GROUP_BYTES + group.id.length;
  group.membership = {
    kind: "consumer",
    epoch,
    emptySinceMs,
    targetEpoch: 0,
    assignor: "",
    topologyHash: "",
    members: new Map(),
    targets: new Map(),
    owners: new Map(),
    instances: new Map(),
    expressions: new Map(),
  };
}

function setMember(group: GroupState & { membership: ConsumerMembership }, said: ConsumerMember): void {
  const { members, owners, instances } = group.membership;
  const member = sharing(members, said);
  const before = members.get(member.id);
  if (before !== undefined) release(owners, before);
  own(owners, member);
  if (before?.instanceId !== undefined) instances.delete(before.instanceId);
  if (member.instanceId !== undefined) instances.set(member.instanceId, member.id);
  members.set(member.id, member);
  countExpression(group.membership, member, 1);
  if (before !== undefined) countExpression(group.membership, before, -1);
  group.membershipBytes += consumerMemberBytes(member) - (before === undefined ? 0 : consumerMemberBytes(before));
}

function countExpression({ expressions }: ConsumerMembership, { expression }: ConsumerMember, change: 1 | -1): void {
  if (expression === undefined) return;
  const count = (expressions.get(expression) ?? 0) + change;
  if (count === 0) expressions.delete(expression);
  else expressions.set(expression, count);
}

/** Members of a group mostly want the same: then they share one list, which takes less room and can be compared at a glance. */
function sharing(members: ReadonlyMap<string, ConsumerMember>, member: ConsumerMember): ConsumerMember {
  for (const other of [members.get(member.id), members.values().next().value])
    if (other !== undefined && isSameList(other.topics, member.topics)) return { ...member, topics: other.topics };
  return member;
}

/** The same texts in the same order. */
export function isSameList(some: readonly string[], others: readonly string[]): boolean {
  return some === others || (some.length === others.length && some.every((item, at) => item === others[at]));
}

function consumerMemberBytes(member: ConsumerMember): number {
  let sum = identityBytes(member) + 32 + protocolBytes(member.classic?.protocols ?? []);
  for (const topic of member.topics) sum += 2 + topic.length;
  if (member.expression !== undefined) sum += 2 + 3 * member.expression.length;
  return sum + assignmentBytes(member.assigned) + assignmentBytes(member.revoking);
}

function assignmentBytes(assignment: Assignment | undefined): number {
  let sum = 0;
  if (assignment !== undefined) for (const partitions of assignment.values()) sum += 18 + 2 * partitions.length;
  return sum;
}

function own(owners: Map<string, Map<number, string>>, member: ConsumerMember): void {
  for (const assignment of [member.assigned, member.revoking]) {
    for (const [topicId, partitions] of assignment) {
      let ofTopic = owners.get(topicId);
      if (ofTopic === undefined) {
        ofTopic = new Map();
        owners.set(topicId, ofTopic);
      }
      for (const partition of partitions) {
        if (ofTopic.has(partition)) throw contradiction("member", `partition ${partition} of ${topicId} has two owners`);
        ofTopic.set(partition, member.id);
      }
    }
  }
}

function release(owners: Map<string, Map<number, string>>, member: ConsumerMember): void {
  for (const assignment of [member.assigned, member.revoking]) {
    for (const [topicId, partitions] of assignment) {
      const ofTopic = owners.get(topicId);
      for (const partition of partitions) ofTopic?.delete(partition);
      if (ofTopic?.size === 0) owners.delete(topicId);
    }
  }
}

function dropMember(group: GroupState & { membership: ConsumerMembership }, memberId: string): void {
  const { members, owners, instances, targets } = group.membership;
  const member = members.get(memberId);
  if (member === undefined) throw contradiction("member-gone", "there is no such member");
  release(owners, member);
  if (member.instanceId !== undefined && instances.get(member.instanceId) === memberId) instances.delete(member.instanceId);
  members.delete(memberId);
  countExpression(group.membership, member, -1);
  group.membershipBytes -= consumerMemberBytes(member) + assignmentBytes(targets.get(memberId));
  targets.delete(memberId);
}

type TargetEntry = Extract<Entry, { kind: "target" }>;

function setTargets(group: GroupState & { membership: ConsumerMembership }, entry: TargetEntry): void {
  const { membership } = group;
  membership.targetEpoch = entry.epoch;
  membership.assignor = entry.assignor;
  membership.topologyHash = entry.topologyHash;
  for (const [memberId, assignment] of entry.targets) {
    if (!membership.members.has(memberId)) throw contradiction("target", "there is no such member");
    group.membershipBytes += assignmentBytes(assignment) - assignmentBytes(membership.targets.get(memberId));
    if (assignment.size === 0) membership.targets.delete(memberId);
    else membership.targets.set(memberId, assignment);
  }
}
