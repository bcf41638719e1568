import type { FollowerLag } from "../../replication/follower-lag.ts";
import type { Broker } from "../broker/broker.ts";

/** One partition that this broker leads. `followers`: in the order of its replicas; what it has not heard of one in this leader epoch is left out. */
export type LedReplicas = Readonly<{
  partition: number;
  leaderEpoch: number;
  logEnd: number;
  highWatermark: number;
  followers: readonly FollowerLag[];
}>;

/** Of the broker, what this needs. */
export type ReplicaSource = Pick<Broker, "controller" | "partitions" | "replicator">;

/** What `GET /replicas/TOPIC` answers: the partitions of the topic that are led here. Undefined: there is no such topic. */
export function replicasOf(
  { controller: { state }, partitions, replicator }: ReplicaSource,
  name: string,
): readonly LedReplicas[] | undefined {
  const topic = state.topicsByName.get(name);
  if (topic === undefined) return undefined;
  const led = topic.partitions.map((id) => partitions.byId(id)).filter((partition) => partition !== undefined);
  return led.map(({ identity, leaderEpoch, logEnd, highWatermark }) => ({
    partition: identity.index,
    leaderEpoch,
    logEnd,
    highWatermark,
    followers: replicator?.lagOf(identity.id) ?? [],
  }));
}
