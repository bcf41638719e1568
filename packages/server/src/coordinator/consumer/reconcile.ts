import { type Assignment, type ConsumerMember, type ConsumerMembership, NO_ASSIGNMENT } from "../fold/group-state.ts";

/** Who has a partition, or is giving it up; undefined: nobody. */
type OwnerOf = (topicId: string, partition: number) => string | undefined;

/**
 * The next step of one member towards its target: it gives up first, and gets what nobody has any more. As Kafka's.
 *
 * @param owned What the member says it has; undefined: unchanged since it last said so, hence still what it was told to give up.
 * @returns The same member when there is nothing to do yet.
 */
export function reconcile(
  member: ConsumerMember,
  target: Assignment,
  targetEpoch: number,
  owned: Assignment | undefined,
  ownerOf: OwnerOf,
): ConsumerMember {
  if (member.revoking.size > 0 && mayHold(member.revoking, owned)) return member;
  const isReached = member.epoch === targetEpoch && member.revoking.size === 0 && isSameAssignment(member.assigned, target);
  if (isReached) return member;
  const kept = intersection(member.assigned, target);
  const given = difference(member.assigned, kept);
  if (given.size > 0 && mayHold(given, owned)) return { ...member, assigned: kept, revoking: given };
  const next = withFree(member.id, kept, target, ownerOf);
  const isUnchanged = member.epoch === targetEpoch && member.revoking.size === 0 && isSameAssignment(member.assigned, next);
  if (isUnchanged) return member;
  return { ...member, epoch: targetEpoch, previousEpoch: member.epoch, assigned: next, revoking: NO_ASSIGNMENT };
}

/** It has what it is to have, and knows. */
export function isReconciled(group: ConsumerMembership, member: ConsumerMember): boolean {
  const target = group.targets.get(member.id) ?? NO_ASSIGNMENT;
  return member.epoch === group.targetEpoch && member.revoking.size === 0 && isSameAssignment(member.assigned, target);
}

function mayHold(partitions: Assignment, owned: Assignment | undefined): boolean {
  return owned === undefined || intersection(partitions, owned).size > 0;
}

function withFree(memberId: string, kept: Assignment, target: Assignment, ownerOf: OwnerOf): Assignment {
  const next = new Map<string, readonly number[]>();
  for (const [topicId, partitions] of target) {
    const has = new Set(kept.get(topicId));
    const got = partitions.filter((partition) => has.has(partition) || isFree(ownerOf(topicId, partition), memberId));
    if (got.length > 0) next.set(topicId, got);
  }
  return next;
}

function isFree(owner: string | undefined, memberId: string): boolean {
  return owner === undefined || owner === memberId;
}

export function isSameAssignment(some: Assignment, others: Assignment): boolean {
  if (some === others) return true;
  if (some.size !== others.size) return false;
  for (const [topicId, partitions] of some) {
    const there = others.get(topicId);
    if (there?.length !== partitions.length || !partitions.every((partition, at) => partition === there[at])) return false;
  }
  return true;
}

/** Whether `others` has all of `some`. */
export function isSubset(some: Assignment, others: Assignment): boolean {
  for (const [topicId, partitions] of some) {
    const there = new Set(others.get(topicId));
    if (!partitions.every((partition) => there.has(partition))) return false;
  }
  return true;
}

function intersection(some: Assignment, others: Assignment): Assignment {
  return filtered(some, others, true);
}

function difference(some: Assignment, others: Assignment): Assignment {
  return filtered(some, others, false);
}

function filtered(some: Assignment, others: Assignment, wanted: boolean): Assignment {
  const result = new Map<string, readonly number[]>();
  for (const [topicId, partitions] of some) {
    const there = new Set(others.get(topicId));
    const left = partitions.filter((partition) => there.has(partition) === wanted);
    if (left.length > 0) result.set(topicId, left);
  }
  return result;
}
