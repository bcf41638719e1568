import { createAclsRequest, createAclsResponse } from "@tidemq/protocol/messages/30-create-acls.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { securityDisabled } from "../security-disabled.ts";

/*
 * Behaviour
 * - SECURITY_DISABLED for each permission, as a Kafka without authorizer answers: nothing is stored.
 *
 * Version notes
 * - v2 flexible · v3 user resources
 */

export function createAclsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: createAclsRequest,
    response: createAclsResponse,
    handle: securityDisabled,
    refuse: (request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      results: request.creations.map(() => ({ errorCode, errorMessage })),
    }),
  });
}
