import type { ErrorCode } from "../base/errors.ts";
import type { BrokerListener } from "../model/broker-listener.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";

/** Makes `holder` the controller; accepted iff `controllerEpoch` is the state's + 1. Everything older is ignored from then on. */
export type ClaimController = Readonly<{ kind: "claim-controller"; holder: string; controllerEpoch: number }>;

/**
 * A process of a broker begins: a new broker epoch, and it leads nothing. The same incarnation again gets the same answer.
 * `walId`: of its write-ahead log. Another one than before, or an older copy of it: what the broker held is lost, and it leaves
 * every in-sync set; where it was the last member, the partition has no leader until that log is back or a person accepts the
 * loss. Before it leads, the log names, durably, the index of this command.
 */
export type RegisterBroker = Readonly<{
  kind: "register-broker";
  broker: number;
  incarnation: string;
  host: string;
  rack: string;
  /** Empty: from software that did not say so yet. */
  walId: string;
  /** Newest metadata index that the log names; −1: from software that did not say so yet. */
  walIndex: number;
  /** The log has lost something, and may have named a later index. */
  walDamaged: boolean;
  /** Where others reach it, each name once; empty on one node, whose clients reached it already. */
  listeners: readonly BrokerListener[];
}>;

/** A process of a broker, as it registers. */
export type BrokerIdentity = Readonly<{ id: number }> & Omit<RegisterBroker, "kind" | "broker">;

/** The broker is ready: it is fenced no more, and takes over, in a new leader epoch each, the partitions without a leader in whose in-sync set it is. */
export type ElectLeaders = Readonly<{ kind: "elect-leaders"; broker: number; brokerEpoch: number }>;

/**
 * Nobody has heard of this process of the broker for a session. It leads nothing from now on, and leaves every in-sync set that
 * stays at its minimum without it; elsewhere it remains a member, since only members have what was committed.
 */
export type FenceBroker = Readonly<{ kind: "fence-broker"; broker: number; brokerEpoch: number }>;

/** A broker in the epoch in which it registered. */
export type BrokerLife = Readonly<{ broker: number; brokerEpoch: number }>;

/**
 * The leader's wish for its in-sync set: accepted in its leader epoch and in the partition epoch that it knew, when it stays a member itself,
 * each new member is a replica that is ready in the epoch named, and the set stays at its minimum. What was accepted is accepted
 * when asked again. A wish for the set as it is makes every earlier one void.
 */
export type ChangeInSync = Readonly<{
  kind: "change-in-sync";
  partitionId: number;
  leaderEpoch: number;
  broker: number;
  brokerEpoch: number;
  partitionEpoch: number;
  to: readonly BrokerLife[];
}>;

/**
 * Of these partitions the broker's log has lost something that was durable: it leaves their in-sync sets, whatever is left of them, but not
 * one in which it is alone. Nobody has more than it there, and what is lost is a hole.
 */
export type ReportDamage = Readonly<{ kind: "report-damage"; broker: number; brokerEpoch: number; partitionIds: readonly number[] }>;

/** The member `leader` takes over, in a new leader epoch. `leaderEpoch`: the one that this was planned in. Where it leads already, nothing changes. */
export type ElectLeader = Readonly<{ kind: "elect-leader"; partitionId: number; leaderEpoch: number; leader: number }>;

/**
 * The partition is to have these replicas, the preferred leader first: they are added, and when all of them are in sync the others go, in the
 * same apply. Another wish replaces the one that runs; undefined cancels it.
 */
export type ReassignPartition = Readonly<{ kind: "reassign-partition"; partitionId: number; replicas: readonly number[] | undefined }>;

/** `assignments`: replicas per partition, validated by the planner; leader = the first that is registered and not fenced. */
export type CreateTopic = Readonly<{
  kind: "create-topic";
  topicId: string;
  name: string;
  configs: ReadonlyMap<string, string>;
  assignments: readonly (readonly number[])[];
}>;

export type DeleteTopic = Readonly<{ kind: "delete-topic"; topicId: string }>;

/** `partitionsBefore`: the number of partitions that the plan was made for. */
export type CreatePartitions = Readonly<{
  kind: "create-partitions";
  topicId: string;
  partitionsBefore: number;
  assignments: readonly (readonly number[])[];
}>;

/** One option's new text, or undefined to unset it. */
export type ConfigChange = Readonly<{ name: string; value: string | undefined }>;

/** `versionBefore`: of the options that the changes were computed from; else refused, and computed again. */
export type SetTopicConfigs = Readonly<{
  kind: "set-topic-configs";
  topicId: string;
  versionBefore: number;
  changes: readonly ConfigChange[];
}>;

/** `broker` may be `ALL_BROKERS`. */
export type SetBrokerConfigs = Readonly<{
  kind: "set-broker-configs";
  broker: number;
  versionBefore: number;
  changes: readonly ConfigChange[];
}>;

/**
 * Options of a subscription to metrics of clients. `versionBefore` as above, 0 for one that does not exist; without options it
 * is gone.
 */
export type SetClientMetrics = Readonly<{
  kind: "set-client-metrics";
  name: string;
  versionBefore: number;
  changes: readonly ConfigChange[];
}>;

/** A block of producer ids that nobody else gets. */
export type AllocateProducerIds = Readonly<{ kind: "allocate-producer-ids"; broker: number; brokerEpoch: number; count: number }>;

/**
 * Uploaded ranges, judged one by one in their order: accepted iff the range starts at uploadedEnd, `broker` leads in the
 * range's leader epoch, and the object's id may still commit. Ranges of kind hole and gap have no object.
 */
