import { deleteGroupsRequest, deleteGroupsResponse } from "@tidemq/protocol/messages/42-delete-groups.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { forEachGroup } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Groups without members, and their offsets. Each by itself: one that is not there or has members does not keep the others.
 *
 * Version notes
 * - v2 flexible
 */

export function deleteGroupsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: deleteGroupsRequest,
    response: deleteGroupsResponse,
    async handle({ groupsNames }) {
      const results = await forEachGroup(parts, groupsNames, async (groupId) => ({
        groupId,
        errorCode: await deleteGroup(parts, groupId),
      }));
      return { throttleTimeMs: 0, results };
    },
    refuse: ({ groupsNames }, errorCode) => ({ throttleTimeMs: 0, results: groupsNames.map((groupId) => ({ groupId, errorCode })) }),
  });
}

async function deleteGroup(parts: KafkaParts, groupId: string): Promise<number> {
  try {
    return (await parts.groups.ask({ kind: "delete-group", groupId })).error;
  } catch (thrown) {
    return failureOf(parts, thrown, "DeleteGroups")[0];
  }
}
