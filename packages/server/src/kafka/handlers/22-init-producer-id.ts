import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { initProducerIdRequest, initProducerIdResponse } from "@tidemq/protocol/messages/22-init-producer-id.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { ProducerIds } from "../producer-ids.ts";

/*
 * Behaviour
 * - Idempotent producers: a new id, epoch 0, whatever id the producer had; ids come from blocks of the controller and are
 *   never given twice.
 * - A transactional id: transactions are not implemented, UNSUPPORTED_VERSION. An empty one is INVALID_REQUEST, as in Kafka.
 *
 * Version notes
 * - v2 flexible · v3 the id and epoch that the producer has · v4 PRODUCER_FENCED · v5 transactions of KIP-890
 */

const NO_PRODUCER = -1;

export function initProducerIdHandler(parts: KafkaParts): ApiHandler {
  const ids = new ProducerIds(parts.controller, parts.options.brokerId);
  return declaredApi(parts, {
    request: initProducerIdRequest,
    response: initProducerIdResponse,
    async handle(request) {
      if (request.transactionalId === "") throw new QueueError("INVALID_REQUEST", "the transactional id is empty");
      if (request.transactionalId !== null) throw new QueueError("NOT_IMPLEMENTED", "transactions are not implemented");
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId: await ids.take(), producerEpoch: 0 };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, producerId: NO_PRODUCER, producerEpoch: 0 }),
  });
}
