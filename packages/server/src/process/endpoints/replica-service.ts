import { QueueError } from "../../base/errors.ts";
import { TOPIC_PARTITIONS_MAX } from "../../cluster/limits.ts";
import type { PeerMessage, PeerServices } from "../../io/peer-transport.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import type { Peer } from "../../peer-net/peer.ts";
import { type FollowerState, ReplicasAnswer, ReplicasRequest } from "../../peer-net/proto/broker/replication.ts";
import type { FollowerLag } from "../../replication/follower-lag.ts";
import type { ReplicaSource } from "./replica-view.ts";

/** Path of the call (proto/broker/replication.proto), which brokers serve to brokers. */
export const READ_REPLICAS_PATH = "/tidemq.broker.v1.Replication/ReadReplicas";

/** How long a leader has to answer. A person waits for it. */
export const REPLICAS_WAIT_MS = 1_000;

/** A partition as its leader has it. */
export type LedReplicas = Readonly<{
  partitionId: number;
  leaderEpoch: number;
  logEnd: number;
  highWatermark: number;
  /** In the order of its replicas. */
  followers: readonly FollowerLag[];
}>;

/** Of these partitions: those that are led here. */
export function ledReplicas(
  { partitions, replicator }: Pick<ReplicaSource, "partitions" | "replicator">,
  ids: readonly number[],
): readonly LedReplicas[] {
  const led = ids.map((id) => partitions.byId(id)).filter((partition) => partition !== undefined);
  return led.map(({ identity, leaderEpoch, logEnd, highWatermark }) => ({
    partitionId: identity.id,
    leaderEpoch,
    logEnd,
    highWatermark,
    followers: replicator?.lagOf(identity.id) ?? [],
  }));
}

/** What a broker tells the others of what it leads. */
export function replicaService(source: Pick<ReplicaSource, "partitions" | "replicator">): PeerServices {
  const answer = (bytes: Uint8Array): Promise<PeerMessage> => Promise.try(() => answerTo(source, bytes));
  return { calls: new Map([[READ_REPLICAS_PATH, answer]]), streams: new Map() };
}

function answerTo(source: Pick<ReplicaSource, "partitions" | "replicator">, bytes: Uint8Array): PeerMessage {
  const { partitionIds } = decodeMessage(ReplicasRequest, bytes);
  if (partitionIds.length > TOPIC_PARTITIONS_MAX) throw new QueueError("INVALID_REQUEST", `more than ${TOPIC_PARTITIONS_MAX} partitions`);
  const partitions = ledReplicas(source, partitionIds).map((led) => ({ ...led, followers: led.followers.map(stateOf) }));
  return encodeMessage(ReplicasAnswer, { partitions });
}

function stateOf({ broker: brokerId, inSync, records, bytes, ms }: FollowerLag): FollowerState {
  return { brokerId, inSync, records, bytes, ms };
}

/** Asks the leader of these partitions. @throws {PeerError} {QueueError} MALFORMED_FRAME */
export async function askReplicas(peer: Pick<Peer, "call">, ids: readonly number[]): Promise<readonly LedReplicas[]> {
  const bytes = await peer.call(READ_REPLICAS_PATH, encodeMessage(ReplicasRequest, { partitionIds: ids }), REPLICAS_WAIT_MS);
  const { partitions } = decodeMessage(ReplicasAnswer, bytes);
  return partitions.map((led) => ({ ...led, followers: led.followers.map(lagOf) }));
}

function lagOf({ brokerId: broker, inSync, records, bytes, ms }: FollowerState): FollowerLag {
  return { broker, inSync, records, bytes, ms };
}
