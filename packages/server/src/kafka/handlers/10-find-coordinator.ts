import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - There are no coordinators: groups and transactions are not implemented, and UNSUPPORTED_VERSION says so for each key.
 *   The API is served all the same, since librdkafka takes its absence for a broker so old that it cannot compress.
 *
 * Version notes
 * - v1 key type, error text · v3 flexible · v4 many keys · v5, v6 as v4
 */

const MANY_KEYS_SINCE = 4;
const NOBODY = { nodeId: -1, host: "", port: -1 } as const;

export function findCoordinatorHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: findCoordinatorRequest,
    response: findCoordinatorResponse,
    handle() {
      throw new QueueError("NOT_IMPLEMENTED", "consumer groups and transactions are not implemented");
    },
    refuse(request, errorCode, errorMessage, call) {
      if (call.version < MANY_KEYS_SINCE) return { ...NOBODY, errorCode, errorMessage };
      return { coordinators: request.coordinatorKeys.map((key) => ({ ...NOBODY, key, errorCode, errorMessage })) };
    },
  });
}
