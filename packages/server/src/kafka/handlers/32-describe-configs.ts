import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type DescribeConfigsRequest,
  describeConfigsRequest,
  describeConfigsResponse,
} from "@tidemq/protocol/messages/32-describe-configs.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { QueueError } from "../../base/errors.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { brokerConfigAnswer, type ConfigAnswer, clientMetricsAnswers, layersOf, setOnAll, topicConfigAnswers } from "../config-answers.ts";
import { brokerOf, DESCRIBED } from "../config-resources.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { RESOURCE } from "../resources.ts";

/*
 * Behaviour
 * - Topics: every option of Kafka's, also those without effect here, whose documentation says so; where they set nothing, what is
 *   set on this broker or on all. Brokers: this one's, read-only
 *   but for those that change at run time; an empty name asks for what is set on all. Subscriptions to metrics of clients: one that
 *   does not exist has the defaults, as in Kafka. Other kinds of resource are INVALID_REQUEST.
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
      return topicConfigAnswers(topic.configs, layersOf(parts, parts.options.brokerId));
    }
    case RESOURCE.clientMetrics:
      if (resourceName === "") throw new QueueError("INVALID_REQUEST", "Client metrics subscription name must not be empty");
      return clientMetricsAnswers(parts.state.clientMetricsOf(resourceName).configs);
    default: {
      const layers = layersOf(parts, brokerOf(parts, { resourceType, resourceName }, DESCRIBED));
      if (resourceName === "") return setOnAll(layers);
      return parts.brokerConfigs().map((entry) => brokerConfigAnswer(entry, layers));
    }
  }
}

function failed({ resourceType, resourceName }: Asked, errorCode: number, errorMessage: string): Result {
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] };
}
