import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { listGroupsRequest, listGroupsResponse } from "@tidemq/protocol/messages/16-list-groups.ts";
import { listGroups } from "../../coordinator/queries.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - All groups that this broker coordinates, those that only have offsets among them; clients ask every broker. COORDINATOR_NOT_AVAILABLE
 *   while some cannot be read, or have no coordinator at all: a list that lacks them would not say so.
 *
 * Version notes
 * - v3 flexible · v4 states, and a filter · v5 types, and a filter
 */

export function listGroupsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: listGroupsRequest,
    response: listGroupsResponse,
    async handle({ statesFilter, typesFilter }) {
      const lists = await parts.groups.readAll((shard) => [...listGroups(shard, statesFilter, typesFilter)]);
      const groups = lists.flat().map(({ groupId, protocolType, state, type }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: type,
      }));
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, groups };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, groups: [] }),
  });
}
