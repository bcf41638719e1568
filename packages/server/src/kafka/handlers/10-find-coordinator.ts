import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { findCoordinatorRequest, findCoordinatorResponse } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, type Call, declaredApi, failureOf } from "../api-handler.ts";
import { brokersOf } from "../broker-endpoints.ts";
import { forEachGroup } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Groups: the leader of the internal partition that the group belongs to, where the client's listener reaches it. The internal
 *   topic is made with the first such request. Without a leader, or one that is there for the client, COORDINATOR_NOT_AVAILABLE:
 *   clients ask again.
 * - Transactions and share groups are not implemented: UNSUPPORTED_VERSION says so for each key.
 *
 * Version notes
 * - v1 key type, error text · v3 flexible · v4 many keys · v5, v6 as v4
 */

type Coordinator = NonNullable<MessageInput<typeof findCoordinatorResponse>["coordinators"]>[number];

const GROUP = 0;
const NOT_BUILT = ["", "transactions are not implemented", "share groups are not implemented"];
const MANY_KEYS_SINCE = 4;
const NOBODY = { nodeId: -1, host: "", port: -1 } as const;

export function findCoordinatorHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: findCoordinatorRequest,
    response: findCoordinatorResponse,
    async handle({ key, keyType, coordinatorKeys }, call) {
      const isMany = call.version >= MANY_KEYS_SINCE;
      const coordinators = await forEachGroup(parts, isMany ? coordinatorKeys : [key], (each) => find(parts, keyType, each, call));
      return isMany ? { throttleTimeMs: 0, coordinators } : { throttleTimeMs: 0, ...coordinators[0] };
    },
    refuse(request, errorCode, errorMessage, call) {
      if (call.version < MANY_KEYS_SINCE) return { ...NOBODY, errorCode, errorMessage };
      return { coordinators: request.coordinatorKeys.map((key) => ({ ...NOBODY, key, errorCode, errorMessage })) };
    },
  });
}

async function find(parts: KafkaParts, keyType: number, key: string, call: Call): Promise<Coordinator> {
  try {
    if (keyType !== GROUP) throw notGroups(keyType);
    const nodeId = await parts.groups.coordinatorOf(key);
    const broker = brokersOf(parts, call.connection).get(nodeId);
    if (broker === undefined)
      throw new QueueError("COORDINATOR_NOT_AVAILABLE", "the coordinator of the group is not reachable through this listener");
    return { key, nodeId, host: broker.host, port: broker.port, errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (thrown) {
    const [errorCode, errorMessage] = failureOf(parts, thrown, "FindCoordinator");
    return { ...NOBODY, key, errorCode, errorMessage };
  }
}

function notGroups(keyType: number): QueueError {
  const text = NOT_BUILT[keyType];
  return text === undefined
    ? new QueueError("INVALID_REQUEST", `there are no coordinators of type ${keyType}`)
    : new QueueError("NOT_IMPLEMENTED", text);
}
