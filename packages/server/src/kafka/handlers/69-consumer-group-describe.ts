import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "@tidemq/protocol/messages/69-consumer-group-describe.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { Assignment } from "../../coordinator/fold/group-state.ts";
import { type DescribedConsumerGroup, describeConsumer } from "../../coordinator/queries.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../authorized-operations.ts";
import { forEachGroup, forEachMember } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Groups of the new protocol: epochs, members, what each has and is to have. A classic one is GROUP_ID_NOT_FOUND, as with Kafka.
 *   Topics that are gone are left out.
 *
 * Version notes
 * - v0 flexible already · v1 whether a member speaks the classic protocol
 */

type GroupAnswer = MessageInput<typeof consumerGroupDescribeResponse>["groups"][number];
type Member = GroupAnswer["members"][number];

/** As Kafka numbers them. */
const MEMBER_TYPE = { classic: 0, consumer: 1 } as const;
const MEMBER_TYPE_SINCE = 1;
const NO_MEMBER_TYPE = -1;

export function consumerGroupDescribeHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: consumerGroupDescribeRequest,
    response: consumerGroupDescribeResponse,
    async handle({ groupIds, includeAuthorizedOperations }, { version }) {
      const operations = includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
      const groups = await forEachGroup(parts, groupIds, (groupId) => describe(parts, groupId, version, operations));
      return { throttleTimeMs: 0, groups };
    },
    refuse: ({ groupIds }, code, message) => ({ throttleTimeMs: 0, groups: groupIds.map((groupId) => failed(groupId, code, message)) }),
  });
}

async function describe(parts: KafkaParts, groupId: string, version: number, authorizedOperations: number): Promise<GroupAnswer> {
  try {
    const found = await parts.groups.read(groupId, (shard) => describeConsumer(shard, groupId));
    if (found === undefined) return failed(groupId, ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`);
    const { state, epoch, targetEpoch, assignor, members } = found;
    return {
      errorCode: ErrorCode.NONE,
      groupId,
      groupState: state,
      groupEpoch: epoch,
      assignmentEpoch: targetEpoch,
      assignorName: assignor,
      members: await forEachMember(parts, members, (each) => memberOf(parts, each, version)),
      authorizedOperations,
    };
  } catch (thrown) {
    return failed(groupId, ...failureOf(parts, thrown, "ConsumerGroupDescribe"));
  }
}

function memberOf(parts: KafkaParts, { member, target }: DescribedConsumerGroup["members"][number], version: number): Member {
  const memberType = member.classic === undefined ? MEMBER_TYPE.consumer : MEMBER_TYPE.classic;
  return {
    memberId: member.id,
    instanceId: member.instanceId ?? null,
    rackId: member.rackId ?? null,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.topics],
    subscribedTopicRegex: member.expression ?? null,
    assignment: { topicPartitions: topicPartitionsOf(parts, member.assigned) },
    targetAssignment: { topicPartitions: topicPartitionsOf(parts, target) },
    memberType: version >= MEMBER_TYPE_SINCE ? memberType : NO_MEMBER_TYPE,
  };
}

function topicPartitionsOf({ state }: KafkaParts, assignment: Assignment): Member["assignment"]["topicPartitions"] {
  return [...assignment].flatMap(([topicId, partitions]) => {
    const topicName = state.topicById(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: [...partitions] }];
  });
}

function failed(groupId: string, errorCode: number, errorMessage: string): GroupAnswer {
  return { errorCode, errorMessage, groupId, groupState: "", groupEpoch: 0, assignmentEpoch: 0, assignorName: "", members: [] };
}
