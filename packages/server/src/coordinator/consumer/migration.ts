import { ClassicGroup } from "../classic/classic-group.ts";
import { rebalance } from "../classic/classic-rebalance.ts";
import { CONSUMER_PROTOCOL, decodeAssignment, decodeSubscription, encodeAssignment } from "../classic/subscription.ts";
import type { Entry } from "../fold/entries.ts";
import { type Assignment, type ClassicMember, type ConsumerMember, NO_ASSIGNMENT } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import { TOPICS_MAX } from "../limits.ts";
import { isName } from "../names.ts";
import type { Topology } from "../topology.ts";
import { ConsumerDraft, membershipOf } from "./consumer-draft.ts";

/**
 * A draft of a group that is not yet one of the new protocol: it does not exist, is empty, or is a classic one whose members are consumers; these come along
 * with what they have. undefined: its members are of another kind, or what they say cannot be read. "full": there is no room for a new one.
 */
export function upgrade(turn: Turn, groupId: string): ConsumerDraft | "full" | undefined {
  const { topology, fold, isFull } = turn.shard;
  const group = turn.classic(groupId);
  if (group === undefined && isFull && !fold.groups.has(groupId)) return "full";
  const epoch = group?.generation ?? 0;
  const first: Entry = { kind: "consumer-group", groupId, epoch, emptySinceMs: -1 };
  if (group === undefined || group.members.size === 0)
    return new ConsumerDraft(groupId, membershipOf([first], groupId), topology, turn.wallMs, [], true);
  const members = group.protocolType === CONSUMER_PROTOCOL ? converted(group, topology) : undefined;
  if (members === undefined) return undefined;
  const targets = new Map(members.map(({ id, assigned }) => [id, assigned]));
  const prelude: Entry[] = [first, ...members.map((member) => ({ kind: "member", groupId, member }) as const)];
  prelude.push({ kind: "target", groupId, epoch, assignor: "", topologyHash: "", targets });
  return new ConsumerDraft(groupId, membershipOf(prelude, groupId), topology, turn.wallMs, prelude, true);
}

/** A partition that two members believe to have goes to the first. */
function converted(group: ClassicGroup, topology: Topology): ConsumerMember[] | undefined {
  const taken = new Set<string>();
  const members: ConsumerMember[] = [];
  for (const member of group.durable.members.values()) {
    const assigned = assignedOf(member, topology, taken);
    const wanted = wantedBy(member);
    if (assigned === undefined || wanted === undefined) return undefined;
    const { id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = member;
    const epochs = { epoch: group.generation, previousEpoch: group.generation };
    const rest = { assignor: undefined, assigned, revoking: NO_ASSIGNMENT, classic: { sessionTimeoutMs, protocols } };
    members.push({ id, instanceId, clientId, clientHost, rebalanceTimeoutMs, ...wanted, ...epochs, ...rest });
  }
  return members;
}

function assignedOf(member: ClassicMember, topology: Topology, taken: Set<string>): Assignment | undefined {
  if (member.assignment.byteLength === 0) return NO_ASSIGNMENT;
  const assignment = decodeAssignment(member.assignment);
  if (assignment === undefined) return undefined;
  const assigned = new Map<string, number[]>();
  for (const [topicId, partitions] of idsOf(assignment.assignedPartitions, topology)) {
    const free = partitions.filter((partition) => !taken.has(`${topicId}:${partition}`));
    for (const partition of free) taken.add(`${topicId}:${partition}`);
    if (free.length > 0) assigned.set(topicId, free);
  }
  return assigned.size > TOPICS_MAX ? undefined : assigned;
}

/** Topics that do not exist are nobody's. */
export function idsOf(topics: readonly Readonly<{ topic: string; partitions: readonly number[] }>[], topology: Topology): Assignment {
  const ids = new Map<string, number[]>();
  for (const { topic, partitions } of topics) {
    const known = topology.byName(topic);
    if (known === undefined || partitions.length === 0) continue;
    const valid = partitions.filter((partition) => partition >= 0 && partition < known.partitions);
    const all = new Set([...(ids.get(known.id) ?? []), ...valid]);
    if (all.size > 0)
      ids.set(
        known.id,
        [...all].sort((a, b) => a - b),
      );
  }
  return ids;
}

/** What a classic member says of itself under the first of its protocols. */
export function wantedBy({
  protocols,
}: Pick<ClassicMember, "protocols">): Pick<ConsumerMember, "topics" | "expression" | "rackId"> | undefined {
  const subscription = protocols[0] === undefined ? undefined : decodeSubscription(protocols[0].metadata);
  if (subscription === undefined) return undefined;
  const { topics, rackId } = subscription;
  if (topics.length > TOPICS_MAX || !topics.every(isName) || !isName(rackId ?? "")) return undefined;
  return { topics: [...new Set(topics)].sort(), expression: undefined, rackId: rackId ?? undefined };
}

/** The group is a classic one again, with what its members have; they are asked to join, since nobody assigns for them any more. */
export function downgrade(turn: Turn, draft: ConsumerDraft, members: readonly ConsumerMember[]): void {
  const { groupId } = draft;
  draft.bump();
  const group = new ClassicGroup(groupId);
  group.protocolType = CONSUMER_PROTOCOL;
  group.generation = draft.epoch;
  group.state = "Stable";
  for (const member of members) addClassic(turn, group, member);
  group.protocol = group.chooseProtocol();
  turn.append(groupId, [{ kind: "group", groupId, membership: group.durable }]);
  turn.keep(group);
  rebalance(turn, group);
}

function addClassic(turn: Turn, group: ClassicGroup, member: ConsumerMember): void {
  const { id, instanceId, clientId, clientHost, rebalanceTimeoutMs, classic, assigned } = member;
  const { sessionTimeoutMs, protocols } = classic ?? { sessionTimeoutMs: 0, protocols: [] };
  const assignment = encodeAssignment(assigned, turn.shard.topology);
  const waiting = { joinToken: undefined, syncToken: undefined, isNew: false, deadlineMs: turn.nowMs + sessionTimeoutMs };
  group.add({ id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols, assignment, ...waiting });
}
