import type { Assignment, ClassicMembership, CommittedOffset, ConsumerMember } from "./group-state.ts";

/**
 * What happened to a group; docs/formats/groups.md. The entries of one input are one batch and happen together.
 *
 * `group` sets a classic group whole. `consumer-group` sets the epoch of one of the new protocol, and makes it one when it was not;
 * `target` sets what members are to get, those that it does not name keep theirs; `member` sets one member whole.
 */
export type Entry =
  | Readonly<{ kind: "group"; groupId: string; membership: ClassicMembership }>
  | Readonly<{ kind: "offsets"; groupId: string; topics: readonly CommittedTopic[] }>
  | Readonly<{ kind: "offsets-gone"; groupId: string; topics: Assignment }>
  | Readonly<{ kind: "group-gone"; groupId: string }>
  | Readonly<{ kind: "consumer-group"; groupId: string; epoch: number; emptySinceMs: number }>
  | Readonly<{ kind: "member"; groupId: string; member: ConsumerMember }>
  | Readonly<{ kind: "member-gone"; groupId: string; memberId: string }>
  | Readonly<{
      kind: "target";
      groupId: string;
      epoch: number;
      assignor: string;
      topologyHash: string;
      targets: ReadonlyMap<string, Assignment>;
    }>;

export type CommittedTopic = Readonly<{ topicId: string; offsets: ReadonlyMap<number, CommittedOffset> }>;
