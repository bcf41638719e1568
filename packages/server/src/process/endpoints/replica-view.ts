import { QueueError } from "../../base/errors.ts";
import { NO_LEADER, type PartitionState } from "../../cluster/cluster-state.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { Peer } from "../../peer-net/peer.ts";
import type { FollowerLag } from "../../replication/follower-lag.ts";
import type { Replicator } from "../../replication/replicator.ts";
import type { Broker } from "../broker/broker.ts";
import { askReplicas, type LedReplicas, ledReplicas } from "./replica-service.ts";

/** Of the broker, what this needs. */
export type ReplicaSource = Pick<Broker, "controller" | "nodeId" | "partitions"> &
  Readonly<{
    /** Undefined on one node. */
    replicator: Readonly<{ lagOf: Replicator["lagOf"]; peer(broker: number): Pick<Peer, "call"> | undefined }> | undefined;
  }>;

/** A partition as the metadata here has it, and as its leader answers; null: it has not answered, and `problem` says why. */
export type ReplicaView = Readonly<{
  partition: number;
  leader: number | null;
  leaderEpoch: number;
  replicas: readonly number[];
  inSync: readonly number[];
  logEnd: number | null;
  highWatermark: number | null;
  /** In the order of its replicas; what its leader has not heard of one in this leader epoch is left out. */
  followers: readonly FollowerLag[] | null;
  problem: string | null;
}>;

/** What `GET /replicas/TOPIC` answers. */
export type TopicReplicas = Readonly<{ clusterId: string; topic: string; partitions: readonly ReplicaView[] }>;

type Answers = ReadonlyMap<number, LedReplicas>;

/**
 * All partitions of a topic, internal or not. Each leader is asked for its own, all at the same time: who does not answer soon is not waited for.
 * Undefined: there is no such topic.
 */
export async function viewReplicas(source: ReplicaSource, topic: string): Promise<TopicReplicas | undefined> {
  const { state } = source.controller;
  const ids = (state.topicsByName.get(topic) ?? state.internalTopics.get(topic))?.partitions;
  if (ids === undefined) return undefined;
  const partitions = ids.flatMap((id) => state.partitions.get(id) ?? []);
  const byLeader = Map.groupBy(partitions, ({ leader }) => leader);
  const views = await Promise.all([...byLeader].map(([leader, led]) => viewLed(source, leader, led)));
  return { clusterId: state.clusterId, topic, partitions: views.flat().sort((a, b) => a.partition - b.partition) };
}

async function viewLed(source: ReplicaSource, leader: number, led: readonly PartitionState[]): Promise<ReplicaView[]> {
  // As they are now: the state goes on while the leader is asked.
  const views = led.map(({ id, index, leaderEpoch, replicas, inSync }) => {
    return { id, view: { partition: index, leader: leader === NO_LEADER ? null : leader, leaderEpoch, replicas, inSync } };
  });
  const answers = await answersOf(
    source,
    leader,
    led.map(({ id }) => id),
  );
  return views.map(({ id, view }) => ({ ...view, ...answered(answers, id) }));
}

/** What the leader says; or why it says nothing. */
async function answersOf(source: ReplicaSource, leader: number, ids: readonly number[]): Promise<Answers | string> {
  if (leader === NO_LEADER) return "nobody leads it";
  if (leader === source.nodeId) return byId(ledReplicas(source, ids));
  const peer = source.replicator?.peer(leader);
  if (peer === undefined) return `nobody knows where broker ${leader} is`;
  try {
    return byId(await askReplicas(peer, ids));
  } catch (error) {
    if (!(error instanceof PeerError || error instanceof QueueError)) throw error;
    return `broker ${leader} does not answer: ${error.message}`;
  }
}

function byId(led: readonly LedReplicas[]): Answers {
  return new Map(led.map((each) => [each.partitionId, each]));
}

function answered(answers: Answers | string, id: number): Pick<ReplicaView, "logEnd" | "highWatermark" | "followers" | "problem"> {
  const answer = typeof answers === "string" ? undefined : answers.get(id);
  if (answer !== undefined) {
    const { logEnd, highWatermark, followers } = answer;
    return { logEnd, highWatermark, followers, problem: null };
  }
  const problem = typeof answers === "string" ? answers : "it is led elsewhere by now, or is not open yet";
  return { logEnd: null, highWatermark: null, followers: null, problem };
}
