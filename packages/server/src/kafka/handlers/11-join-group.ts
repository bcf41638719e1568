import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { joinGroupRequest, joinGroupResponse } from "@tidemq/protocol/messages/11-join-group.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { randomUuid } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Answered when the generation is complete: all members have joined, or the slowest had its rebalance timeout. The first members of an
 *   empty group wait 3 s for others. The leader alone gets the list of members.
 * - A dynamic member without an id is told one and comes again (v4), so that retries do not fill the group.
 *
 * Version notes
 * - v0 the session timeout is the rebalance timeout · v4 MEMBER_ID_REQUIRED · v5 instance id · v6 flexible · v7 protocol type
 *   · v8 reason (not heard) · v9 a static leader that comes back need not assign
 */

const REBALANCE_TIMEOUT_SINCE = 1;
const MEMBER_ID_REQUIRED_SINCE = 4;
const NULL_PROTOCOL_SINCE = 7;
const SKIP_ASSIGNMENT_SINCE = 9;

export function joinGroupHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: joinGroupRequest,
    response: joinGroupResponse,
    async handle(request, { version, connection }) {
      const { sessionTimeoutMs } = request;
      const answer = await parts.groups.ask({
        kind: "join",
        groupId: request.groupId,
        memberId: request.memberId,
        memberUuid: randomUuid(parts.random),
        instanceId: request.groupInstanceId ?? undefined,
        clientId: connection.clientId,
        clientHost: `/${connection.remote.host}`,
        protocolType: request.protocolType,
        // The bytes are the connection's, which uses them again.
        protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Uint8Array.from(metadata) })),
        sessionTimeoutMs,
        rebalanceTimeoutMs: version >= REBALANCE_TIMEOUT_SINCE ? request.rebalanceTimeoutMs : sessionTimeoutMs,
        needsKnownId: version >= MEMBER_ID_REQUIRED_SINCE,
        canSkipAssignment: version >= SKIP_ASSIGNMENT_SINCE,
      });
      const { error, generation, protocolType, protocol, leader, skipAssignment, memberId, members } = answer;
      if (error !== ErrorCode.NONE) parts.counters.error(error);
      return {
        throttleTimeMs: 0,
        errorCode: error,
        generationId: generation,
        protocolType: protocolType ?? null,
        protocolName: protocol ?? (version >= NULL_PROTOCOL_SINCE ? null : ""),
        leader,
        skipAssignment,
        memberId,
        members: members.map(({ id, instanceId, metadata }) => ({ memberId: id, groupInstanceId: instanceId ?? null, metadata })),
      };
    },
    refuse: (request, errorCode, _message, { version }) => ({
      throttleTimeMs: 0,
      errorCode,
      protocolName: version >= NULL_PROTOCOL_SINCE ? null : "",
      leader: "",
      memberId: request.memberId,
      members: [],
    }),
  });
}
