import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { syncGroupRequest, syncGroupResponse } from "@tidemq/protocol/messages/14-sync-group.ts";
import { nextTurn } from "../../io/clock.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { ASSIGNMENTS_PER_TURN } from "../limits.ts";

/*
 * Behaviour
 * - The leader brings everybody's assignment; each member gets its own, as soon as that is durable.
 *
 * Version notes
 * - v3 instance id · v4 flexible · v5 protocol type and name, which have to be there and the group's: INCONSISTENT_GROUP_PROTOCOL
 */

const NAMES_SINCE = 5;

export function syncGroupHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: syncGroupRequest,
    response: syncGroupResponse,
    async handle(request, { version }) {
      const isNamed = request.protocolType !== null && request.protocolName !== null;
      if (version >= NAMES_SINCE && !isNamed) return refusal(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
      // The bytes are the connection's, which uses them again.
      const assignments = request.assignments.map((each) => ({ memberId: each.memberId, assignment: Uint8Array.from(each.assignment) }));
      // To read what a leader brings is enough for one task; to take it is another.
      if (assignments.length > ASSIGNMENTS_PER_TURN) await nextTurn(parts.clock);
      const { error, protocolType, protocol, assignment } = await parts.groups.ask({
        kind: "sync",
        groupId: request.groupId,
        generation: request.generationId,
        memberId: request.memberId,
        instanceId: request.groupInstanceId ?? undefined,
        protocolType: request.protocolType ?? undefined,
        protocol: request.protocolName ?? undefined,
        assignments,
      });
      return { throttleTimeMs: 0, errorCode: error, protocolType: protocolType ?? null, protocolName: protocol ?? null, assignment };
    },
    refuse: (_request, errorCode) => refusal(errorCode),
  });
}

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, assignment: new Uint8Array(0) };
}
