import { alterConfigsRequest, alterConfigsResponse } from "@tidemq/protocol/messages/33-alter-configs.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { alterResources, refuseResources } from "../config-resources.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Topics: what is given is set, everything else goes back to its default; each resource by itself and then as a whole or
 *   not at all. Superseded by IncrementalAlterConfigs, and still what some tools send.
 * - The rest as there: `validateOnly`, the same resource twice, brokers, other kinds.
 *
 * Version notes
 * - v2 flexible
 */

export function alterConfigsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: alterConfigsRequest,
    response: alterConfigsResponse,
    async handle({ resources, validateOnly }) {
      const { controller } = parts;
      const responses = await alterResources(parts, "AlterConfigs", resources, {
        topic: (topic, { configs }) => controller.replaceTopicConfigs(topic, configs, validateOnly),
        broker: (broker, { configs }) => controller.replaceBrokerConfigs(broker, configs, parts.dynamicProblem, validateOnly),
        clientMetrics: (name, { configs }) => controller.replaceClientMetrics(name, configs, validateOnly),
      });
      return { throttleTimeMs: 0, responses };
    },
    refuse: ({ resources }, code, message) => ({ throttleTimeMs: 0, responses: refuseResources(resources, code, message) }),
  });
}
