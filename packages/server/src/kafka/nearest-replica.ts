import type { ClientConnection } from "../client-net/client-connection.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { Partition } from "../partition/partition.ts";
import type { KafkaParts } from "./kafka-parts.ts";

/** A client of this version can be sent to a follower, and can be answered by one. */
export const FETCH_FROM_FOLLOWERS_SINCE = 11;

/**
 * The follower that the client should read from instead of this leader: ready, in sync, in the client's rack, which is not the leader's, and
 * known to have what is asked for; of several the one that has most. Undefined: there is none (KIP-392).
 */
export function nearestFollower(
  { options, state }: KafkaParts,
  connection: ClientConnection,
  partition: Partition,
  offset: number,
  rack: string,
): number | undefined {
  if (!options.fetchFromFollowers || state.brokers.get(options.brokerId)?.rack === rack) return undefined;
  let nearest: number | undefined;
  let furthest = offset - 1;
  for (const broker of state.partitions.get(partition.identity.id)?.inSync ?? []) {
    const end = broker === options.brokerId ? undefined : partition.followerEnd(broker);
    const known = state.brokers.get(broker);
    if (end === undefined || end <= furthest || known?.rack !== rack || known.fenced) continue;
    if (!known.listeners.some(({ name }) => name === connection.listenerName)) continue;
    nearest = broker;
    furthest = end;
  }
  return nearest;
}

/**
 * The partition as it follows its leader here, when this broker is in sync: then its log has all that it knows to be committed, whatever
 * becomes of it. Undefined: it is not here, or not fit to be read.
 */
export function followedHere({ options, partitions }: KafkaParts, { id, inSync }: PartitionState): Partition | undefined {
  return inSync.includes(options.brokerId) ? partitions.followed(id) : undefined;
}
