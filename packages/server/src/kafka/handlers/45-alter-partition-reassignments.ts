import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type AlterPartitionReassignmentsRequest,
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/45-alter-partition-reassignments.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { changePartitions, partitionNamed } from "../partition-changes.ts";

/*
 * Behaviour
 * - Each partition by itself. Answered when the change has begun: the new replicas are added, catch up and join the in-sync set, then the
 *   old ones go. ListPartitionReassignments tells what still runs.
 * - Null replicas cancel what runs; NO_REASSIGNMENT_IN_PROGRESS when nothing does. Other replicas than those that it runs to replace it.
 * - Internal topics have replicas that are moved, too: they are reached by their names, of which Metadata says nothing.
 *
 * Version notes
 * - v0 flexible already · v1 can forbid that the number of replicas changes (INVALID_REPLICATION_FACTOR)
 */

type Answer = MessageInput<typeof alterPartitionReassignmentsResponse>;

export function alterPartitionReassignmentsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: alterPartitionReassignmentsRequest,
    response: alterPartitionReassignmentsResponse,
    handle: (request) => reassign(parts, request),
    refuse: ({ allowReplicationFactorChange, topics }, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      allowReplicationFactorChange,
      errorCode,
      errorMessage,
      responses: topics.map(({ name }) => ({ name, partitions: [] })),
    }),
  });
}

async function reassign(parts: KafkaParts, request: AlterPartitionReassignmentsRequest): Promise<Answer> {
  const { topics, allowReplicationFactorChange } = request;
  const changed = await changePartitions(parts, topics, "AlterPartitionReassignments", async (topic, { partitionIndex, replicas }) => {
    const { id } = partitionNamed(parts, topic, partitionIndex);
    await parts.controller.reassign(id, replicas ?? undefined, allowReplicationFactorChange);
  });
  const responses = changed.map(({ name, outcomes }) => ({
    name,
    partitions: outcomes.map(({ partition, ...outcome }) => ({ partitionIndex: partition.partitionIndex, ...outcome })),
  }));
  return { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: ErrorCode.NONE, errorMessage: null, responses };
}
