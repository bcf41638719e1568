import { servedApis } from "./handlers/served-apis.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { RequestRouter } from "./request-router.ts";

/** What a listener hands its requests to: every API that is served. */
export function kafkaRouter(parts: KafkaParts): RequestRouter {
  return new RequestRouter(servedApis(parts), parts);
}
