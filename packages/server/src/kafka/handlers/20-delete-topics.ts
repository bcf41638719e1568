import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type DeleteTopicsRequest, deleteTopicsRequest, deleteTopicsResponse } from "@tidemq/protocol/messages/20-delete-topics.ts";
import { type MessageInput, ZERO_UUID } from "@tidemq/protocol/schema.ts";
import type { DeleteTopicResult } from "../../controller/requests.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - By name or by id, each topic by itself. Both at once, neither, or the same topic twice is INVALID_REQUEST.
 * - Answered when the topic is gone from the metadata; its bytes follow by themselves.
 *
 * Version notes
 * - v1–5 names only · v4 flexible · v5 error text · v6 ids
 */

type Answer = MessageInput<typeof deleteTopicsResponse>["responses"][number];
type Asked = Readonly<{ name: string | null; topicId: string }>;

const NAMES_ONLY_UNTIL = 5;

export function deleteTopicsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: deleteTopicsRequest,
    response: deleteTopicsResponse,
    async handle(request, call) {
      const asked = askedOf(request, call.version);
      const twice = keysTwice(asked);
      const wanted = asked.filter((topic) => problemOf(topic, twice) === undefined);
      const deleted = await parts.controller.deleteTopics(wanted.map(referenceOf));
      const results = deleted.values();
      return {
        throttleTimeMs: 0,
        responses: asked.map((topic) => {
          const problem = problemOf(topic, twice);
          if (problem !== undefined) return failed(parts, topic, ErrorCode.INVALID_REQUEST, problem);
          return answerOf(parts, topic, results.next().value as DeleteTopicResult);
        }),
      };
    },
    refuse: (request, code, message, call) => ({
      throttleTimeMs: 0,
      responses: askedOf(request, call.version).map((topic) => refusal(topic, code, message)),
    }),
  });
}

function askedOf(request: DeleteTopicsRequest, version: number): readonly Asked[] {
  return version > NAMES_ONLY_UNTIL ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}

function keysTwice(asked: readonly Asked[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const topic of asked) (seen.has(keyOf(topic)) ? twice : seen).add(keyOf(topic));
  return twice;
}

function keyOf({ name, topicId }: Asked): string {
  return `${topicId}/${name ?? ""}`;
}

function problemOf(topic: Asked, twice: ReadonlySet<string>): string | undefined {
  if (topic.name === null && topic.topicId === ZERO_UUID) return "Neither topic name nor id were specified.";
  if (topic.name !== null && topic.topicId !== ZERO_UUID) return "You may not specify both topic name and topic id.";
  return twice.has(keyOf(topic)) ? "Duplicate topic name or id." : undefined;
}

function referenceOf({ name, topicId }: Asked) {
  return { name: name ?? undefined, topicId: topicId === ZERO_UUID ? undefined : topicId };
}

function answerOf(parts: KafkaParts, asked: Asked, { name, topicId, error }: DeleteTopicResult): Answer {
  const found = { name: name ?? asked.name, topicId: topicId ?? asked.topicId };
  if (error !== undefined) return refusal(found, ...failureOf(parts, error, "DeleteTopics"));
  return { ...found, errorCode: ErrorCode.NONE };
}

function failed(parts: KafkaParts, topic: Asked, code: number, message: string): Answer {
  parts.counters.error(code);
  return refusal(topic, code, message);
}

function refusal({ name, topicId }: Asked, errorCode: number, errorMessage: string): Answer {
  return { name, topicId, errorCode, errorMessage };
}
