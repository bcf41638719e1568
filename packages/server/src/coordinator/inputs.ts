import type { Assignment, ClassicProtocol } from "./fold/group-state.ts";

/** Monotonic and wall time, in milliseconds; what every input carries. Wall time is whole: entries keep it. */
export type Times = Readonly<{ nowMs: number; wallMs: number }>;

/** Which request, and what it is about. `token`: the driver's number for the answer. */
type Asked = Readonly<{ groupId: string; token: number }>;

/** Where a request comes from. */
type Client = Readonly<{ clientId: string; clientHost: string }>;

/**
 * `memberId` empty: it has none yet. `memberUuid`: fresh chance, for the case that it gets one. A request that has no rebalance timeout (v0) means its
 * session timeout.
 */
export type JoinInput = Asked &
  Client &
  Readonly<{
    kind: "join";
    memberId: string;
    memberUuid: string;
    instanceId: string | undefined;
    protocolType: string;
    protocols: readonly ClassicProtocol[];
    sessionTimeoutMs: number;
    rebalanceTimeoutMs: number;
    /** From v4 of the request on: a member without an id is told one, and comes again. */
    needsKnownId: boolean;
    /** From v9 on: a static leader can be told that it need not assign. */
    canSkipAssignment: boolean;
  }>;

/** Protocol type and name undefined: not said, not checked. */
export type SyncInput = Asked &
  Readonly<{
    kind: "sync";
    generation: number;
    memberId: string;
    instanceId: string | undefined;
    protocolType: string | undefined;
    protocol: string | undefined;
    assignments: readonly Readonly<{ memberId: string; assignment: Uint8Array }>[];
  }>;

export type HeartbeatInput = Asked & Readonly<{ kind: "heartbeat"; generation: number; memberId: string; instanceId: string | undefined }>;

export type LeaveInput = Asked &
  Readonly<{ kind: "leave"; members: readonly Readonly<{ memberId: string; instanceId: string | undefined }>[] }>;

/** `generation` is the member epoch in the new protocol; −1 with an empty member id: a consumer that is in no group. Topics exist. */
export type CommitInput = Asked &
  Readonly<{
    kind: "commit";
    generation: number;
    memberId: string;
    instanceId: string | undefined;
    /** From v9 of the request on. */
    knowsEpochs: boolean;
    topics: readonly Readonly<{
      topicId: string;
      partitions: readonly Readonly<{ partition: number; offset: number; leaderEpoch: number; metadata: string }>[];
    }>[];
  }>;

export type DeleteOffsetsInput = Asked &
  Readonly<{ kind: "delete-offsets"; topics: readonly Readonly<{ topicId: string; partitions: readonly number[] }>[] }>;

/** undefined: unchanged since the last heartbeat. `memberEpoch` 0 joins, −1 leaves, −2 goes away for a while. */
export type ConsumerHeartbeatInput = Asked &
  Client &
  Readonly<{
    kind: "consumer-heartbeat";
    memberId: string;
    memberUuid: string;
    memberEpoch: number;
    instanceId: string | undefined;
    rackId: string | undefined;
    rebalanceTimeoutMs: number;
    topics: readonly string[] | undefined;
    /** Of topics, in the syntax of RE2; empty: none any more. */
    expression: string | undefined;
    assignor: string | undefined;
    owned: Assignment | undefined;
    /** From v1 of the request on: the member chooses its own id. */
    bringsId: boolean;
  }>;

/**
 * `timer`: a wake is due. `sweep`: from time to time, and when topics changed, for every group: offsets that expired or whose topic is gone, groups
 * of which nothing is left, assignments that no longer fit the topics. The topology must be as new as this broker's leadership.
 *
 * Byte arrays of an input are kept: they must not lie in memory that is used again.
 */
export type Input = Times &
  (
    | JoinInput
    | SyncInput
    | HeartbeatInput
    | LeaveInput
    | CommitInput
    | DeleteOffsetsInput
    | ConsumerHeartbeatInput
    | (Asked & Readonly<{ kind: "delete-group" }>)
    | Readonly<{ kind: "timer" }>
    | Readonly<{ kind: "sweep"; groupId: string }>
  );
