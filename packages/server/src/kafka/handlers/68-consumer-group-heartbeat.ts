import {
  type ConsumerGroupHeartbeatRequest,
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import type { Assignment } from "../../coordinator/fold/group-state.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { randomUuid } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Joins (epoch 0), stays, leaves (−1) or goes away for a while (−2, static members) in a group whose coordinator assigns. What is null is
 *   unchanged; the answer carries an assignment when the member has to change what it reads.
 *
 * Version notes
 * - v0 flexible already, the coordinator names the member · v1 the member brings its id; subscription by regular expression
 */

const MEMBER_ID_SINCE = 1;

export function consumerGroupHeartbeatHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: consumerGroupHeartbeatRequest,
    response: consumerGroupHeartbeatResponse,
    async handle(request, { version, connection }) {
      const answer = await parts.groups.ask({
        kind: "consumer-heartbeat",
        groupId: request.groupId,
        memberId: request.memberId,
        memberUuid: randomUuid(parts.random),
        memberEpoch: request.memberEpoch,
        instanceId: request.instanceId ?? undefined,
        rackId: request.rackId ?? undefined,
        rebalanceTimeoutMs: request.rebalanceTimeoutMs,
        topics: request.subscribedTopicNames ?? undefined,
        expression: request.subscribedTopicRegex ?? undefined,
        assignor: request.serverAssignor ?? undefined,
        owned: ownedOf(request),
        clientId: connection.clientId,
        clientHost: `/${connection.remote.host}`,
        bringsId: version >= MEMBER_ID_SINCE,
      });
      return {
        throttleTimeMs: 0,
        errorCode: answer.error,
        errorMessage: answer.message ?? null,
        memberId: answer.memberId ?? null,
        memberEpoch: answer.memberEpoch,
        heartbeatIntervalMs: answer.heartbeatIntervalMs,
        assignment: answer.assignment === undefined ? null : { topicPartitions: topicPartitionsOf(answer.assignment) },
      };
    },
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage,
      memberEpoch: request.memberEpoch,
      heartbeatIntervalMs: 0,
    }),
  });
}

function ownedOf({ topicPartitions }: ConsumerGroupHeartbeatRequest): Assignment | undefined {
  return topicPartitions === null ? undefined : new Map(topicPartitions.map(({ topicId, partitions }) => [topicId, partitions]));
}

function topicPartitionsOf(assignment: Assignment) {
  return [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }));
}
