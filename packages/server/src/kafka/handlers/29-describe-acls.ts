import { describeAclsRequest, describeAclsResponse } from "@tidemq/protocol/messages/29-describe-acls.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { securityDisabled } from "../security-disabled.ts";

/*
 * Behaviour
 * - SECURITY_DISABLED, as a Kafka without authorizer answers: nothing restricts anybody yet.
 *
 * Version notes
 * - v2 flexible · v3 user resources
 */

export function describeAclsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeAclsRequest,
    response: describeAclsResponse,
    handle: securityDisabled,
    refuse: (_request, errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, resources: [] }),
  });
}
