/**
 * What `apply` changed, for those who act on it (host a partition, free a WAL file, close a fetch). Plain data: who
 * needs more looks it up in the state, which is already past the change.
 */
export type Effect =
  | Readonly<{ kind: "controller-changed"; holder: string; controllerEpoch: number }>
  | Readonly<{ kind: "broker-registered"; broker: number; brokerEpoch: number }>
  | Readonly<{ kind: "broker-fenced"; broker: number; brokerEpoch: number }>
  | Readonly<{ kind: "broker-unfenced"; broker: number; brokerEpoch: number }>
  | Readonly<{ kind: "topic-created"; topicId: string; name: string }>
  | Readonly<{ kind: "topic-deleted"; topicId: string; name: string; partitionIds: readonly number[] }>
  | Readonly<{ kind: "partition-created"; partitionId: number }>
  | Readonly<{ kind: "leader-changed"; partitionId: number; leader: number; leaderEpoch: number }>
  | Readonly<{ kind: "in-sync-changed"; partitionId: number; inSync: readonly number[] }>
  /** This broker has lost something that it had of the partition, as a member of the set or not. */
  | Readonly<{ kind: "replica-damaged"; partitionId: number; broker: number }>
  | Readonly<{ kind: "replicas-changed"; partitionId: number; replicas: readonly number[] }>
  /** This broker, which has become a replica, knows the partition's object index from now on. In no batch: told when it comes. */
  | Readonly<{ kind: "index-kept"; partitionId: number }>
  | Readonly<{ kind: "uploaded-end-moved"; partitionId: number; uploadedEnd: number }>
  | Readonly<{ kind: "log-start-raised"; partitionId: number; logStart: number }>
  | Readonly<{ kind: "loss-accepted"; partitionId: number; from: number; to: number }>
  | Readonly<{ kind: "topic-configs-changed"; topicId: string }>
  | Readonly<{ kind: "broker-configs-changed"; broker: number }>
  | Readonly<{ kind: "client-metrics-changed"; name: string }>;
