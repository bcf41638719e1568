import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { Entry } from "../fold/entries.ts";
import type { EncodedEntries } from "../fold/entry-batch.ts";
import type { GroupState } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { ConsumerSessions } from "./consumer-sessions.ts";
import { downgrade } from "./migration.ts";

/** Begins to change a group of the new protocol; undefined: there is none. */
export function draftOf(turn: Turn, groupId: string): ConsumerDraft | undefined {
  const membership = turn.shard.fold.groups.get(groupId)?.membership;
  return membership?.kind === "consumer" ? new ConsumerDraft(groupId, membership, turn.shard.topology, turn.wallMs) : undefined;
}

/** Appends what the draft gathered. @param encoded The same, when it is at hand. @returns the group's sessions. */
export function finish(turn: Turn, draft: ConsumerDraft, groupId: string, encoded?: EncodedEntries): ConsumerSessions {
  const entries = encoded?.entries ?? draft.entries();
  if (entries.length > 0) turn.append(groupId, entries, true, encoded?.batch);
  const live = turn.shard.live.get(groupId);
  if (live?.kind === "classic") turn.answerWaiting(live, ErrorCode.REBALANCE_IN_PROGRESS);
  if (live?.kind === "consumer") {
    for (const id of [...live.sessions.keys()]) if (draft.member(id) === undefined) live.forget(id);
    return live;
  }
  const { consumerSessionTimeoutMs } = turn.shard.options;
  return turn.keep(ConsumerSessions.from(groupId, draft.base, turn.nowMs, consumerSessionTimeoutMs));
}

/** Members left or were not heard of: the others get what they had. When only members of the classic protocol remain, the group is theirs again. */
export function removeMembers(turn: Turn, draft: ConsumerDraft, ids: readonly string[]): void {
  for (const id of ids) draft.remove(id);
  const left = draft.members();
  if (left.length > 0 && left.every(({ classic }) => classic !== undefined)) return downgrade(turn, draft, left);
  draft.bump();
  finish(turn, draft, draft.groupId);
}

/** What time does: members whose session is over, or who did not give up in time, are out. */
export function expireConsumer(turn: Turn, sessions: ConsumerSessions): void {
  const draft = draftOf(turn, sessions.id);
  const overdue = sessions.overdue(turn.nowMs).filter((id) => draft?.member(id) !== undefined);
  if (draft !== undefined && overdue.length > 0) removeMembers(turn, draft, overdue);
  for (const id of sessions.overdue(turn.nowMs)) sessions.forget(id);
  if (turn.shard.live.get(sessions.id) === sessions) turn.schedule(sessions, sessions.nextDeadlineMs);
  turn.settle(sessions.id);
}

/** Topics came, went or grew: the group's next heartbeat makes a new target. */
export function sweepConsumer(turn: Turn, group: GroupState): Entry[] {
  const draft = draftOf(turn, group.id);
  if (draft === undefined || draft.base.members.size === 0) return [];
  draft.bumpIfTopologyChanged();
  return draft.entries();
}
