import {
  type IncrementalAlterConfigsRequest,
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import { QueueError } from "../../base/errors.ts";
import type { ConfigOperation } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import { alterResources, refuseResources } from "../config-resources.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Topics: set, delete, append, subtract, each resource by itself and then as a whole or not at all. Answered when the
 *   partitions act on it. `validateOnly` changes nothing.
 * - The same resource twice, or the same option twice in one, is INVALID_REQUEST, as in Kafka.
 * - Brokers, this one or all of them (an empty name): what changes while they run, in effect when it is answered. Anything else
 *   is INVALID_REQUEST, as in Kafka, and names what can be changed.
 * - Subscriptions to metrics of clients: made by their first option, gone with their last. Unknown options and an interval out
 *   of its range are INVALID_REQUEST, a wrong pattern is INVALID_CONFIG, as in Kafka. Other kinds are INVALID_REQUEST.
 *
 * Version notes
 * - v1 flexible
 */

type Resource = IncrementalAlterConfigsRequest["resources"][number];

const OPERATIONS = ["set", "delete", "append", "subtract"] as const;

export function incrementalAlterConfigsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: incrementalAlterConfigsRequest,
    response: incrementalAlterConfigsResponse,
    async handle({ resources, validateOnly }) {
      const { controller } = parts;
      const responses = await alterResources(parts, "IncrementalAlterConfigs", resources, {
        topic: (topic, resource) => controller.alterTopicConfigs(topic, operationsOf(resource), validateOnly),
        broker: (broker, resource) => controller.alterBrokerConfigs(broker, operationsOf(resource), parts.dynamicProblem, validateOnly),
        clientMetrics: (name, resource) => controller.alterClientMetrics(name, operationsOf(resource), validateOnly),
      });
      return { throttleTimeMs: 0, responses };
    },
    refuse: ({ resources }, code, message) => ({ throttleTimeMs: 0, responses: refuseResources(resources, code, message) }),
  });
}

function operationsOf({ configs }: Resource): ConfigOperation[] {
  return configs.map(({ name, configOperation, value }) => {
    const operation = OPERATIONS[configOperation];
    if (operation === undefined) throw new QueueError("INVALID_REQUEST", `Unknown operation type ${configOperation}`);
    return { name, operation, value };
  });
}
