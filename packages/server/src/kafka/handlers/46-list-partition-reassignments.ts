import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type ListPartitionReassignmentsRequest,
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from "@tidemq/protocol/messages/46-list-partition-reassignments.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { PartitionState, Reassignment } from "../../cluster/cluster-state.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - What runs, of internal topics, too; a partition or topic of which nothing runs, or that is not there, is left out.
 *
 * Version notes
 * - v0 flexible already
 */

type Answer = MessageInput<typeof listPartitionReassignmentsResponse>;
type Running = PartitionState & Readonly<{ reassignment: Reassignment }>;

export function listPartitionReassignmentsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: listPartitionReassignmentsRequest,
    response: listPartitionReassignmentsResponse,
    handle: ({ topics }) => answer(topics === null ? allRunning(parts) : namedRunning(parts, topics)),
    refuse: (_, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, topics: [] }),
  });
}

function allRunning({ state }: KafkaParts): Running[] {
  return [...state.partitions.values()].filter(isRunning);
}

function namedRunning({ state }: KafkaParts, topics: NonNullable<ListPartitionReassignmentsRequest["topics"]>): Running[] {
  const found = topics.flatMap(({ name, partitionIndexes }) => partitionIndexes.map((index) => state.partition(name, index)));
  return [...new Set(found)].filter(isRunning);
}

function isRunning(partition: PartitionState | undefined): partition is Running {
  return partition?.reassignment !== undefined;
}

function answer(running: readonly Running[]): Answer {
  const topics = new Map<string, Answer["topics"][number]["partitions"][number][]>();
  for (const partition of running) {
    const { index, replicas, reassignment } = partition;
    const partitions = topics.get(partition.topic) ?? [];
    topics.set(partition.topic, partitions);
    partitions.push({
      partitionIndex: index,
      replicas,
      addingReplicas: replicas.filter((broker) => !reassignment.before.includes(broker)),
      removingReplicas: replicas.filter((broker) => !reassignment.target.includes(broker)),
    });
  }
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
  };
}
