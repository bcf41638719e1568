import { deleteAclsRequest, deleteAclsResponse } from "@tidemq/protocol/messages/31-delete-acls.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { securityDisabled } from "../security-disabled.ts";

/*
 * Behaviour
 * - SECURITY_DISABLED for each filter, as a Kafka without authorizer answers: there are none to delete.
 *
 * Version notes
 * - v2 flexible · v3 user resources
 */

export function deleteAclsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: deleteAclsRequest,
    response: deleteAclsResponse,
    handle: securityDisabled,
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      filterResults: request.filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
    }),
  });
}
