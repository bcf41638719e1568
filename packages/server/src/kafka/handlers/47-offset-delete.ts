import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type OffsetDeleteRequest, offsetDeleteRequest, offsetDeleteResponse } from "@tidemq/protocol/messages/47-offset-delete.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Forgets offsets of topics that no member is subscribed to. Partitions of unknown topics are refused one by one.
 *
 * Version notes
 * - v0 only
 */

type Topic = OffsetDeleteRequest["topics"][number];
type TopicAnswer = MessageInput<typeof offsetDeleteResponse>["topics"][number];

export function offsetDeleteHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: offsetDeleteRequest,
    response: offsetDeleteResponse,
    async handle({ groupId, topics }) {
      const known = topics.flatMap((topic) => {
        const topicId = parts.state.topic(topic.name)?.id;
        return topicId === undefined ? [] : [{ topic, topicId }];
      });
      const { error, codes } = await parts.groups.ask({
        kind: "delete-offsets",
        groupId,
        topics: known.map(({ topic, topicId }) => ({ topicId, partitions: topic.partitions.map((each) => each.partitionIndex) })),
      });
      const codesOf = new Map(known.map(({ topic }, at) => [topic, codes[at]]));
      const answers = error === ErrorCode.NONE ? topics.map((topic) => answerOf(topic, codesOf.get(topic))) : [];
      return { errorCode: error, throttleTimeMs: 0, topics: answers };
    },
    refuse: (_request, errorCode) => ({ errorCode, throttleTimeMs: 0, topics: [] }),
  });
}

/** `codes` undefined: there is no such topic. */
function answerOf({ name, partitions }: Topic, codes: readonly number[] | undefined): TopicAnswer {
  return {
    name,
    partitions: partitions.map(({ partitionIndex }, at) => ({
      partitionIndex,
      errorCode: codes?.[at] ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    })),
  };
}
