import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { Steps } from "../quota/turn-share.ts";
import * as joins from "./classic/classic-join.ts";
import { checkSync, isTooLarge } from "./classic/classic-members.ts";
import { assignmentsOf, type CompleteGeneration, encodeGeneration } from "./classic/complete-generation.ts";
import { type JoinProposal, proposeJoin } from "./consumer/classic-in-consumer.ts";
import type { ConsumerDraft } from "./consumer/consumer-draft.ts";
import { type Proposal, propose } from "./consumer/consumer-heartbeat.ts";
import * as heartbeats from "./consumer/heartbeat-checks.ts";
import { type EncodedEntries, encodeInSteps } from "./fold/entry-batch.ts";
import { type GroupShard, Turn } from "./group-shard.ts";
import type { ConsumerHeartbeatInput, Input, JoinInput, SyncInput, Times } from "./inputs.ts";

/** What takes long of an input, done ahead; `apply` does the rest when it is current. */
export type Prepared = Readonly<{
  proposal?: Proposal;
  join?: JoinProposal;
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
  switch (input.kind) {
    case "consumer-heartbeat":
      return prepareHeartbeat(shard, input);
    case "join":
      return prepareJoin(shard, input);
    case "sync":
      return prepareSync(shard, input);
    default:
      return undefined;
  }
}

/** Not where a classic group is converted: what is volatile of that changes without an entry. */
function prepareHeartbeat(shard: GroupShard, input: ConsumerHeartbeatInput & Times): Steps<Prepared> | undefined {
  const { groupId } = input;
  const group = shard.fold.groups.get(groupId);
  const isNew = group === undefined && !shard.live.has(groupId);
  if (!isNew && group?.membership.kind !== "consumer") return undefined;
  const turn = new Turn(shard, input, []);
  if (input.memberEpoch < 0 || heartbeats.checkRequest(turn, input) !== undefined) return undefined;
  const isCurrent = currency(shard, groupId);
  return whileCurrent(encodedProposal(turn, input, isCurrent), isCurrent);
}

function* encodedProposal(turn: Turn, input: ConsumerHeartbeatInput, isCurrent: () => boolean): Steps<Prepared> {
  const proposal = yield* propose(turn, input);
  if ("error" in proposal) return { isCurrent };
  return { proposal: { ...proposal, encoded: yield* encoded(turn, proposal.draft) }, isCurrent };
}

/** Of a member of the classic protocol in a group of the new one. */
function prepareJoin(shard: GroupShard, input: JoinInput & Times): Steps<Prepared> | undefined {
  const turn = new Turn(shard, input, []);
  if (!turn.isConsumer(input.groupId) || joins.checkRequest(turn, input) !== ErrorCode.NONE) return undefined;
  const isCurrent = currency(shard, input.groupId);
  return whileCurrent(encodedJoin(turn, input, isCurrent), isCurrent);
}

function* encodedJoin(turn: Turn, input: JoinInput, isCurrent: () => boolean): Steps<Prepared> {
  const proposal = yield* proposeJoin(turn, input);
  if ("error" in proposal) return { isCurrent };
  return { join: { ...proposal, encoded: yield* encoded(turn, proposal.draft) }, isCurrent };
}

function* encoded(turn: Turn, draft: ConsumerDraft): Steps<EncodedEntries | undefined> {
  const entries = draft.entries();
  return entries.length === 0 ? undefined : yield* encodeInSteps(entries, turn.wallMs);
}

/** Tells whether the group, as its entries have made it, and the topics are those of now. */
function currency(shard: GroupShard, groupId: string): () => boolean {
  const { version } = shard.topology;
  const group = shard.fold.groups.get(groupId);
  const changes = shard.fold.changesOf(group);
  const isLive = shard.live.has(groupId);
  return () => {
    if (shard.topology.version !== version || (group === undefined && shard.live.has(groupId) !== isLive)) return false;
    return shard.fold.groups.get(groupId) === group && shard.fold.changesOf(group) === changes;
  };
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
  const isTaken = checkSync(group, input) === ErrorCode.NONE && !isTooLarge(shard.options, group, assignmentsOf(input));
  return isTaken ? encodedGeneration(group, input) : undefined;
}

function* encodedGeneration(group: Parameters<typeof encodeGeneration>[0], input: SyncInput & Times): Steps<Prepared> {
  return { generation: yield* encodeGeneration(group, input), isCurrent: () => true };
}
