import type { Steps } from "../../quota/turn-share.ts";
import { type EncodedEntries, encodeInSteps } from "../fold/entry-batch.ts";
import type { ClassicMember, ClassicMembership } from "../fold/group-state.ts";
import type { SyncInput, Times } from "../inputs.ts";
import { type ClassicGroup, durableMember, type LiveMember } from "./classic-group.ts";

const NO_BYTES = new Uint8Array(0);

/** A generation as its leader completes it, encoded: for a thousand members that takes longer than all the rest. */
export type CompleteGeneration = Readonly<{ membership: ClassicMembership; encoded: EncodedEntries }>;

/** By member, what the leader gives. */
export function assignmentsOf({ assignments }: SyncInput): ReadonlyMap<string, Uint8Array> {
  return new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
}

/** What a member gets of that. */
export function givenTo(member: LiveMember, assignments: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return assignments.get(member.id) ?? NO_BYTES;
}

/** The group with what its leader gives. It may change meanwhile: see `fits`. */
export function* encodeGeneration(group: ClassicGroup, input: SyncInput & Times): Steps<CompleteGeneration> {
  const assignments = assignmentsOf(input);
  const { protocolType, generation, protocol, leader, emptySinceMs } = group;
  const members = new Map<string, ClassicMember>();
  for (const member of [...group.members.values()]) {
    members.set(member.id, { ...durableMember(member), assignment: givenTo(member, assignments) });
    yield "more";
  }
  const membership: ClassicMembership = { kind: "classic", protocolType, generation, protocol, leader, members, emptySinceMs };
  return { membership, encoded: yield* encodeInSteps([{ kind: "group", groupId: group.id, membership }], input.wallMs) };
}

/** Whether this is still what the fold is to keep of the group: the same members in the same order, with the same of everything. */
export function fits({ membership }: CompleteGeneration, group: ClassicGroup): boolean {
  const { protocolType, generation, protocol, leader, emptySinceMs, members } = membership;
  if (members.size !== group.members.size || generation !== group.generation || leader !== group.leader) return false;
  if (protocolType !== group.protocolType || protocol !== group.protocol || emptySinceMs !== group.emptySinceMs) return false;
  const encoded = members.values();
  for (const member of group.members.values()) if (!isSame(member, encoded.next().value)) return false;
  return true;
}

function isSame(member: LiveMember, encoded: ClassicMember | undefined): boolean {
  return (
    member.id === encoded?.id &&
    member.instanceId === encoded.instanceId &&
    member.clientId === encoded.clientId &&
    member.clientHost === encoded.clientHost &&
    member.sessionTimeoutMs === encoded.sessionTimeoutMs &&
    member.rebalanceTimeoutMs === encoded.rebalanceTimeoutMs &&
    member.protocols === encoded.protocols &&
    member.assignment === encoded.assignment
  );
}
