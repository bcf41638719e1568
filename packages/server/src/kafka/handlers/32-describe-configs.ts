import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type DescribeConfigsRequest,
  describeConfigsRequest,
  describeConfigsResponse,
} from "@tidemq/protocol/messages/32-describe-configs.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { brokerConfigAnswer, type ConfigAnswer, topicConfigAnswers } from "../config-answers.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { RESOURCE } from "../resources.ts";

/*
 * Behaviour
 * - Topics: every option of Kafka's, also those without effect here, whose documentation says so. Brokers: this one's, all
 *   read-only; other kinds of resource are INVALID_REQUEST.
 * - A list of names asks for those only; names that do not exist are left out.
 *
 * Version notes
 * - v1 synonyms · v3 type and documentation · v4 flexible
 */

type Asked = DescribeConfigsRequest["resources"][number];
type Result = MessageInput<typeof describeConfigsResponse>["results"][number];

const DOCUMENTATION_SINCE = 3;

export function describeConfigsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeConfigsRequest,
    response: describeConfigsResponse,
    handle: (request, call) => ({
      throttleTimeMs: 0,
      results: request.resources.map((asked) => describe(parts, request, asked, call.version)),
    }),
    refuse: (request, code, message) => ({ throttleTimeMs: 0, results: request.resources.map((asked) => failed(asked, code, message)) }),
  });
}

function describe(parts: KafkaParts, request: DescribeConfigsRequest, asked: Asked, version: number): Result {
  try {
    const wanted = asked.configurationKeys === null ? undefined : new Set(asked.configurationKeys);
    const answers = answersOf(parts, asked).filter(({ name }) => wanted === undefined || wanted.has(name));
    const { resourceType, resourceName } = asked;
    const configs = answers.map((answer) => ({
      ...answer,
      synonyms: request.includeSynonyms ? answer.synonyms : [],
      documentation: request.includeDocumentation && version >= DOCUMENTATION_SINCE ? answer.documentation : null,
    }));
    return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs };
  } catch (thrown) {
    return failed(asked, ...failureOf(parts, thrown, "DescribeConfigs"));
  }
}

function answersOf(parts: KafkaParts, { resourceType, resourceName }: Asked): ConfigAnswer[] {
  switch (resourceType) {
    case RESOURCE.topic: {
      const topic = parts.state.topicsByName.get(resourceName);
      if (topic === undefined) throw new QueueError("UNKNOWN_TOPIC_OR_PARTITION", `The topic '${resourceName}' does not exist.`);
      return topicConfigAnswers(topic.configs);
    }
    case RESOURCE.broker: {
      const { brokerId } = parts.options;
      // An empty name asks for what all brokers have in common and can be changed at run time: nothing yet.
      if (resourceName === "") return [];
      if (resourceName === String(brokerId)) return parts.brokerConfigs().map(brokerConfigAnswer);
      throw new QueueError("INVALID_REQUEST", `Unexpected broker id, expected ${brokerId} or empty string, but received ${resourceName}`);
    }
    default:
      throw new QueueError("INVALID_REQUEST", `Unsupported resource type: ${resourceType}`);
  }
}

function failed({ resourceType, resourceName }: Asked, errorCode: number, errorMessage: string): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] };
}
