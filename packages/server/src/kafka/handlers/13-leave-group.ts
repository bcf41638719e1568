import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { leaveGroupRequest, leaveGroupResponse } from "@tidemq/protocol/messages/13-leave-group.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Members go at once, others rebalance. Many at a time by id or instance id: so an administrator removes them.
 *
 * Version notes
 * - v0–2 one member, whose error is the request's · v3 many, each with its own · v4 flexible · v5 reason (not heard)
 */

const MANY_SINCE = 3;

export function leaveGroupHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: leaveGroupRequest,
    response: leaveGroupResponse,
    async handle(request, { version }) {
      const isMany = version >= MANY_SINCE;
      const asked = isMany ? request.members : [{ memberId: request.memberId, groupInstanceId: null }];
      const members = asked.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId ?? undefined }));
      const answer = await parts.groups.ask({ kind: "leave", groupId: request.groupId, members });
      if (!isMany) return { throttleTimeMs: 0, errorCode: answer.error || (answer.members[0]?.error ?? ErrorCode.NONE), members: [] };
      const errors = answer.members.map(({ memberId, instanceId, error }) => ({
        memberId,
        groupInstanceId: instanceId ?? null,
        errorCode: error,
      }));
      return { throttleTimeMs: 0, errorCode: answer.error, members: errors };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, members: [] }),
  });
}
