import { FOLD_OFFSETS_PER_ENTRY } from "../limits.ts";
import type { CommittedTopic, Entry } from "./entries.ts";
import { type CommittedOffset, type ConsumerMembership, type GroupState, NO_MEMBERSHIP } from "./group-state.ts";

/** Members whose targets are one entry. */
const TARGETS_PER_ENTRY = 100;

/** The shortest list of entries that makes this group, in the order in which they have to be applied. */
export function* entriesOf(group: GroupState): Generator<Entry> {
  if (group.membership.kind === "consumer") yield* consumerEntries(group.id, group.membership);
  else if (group.membership !== NO_MEMBERSHIP) yield { kind: "group", groupId: group.id, membership: group.membership };
  let topics: CommittedTopic[] = [];
  let count = 0;
  for (const [topicId, offsets] of group.offsets) {
    for (const slice of slices(offsets)) {
      topics.push({ topicId, offsets: slice });
      count += slice.size;
      if (count < FOLD_OFFSETS_PER_ENTRY) continue;
      yield { kind: "offsets", groupId: group.id, topics };
      topics = [];
      count = 0;
    }
  }
  if (count > 0) yield { kind: "offsets", groupId: group.id, topics };
}

function* slices(offsets: ReadonlyMap<number, CommittedOffset>): Generator<ReadonlyMap<number, CommittedOffset>> {
  if (offsets.size <= FOLD_OFFSETS_PER_ENTRY) return yield offsets;
  const all = [...offsets];
  for (let at = 0; at < all.length; at += FOLD_OFFSETS_PER_ENTRY) yield new Map(all.slice(at, at + FOLD_OFFSETS_PER_ENTRY));
}

function* consumerEntries(groupId: string, group: ConsumerMembership): Generator<Entry> {
  const { epoch, emptySinceMs, topologyHash, targetEpoch, assignor } = group;
  yield { kind: "consumer-group", groupId, epoch, emptySinceMs };
  for (const member of group.members.values()) yield { kind: "member", groupId, member };
  const targets = [...group.targets];
  for (let at = 0; at === 0 || at < targets.length; at += TARGETS_PER_ENTRY)
    yield {
      kind: "target",
      groupId,
      epoch: targetEpoch,
      assignor,
      topologyHash,
      targets: new Map(targets.slice(at, at + TARGETS_PER_ENTRY)),
    };
}
