/** Topic id → partitions, ascending; no topic without partitions. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** A place in a partition; below 0, as with Kafka, what its client understands by that. `metadata` is the consumer's own; `committedAtMs` is wall time. */
export type CommittedOffset = Readonly<{ offset: number; leaderEpoch: number; metadata: string; committedAtMs: number }>;

/** A way to assign that a classic member offers, and what it says under that name. The broker does not look inside. */
export type ClassicProtocol = Readonly<{ name: string; metadata: Uint8Array }>;

/** Who a member is, in both protocols. `instanceId`: it is a static member. */
export type MemberIdentity = Readonly<{ id: string; instanceId: string | undefined; clientId: string; clientHost: string }>;

/** A member of a classic group as its last complete generation knows it. */
export type ClassicMember = MemberIdentity &
  Readonly<{
    sessionTimeoutMs: number;
    rebalanceTimeoutMs: number;
    protocols: readonly ClassicProtocol[];
    assignment: Uint8Array;
  }>;

/** A group whose members assign among themselves; with an empty protocol type, only offsets of consumers that are in no group. */
export type ClassicMembership = Readonly<{
  kind: "classic";
  protocolType: string;
  generation: number;
  /** The one that was chosen; undefined without members. */
  protocol: string | undefined;
  leader: string | undefined;
  /** In the order in which they came. */
  members: ReadonlyMap<string, ClassicMember>;
  /** Wall time since when it has no members; −1 while it has, or never had any. */
  emptySinceMs: number;
}>;

/** Member epoch of a static member that went away and may come back. */
export const EPOCH_AWAY = -2;

/** A member of a group whose coordinator assigns. */
export type ConsumerMember = MemberIdentity &
  Readonly<{
    rackId: string | undefined;
    rebalanceTimeoutMs: number;
    /** Names, ascending. */
    topics: readonly string[];
    /** It also wants the topics whose whole names this matches, in the syntax of RE2. */
    expression: string | undefined;
    assignor: string | undefined;
    /** The assignment that it has reached; −2: away. */
    epoch: number;
    previousEpoch: number;
    /** What it may read. */
    assigned: Assignment;
    /** What it was told to give up and may still hold: nobody else gets it. */
    revoking: Assignment;
    /** It speaks the classic protocol in a group that was converted. */
    classic: Readonly<{ sessionTimeoutMs: number; protocols: readonly ClassicProtocol[] }> | undefined;
  }>;

/** A group whose coordinator assigns. */
export type ConsumerMembership = {
  readonly kind: "consumer";
  /** +1 whenever what the assignment depends on changes. */
  epoch: number;
  /** Wall time since when it has no members; −1 while it has. */
  emptySinceMs: number;
  /** Which group epoch `targets` were computed for, and by whom. */
  targetEpoch: number;
  assignor: string;
  /** Of the subscribed topics and their partitions, as they were then. */
  topologyHash: string;
  readonly members: Map<string, ConsumerMember>;
  /** What is aimed at; nobody with nothing is in it. */
  readonly targets: Map<string, Assignment>;
  /** Derived: topic id → partition → who has it assigned or is giving it up. */
  readonly owners: Map<string, Map<number, string>>;
  /** Derived: instance id → member id. */
  readonly instances: Map<string, string>;
  /** Derived: expression → how many members subscribe to it. */
  readonly expressions: Map<string, number>;
};

/** What is durable of one group. Changed only by entries. */
export type GroupState = {
  readonly id: string;
  membership: ClassicMembership | ConsumerMembership;
  /** Topic id → partition → offset. */
  readonly offsets: Map<string, Map<number, CommittedOffset>>;
  /** About what it takes in a fold's bytes. */
  membershipBytes: number;
  offsetBytes: number;
};

/** What a group is that has only offsets. */
export const NO_MEMBERSHIP: ClassicMembership = {
  kind: "classic",
  protocolType: "",
  generation: 0,
  protocol: undefined,
  leader: undefined,
  members: new Map(),
  emptySinceMs: -1,
};

export const NO_ASSIGNMENT: Assignment = new Map();
