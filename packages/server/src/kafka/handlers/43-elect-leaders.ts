import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type ElectLeadersRequest, electLeadersRequest, electLeadersResponse } from "@tidemq/protocol/messages/43-elect-leaders.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import { NO_LEADER, type PartitionState } from "../../cluster/cluster-state.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { changePartitions, type NamedPartitions, partitionNamed } from "../partition-changes.ts";

/*
 * Behaviour
 * - Preferred (0): the first replica leads again, if it is in sync and its broker is ready. Null partitions: all that it does not lead; those
 *   that need no election are left out then, and ELECTION_NOT_NEEDED when they are named.
 * - Unclean (1): nobody leads who may lack what was acknowledged; the answer says what brings the partition back, and what gives that up.
 *
 * Version notes
 * - v0 knows preferred only, and has no error of the whole · v2 flexible
 */

const PREFERRED = 0;
const UNCLEAN = 1;

export function electLeadersHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: electLeadersRequest,
    response: electLeadersResponse,
    handle: (request) => elect(parts, request),
    refuse: (request, code, message, { version }) => ({
      throttleTimeMs: 0,
      ...(version === 0 ? {} : { errorCode: code }),
      replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode: code, errorMessage: message })),
      })),
    }),
  });
}

async function elect(
  parts: KafkaParts,
  { electionType, topicPartitions }: ElectLeadersRequest,
): Promise<MessageInput<typeof electLeadersResponse>> {
  if (electionType !== PREFERRED && electionType !== UNCLEAN)
    throw new QueueError("INVALID_REQUEST", `no such kind of election: ${electionType}`);
  const isNeeded = electionType === PREFERRED ? lacksPreferred : lacksLeader;
  const topics = topicPartitions?.map(({ topic, partitions }) => ({ name: topic, partitions })) ?? all(parts, isNeeded);
  const elected = await changePartitions(parts, topics, "ElectLeaders", async (topic, index) => {
    const partition = partitionNamed(parts, topic, index);
    if (electionType === PREFERRED) await parts.controller.electPreferred(partition.id);
    else refuseUnclean(partition);
  });
  const replicaElectionResults = elected.map(({ name, outcomes }) => ({
    topic: name,
    partitionResult: outcomes
      .filter(({ errorCode }) => topicPartitions !== null || errorCode !== ErrorCode.ELECTION_NOT_NEEDED)
      .map(({ partition, ...outcome }) => ({ partitionId: partition, ...outcome })),
  }));
  return { throttleTimeMs: 0, replicaElectionResults: replicaElectionResults.filter(({ partitionResult }) => partitionResult.length > 0) };
}

function all({ state }: KafkaParts, isNeeded: (partition: PartitionState) => boolean): NamedPartitions<number>[] {
  const byTopic = new Map<string, number[]>();
  for (const partition of state.partitions.values()) {
    if (!isNeeded(partition)) continue;
    const indexes = byTopic.get(partition.topic) ?? [];
    byTopic.set(partition.topic, indexes);
    indexes.push(partition.index);
  }
  return [...byTopic].map(([name, partitions]) => ({ name, partitions }));
}

function lacksPreferred({ leader, replicas }: PartitionState): boolean {
  return leader !== replicas[0];
}

function lacksLeader({ leader }: PartitionState): boolean {
  return leader === NO_LEADER;
}

/** @throws {QueueError} ELECTION_NOT_NEEDED, ELIGIBLE_LEADERS_NOT_AVAILABLE */
function refuseUnclean(partition: PartitionState): never {
  const { topic, index, inSync, lastInSync } = partition;
  if (!lacksLeader(partition)) throw new QueueError("ELECTION_NOT_NEEDED", `broker ${partition.leader} leads ${topic}-${index}`);
  if (inSync.length > 0)
    throw new QueueError(
      "ELIGIBLE_LEADERS_NOT_AVAILABLE",
      `what was acknowledged is on broker ${inSync.join(" and ")}: it leads when it is back`,
    );
  throw new QueueError(
    "ELIGIBLE_LEADERS_NOT_AVAILABLE",
    `broker ${lastInSync?.broker ?? "?"} was in sync last, and has lost its log: bring that back, or give up what it held with ` +
      `\`tidemq partition recover ${topic}:${index} --accept-loss\``,
  );
}
