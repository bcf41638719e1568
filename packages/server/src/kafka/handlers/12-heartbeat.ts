import { heartbeatRequest, heartbeatResponse } from "@tidemq/protocol/messages/12-heartbeat.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Keeps the member's session; REBALANCE_IN_PROGRESS tells it to join again.
 *
 * Version notes
 * - v3 instance id · v4 flexible
 */

export function heartbeatHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: heartbeatRequest,
    response: heartbeatResponse,
    async handle({ groupId, generationId, memberId, groupInstanceId }) {
      const instanceId = groupInstanceId ?? undefined;
      const { error } = await parts.groups.ask({ kind: "heartbeat", groupId, generation: generationId, memberId, instanceId });
      return { throttleTimeMs: 0, errorCode: error };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }),
  });
}
