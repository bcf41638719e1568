import type { Steps } from "../quota/turn-share.ts";
import { checkSync, isTooLarge } from "./classic/classic-members.ts";
import { assignmentsOf, type CompleteGeneration, encodeGeneration } from "./classic/complete-generation.ts";
import { type Proposal, propose } from "./consumer/consumer-heartbeat.ts";
import { checkRequest } from "./consumer/heartbeat-checks.ts";
import { encodeInSteps } from "./fold/entry-batch.ts";
import { type GroupShard, Turn } from "./group-shard.ts";
import type { ConsumerHeartbeatInput, Input, SyncInput, Times } from "./inputs.ts";

/** What takes long of an input, done ahead; `apply` does the rest when it is current. */
export type Prepared = Readonly<{
  proposal?: Proposal;
  generation?: CompleteGeneration;
  /** Nothing that it follows from has changed. */
  isCurrent: () => boolean;
}>;

const STALE: Prepared = { isCurrent: () => false };

/**
 * What of the input can be done before it happens, in steps that change nothing; undefined: nothing that takes long. Ends early when the group or its topics
 * change. Expressions of the group have to be known when it begins.
 */
export function prepare(shard: GroupShard, input: Input): Steps<Prepared> | undefined {
  if (input.kind === "consumer-heartbeat") return prepareHeartbeat(shard, input);
  return input.kind === "sync" ? prepareSync(shard, input) : undefined;
}

/** Not where a classic group is converted: what is volatile of that changes without an entry. */
function prepareHeartbeat(shard: GroupShard, input: ConsumerHeartbeatInput & Times): Steps<Prepared> | undefined {
  const { groupId } = input;
  const group = shard.fold.groups.get(groupId);
  const isNew = group === undefined && !shard.live.has(groupId);
  if (!isNew && group?.membership.kind !== "consumer") return undefined;
  const turn = new Turn(shard, input, []);
  if (input.memberEpoch < 0 || checkRequest(turn, input) !== undefined) return undefined;
  const { version } = shard.topology;
  const changes = shard.fold.changesOf(group);
  const isCurrent = (): boolean => {
    if (shard.topology.version !== version || (isNew && shard.live.has(groupId))) return false;
    return shard.fold.groups.get(groupId) === group && shard.fold.changesOf(group) === changes;
  };
  return whileCurrent(encodedProposal(turn, input, isCurrent), isCurrent);
}

function* encodedProposal(turn: Turn, input: ConsumerHeartbeatInput, isCurrent: () => boolean): Steps<Prepared> {
  const proposal = yield* propose(turn, input);
  if ("error" in proposal) return { isCurrent };
  const entries = proposal.draft.entries();
  if (entries.length === 0) return { proposal, isCurrent };
  return { proposal: { ...proposal, encoded: yield* encodeInSteps(entries, turn.wallMs) }, isCurrent };
}

function* whileCurrent(steps: Steps<Prepared>, isCurrent: () => boolean): Steps<Prepared> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    yield value;
    if (!isCurrent()) return STALE;
  }
}

/** Is looked at again when it is used, member by member: a classic group runs ahead of its entries. */
function prepareSync(shard: GroupShard, input: SyncInput & Times): Steps<Prepared> | undefined {
  const group = shard.live.get(input.groupId);
  if (group?.kind !== "classic" || group.state !== "CompletingRebalance" || group.leader !== input.memberId) return undefined;
  const isTaken = checkSync(group, input) === 0 && !isTooLarge(shard.options, group, assignmentsOf(input));
  return isTaken ? encodedGeneration(group, input) : undefined;
}

function* encodedGeneration(group: Parameters<typeof encodeGeneration>[0], input: SyncInput & Times): Steps<Prepared> {
  return { generation: yield* encodeGeneration(group, input), isCurrent: () => true };
}
