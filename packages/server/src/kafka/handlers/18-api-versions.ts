import { ApiKey, PRODUCE_ADVERTISED_VERSION_MIN } from "@tidemq/protocol/api-keys.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import { apiVersionsRequest, apiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { ClientConnection } from "../../client-net/client-connection.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Answers the APIs that have a handler, with their versions; Produce from 0 although 0–2 are refused, since librdkafka
 *   takes the range as a sign of what else a broker can do.
 * - A version of the future is answered in the form of version 0 with UNSUPPORTED_VERSION and the whole list.
 * - Name and version of the client's software have to look like such: INVALID_REQUEST otherwise (KIP-511).
 * - No features: nothing here depends on a finalized one, and a `metadata.version` would claim records that no log here has. What shows
 *   a cluster's version by it shows none.
 *
 * Version notes
 * - v1 throttle time · v3 flexible, client software, features · v4 as v3 (features may begin at 0)
 * - The answer has response header version 0, always.
 */

type Response = MessageInput<typeof apiVersionsResponse>;

export const apiVersionsRange = apiVersionsRequest.versions;

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const CLIENT_SOFTWARE_SINCE = 3;

/** `served`: asked at every request, since the list is complete only when all handlers are made. */
export function apiVersionsHandler(parts: KafkaParts, served: () => readonly ApiHandler[]): ApiHandler {
  return declaredApi(parts, {
    request: apiVersionsRequest,
    response: apiVersionsResponse,
    handle(request, call) {
      const named = SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion);
      if (call.version >= CLIENT_SOFTWARE_SINCE && named)
        call.connection.clientSoftware = { name: request.clientSoftwareName, version: request.clientSoftwareVersion };
      if (call.version < CLIENT_SOFTWARE_SINCE || named) return listOf(served(), ErrorCode.NONE);
      parts.counters.error(ErrorCode.INVALID_REQUEST);
      return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
    },
    refuse: (_request, code) => ({ errorCode: code, apiKeys: [] }),
  });
}

/** Answers a version that does not exist yet. */
export function refuseApiVersions(
  parts: KafkaParts,
  connection: ClientConnection,
  correlationId: number,
  served: readonly ApiHandler[],
): void {
  parts.counters.error(ErrorCode.UNSUPPORTED_VERSION);
  const writer = new ByteWriter();
  encodeResponseFrame(apiVersionsResponse, 0, correlationId, listOf(served, ErrorCode.UNSUPPORTED_VERSION), writer);
  connection.respond(writer.pieces());
}

function listOf(served: readonly ApiHandler[], errorCode: number): Response {
  return {
    errorCode,
    apiKeys: served.map(({ apiKey, versions }) => ({
      apiKey,
      minVersion: apiKey === ApiKey.Produce ? PRODUCE_ADVERTISED_VERSION_MIN : versions.min,
      maxVersion: versions.max,
    })),
  };
}
