import type { ApiHandler } from "./api-handler.ts";
import { produceHandler } from "./handlers/00-produce.ts";
import { fetchHandler } from "./handlers/01-fetch.ts";
import { listOffsetsHandler } from "./handlers/02-list-offsets.ts";
import { metadataHandler } from "./handlers/03-metadata.ts";
import { apiVersionsHandler } from "./handlers/18-api-versions.ts";
import { createTopicsHandler } from "./handlers/19-create-topics.ts";
import { initProducerIdHandler } from "./handlers/22-init-producer-id.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { RequestRouter } from "./request-router.ts";

/** Every API that is served: this list is what ApiVersions answers. */
export function kafkaRouter(parts: KafkaParts): RequestRouter {
  const handlers: ApiHandler[] = [
    produceHandler(parts),
    fetchHandler(parts),
    listOffsetsHandler(parts),
    metadataHandler(parts),
    apiVersionsHandler(parts, () => handlers),
    createTopicsHandler(parts),
    initProducerIdHandler(parts),
  ];
  return new RequestRouter(handlers, parts);
}
