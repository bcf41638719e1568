import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { describeGroupsRequest, describeGroupsResponse } from "@tidemq/protocol/messages/15-describe-groups.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type DescribedGroup, describeClassic } from "../../coordinator/queries.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../authorized-operations.ts";
import { forEachGroup, forEachMember } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Classic groups: state, members, subscriptions and assignments as their protocol wrote them. A group that is not there is called dead, from
 *   v6 on with GROUP_ID_NOT_FOUND; so is one of the new protocol, which ConsumerGroupDescribe shows.
 *
 * Version notes
 * - v3 what the client may do · v4 instance ids · v5 flexible · v6 GROUP_ID_NOT_FOUND
 */

type GroupAnswer = MessageInput<typeof describeGroupsResponse>["groups"][number];

const NOT_FOUND_SINCE = 6;

export function describeGroupsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeGroupsRequest,
    response: describeGroupsResponse,
    async handle({ groups, includeAuthorizedOperations }, { version }) {
      const operations = includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
      const answers = await forEachGroup(parts, groups, (groupId) => describe(parts, groupId, version, operations));
      return { throttleTimeMs: 0, groups: answers };
    },
    refuse: ({ groups }, code, message, { version }) => ({
      throttleTimeMs: 0,
      groups: groups.map((groupId) => failed(groupId, "", code, version >= NOT_FOUND_SINCE ? message : null)),
    }),
  });
}

async function describe(parts: KafkaParts, groupId: string, version: number, authorizedOperations: number): Promise<GroupAnswer> {
  const hasText = version >= NOT_FOUND_SINCE;
  try {
    const found = await parts.groups.read(groupId, (shard) => describeClassic(shard, groupId));
    if (found !== undefined) return { ...(await described(parts, groupId, found)), authorizedOperations };
    if (!hasText) return failed(groupId, "Dead", ErrorCode.NONE, null);
    return failed(groupId, "Dead", ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  } catch (thrown) {
    const [code, text] = failureOf(parts, thrown, "DescribeGroups");
    return failed(groupId, "", code, hasText ? text : null);
  }
}

async function described(
  parts: KafkaParts,
  groupId: string,
  { state, protocolType, protocol, members }: DescribedGroup,
): Promise<GroupAnswer> {
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: state,
    protocolType,
    protocolData: protocol,
    members: await forEachMember(parts, members, ({ id, instanceId, clientId, clientHost, metadata, assignment }) => ({
      memberId: id,
      groupInstanceId: instanceId ?? null,
      clientId,
      clientHost,
      memberMetadata: metadata,
      memberAssignment: assignment,
    })),
  };
}

function failed(groupId: string, groupState: string, errorCode: number, errorMessage: string | null): GroupAnswer {
  return { errorCode, errorMessage, groupId, groupState, protocolType: "", protocolData: "", members: [] };
}