export type CommitObject = Readonly<{ kind: "commit-object"; broker: number; brokerEpoch: number; ranges: readonly ObjectRange[] }>;

/** Replaces the oldest ranges and the previous manifest by a manifest object that holds both. */
export type CommitManifest = Readonly<{
  kind: "commit-manifest";
  broker: number;
  brokerEpoch: number;
  leaderEpoch: number;
  /** The manifest whose history the new one continues. */
  previous: ObjectId | undefined;
  pointer: ManifestPointer;
}>;

/**
 * `batchOffset`: first offset of the batch that holds `logStart`; uploadedEnd becomes it when logStart is above uploadedEnd.
 * Below uploadedEnd it is not looked at.
 */
export type RaiseLogStart = Readonly<{
  kind: "raise-log-start";
  partitionId: number;
  leaderEpoch: number;
  logStart: number;
  batchOffset: number;
}>;

/** Object ids of `broker` below (brokerEpoch, sequence) commit no more: what is not in the index then never will be. */
export type RaiseCommitBound = Readonly<{ kind: "raise-commit-bound"; broker: number; brokerEpoch: number; sequence: number }>;

/** A person accepts that [from, to) is lost: holes there become gaps. */
export type AcceptLoss = Readonly<{ kind: "accept-loss"; partitionId: number; from: number; to: number }>;

/**
 * A person accepts that whatever the lost logs of a partition without any in-sync member held is gone: `broker` alone is in
 * sync and leads, in a new leader epoch, a log that begins at uploadedEnd.
 */
export type AcceptLogLoss = Readonly<{ kind: "accept-log-loss"; partitionId: number; broker: number; brokerEpoch: number }>;

export type Command =
  | ClaimController
  | RegisterBroker
  | ElectLeaders
  | FenceBroker
  | ChangeInSync
  | ReportDamage
  | ElectLeader
  | ReassignPartition
  | CreateTopic
  | DeleteTopic
  | CreatePartitions
  | SetTopicConfigs
  | SetBrokerConfigs
  | SetClientMetrics
  | AllocateProducerIds
  | CommitObject
  | CommitManifest
  | RaiseLogStart
  | RaiseCommitBound
  | AcceptLoss
  | AcceptLogLoss;

export type CommandKind = Command["kind"];

/** A command as it stands in the log: of the controller in this epoch. For a claim it is the epoch claimed. */
export type LoggedCommand = Readonly<{ controllerEpoch: number; command: Command }>;

/**
 * Why a range was not taken. `full`: its partition has 32 unmerged ranges, commit a manifest and ask again. `not-kept`: it is not
 * judged in this state, of a broker that does not serve the partition.
 */
export type RangeRefusal = "unknown-partition" | "not-kept" | "not-leader" | "start" | "bound" | "full";

/** `uploadedEnd`: of the partition after the judgement (-1 when unknown). */
export type RangeVerdict = Readonly<{ accepted: boolean; refusal: RangeRefusal | undefined; uploadedEnd: number }>;

/** What each command answers when it is not refused as a whole. */
export type Answers = {
  "claim-controller": Readonly<{ controllerEpoch: number }>;
  /** `offline`: partitions that have no in-sync member any more because of this. */
  "register-broker": Readonly<{ brokerEpoch: number; offline: number }>;
  "elect-leaders": Readonly<{ partitions: number }>;
  /** `partitions`: that have another leader now, or none. */
  "fence-broker": Readonly<{ partitions: number }>;
  /** The set as it is now: where a reassignment was completed by this, its target. */
  "change-in-sync": Readonly<{ inSync: readonly number[] }>;
  /** `partitions`: whose in-sync sets the broker left. */
  "report-damage": Readonly<{ partitions: number }>;
  "elect-leader": Readonly<{ leaderEpoch: number }>;
  /** As they are now, those that will go included. */
  "reassign-partition": Readonly<{ replicas: readonly number[] }>;
  "create-topic": Readonly<{ topicId: string; partitionIds: readonly number[] }>;
  "delete-topic": Readonly<{ partitionIds: readonly number[] }>;
  "create-partitions": Readonly<{ partitionIds: readonly number[] }>;
  "set-topic-configs": Readonly<{ configVersion: number }>;
  "set-broker-configs": Readonly<{ configVersion: number }>;
  "set-client-metrics": Readonly<{ configVersion: number }>;
  /** Ids [first, first + count). */
  "allocate-producer-ids": Readonly<{ first: number; count: number }>;
  /** One verdict a range, in the order of the command. */
  "commit-object": Readonly<{ verdicts: readonly RangeVerdict[] }>;
  "commit-manifest": Readonly<{ ranges: number }>;
  "raise-log-start": Readonly<{ logStart: number; uploadedEnd: number }>;
  "raise-commit-bound": Readonly<{ brokerEpoch: number; sequence: number }>;
  "accept-loss": Readonly<{ spans: number }>;
  "accept-log-loss": Readonly<{ leaderEpoch: number; uploadedEnd: number }>;
};

/**
 * `changed`: what the plan was based on is no longer so; plan again. `stale-controller`, `stale-broker`: the sender's epoch
 * is over, somebody has taken its place.
 */
export type Refusal = Readonly<{ refused: ErrorCode | "changed" | "stale-controller" | "stale-broker"; message: string }>;

export type Outcome<K extends CommandKind = CommandKind> = { [P in K]: Answers[P] }[K] | Refusal;

export function isRefusal(outcome: Outcome): outcome is Refusal {
  return "refused" in outcome;
}

export function refuse(refused: Refusal["refused"], message: string): Refusal {
  return { refused, message };
}
