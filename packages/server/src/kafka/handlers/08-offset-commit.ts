import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type OffsetCommitRequest, offsetCommitRequest, offsetCommitResponse } from "@tidemq/protocol/messages/08-offset-commit.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - Offsets are kept by topic id: a topic that was deleted and made again begins without any. Unknown topics and partitions are
 *   refused one by one, the others are committed together. Answered when the commit is as durable as a record.
 * - A retention time is not heard, as with Kafka since 2.1: offsets of a group without members are kept for seven days.
 *
 * Version notes
 * - v2–4 retention time · v6 leader epoch · v7 instance id · v8 flexible · v9 member epochs of the new protocol · v10 topics by id
 */

type Topic = OffsetCommitRequest["topics"][number];
type TopicAnswer = MessageInput<typeof offsetCommitResponse>["topics"][number];
/** A topic of the request, and what is asked of it that exists. */
type Checked = Readonly<{ topic: Topic; topicId: string | undefined; known: Topic["partitions"] }>;

const EPOCHS_SINCE = 9;
const TOPIC_IDS_SINCE = 10;

export function offsetCommitHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: offsetCommitRequest,
    response: offsetCommitResponse,
    async handle(request, { version }) {
      const checked = request.topics.map((topic) => check(parts, topic, version));
      const asked = checked.flatMap(({ topicId, known }) => (topicId === undefined || known.length === 0 ? [] : [{ topicId, known }]));
      if (asked.length === 0) return { throttleTimeMs: 0, topics: checked.map((each) => answerOf(each, version, [])) };
      const { error, codes } = await parts.groups.ask({
        kind: "commit",
        groupId: request.groupId,
        generation: request.generationIdOrMemberEpoch,
        memberId: request.memberId,
        instanceId: request.groupInstanceId ?? undefined,
        knowsEpochs: version >= EPOCHS_SINCE,
        topics: asked.map(({ topicId, known }) => ({ topicId, partitions: known.map(placeOf) })),
      });
      if (error !== ErrorCode.NONE) return { throttleTimeMs: 0, topics: refusal(request, error) };
      const left = [...codes];
      const topics = checked.map((each) => answerOf(each, version, each.known.length === 0 ? [] : (left.shift() ?? [])));
      return { throttleTimeMs: 0, topics };
    },
    refuse: (request, code) => ({ throttleTimeMs: 0, topics: refusal(request, code) }),
  });
}

function check({ state }: KafkaParts, topic: Topic, version: number): Checked {
  const found = version >= TOPIC_IDS_SINCE ? state.topicById(topic.topicId) : state.topic(topic.name);
  const count = found?.partitions.length ?? 0;
  const known = topic.partitions.filter(({ partitionIndex }) => partitionIndex >= 0 && partitionIndex < count);
  return { topic, topicId: found?.id, known };
}

function placeOf({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }: Topic["partitions"][number]) {
  return { partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata ?? "" };
}

/** `known` and `codes`: some of the partitions, in their order. */
function answerOf({ topic, topicId, known }: Checked, version: number, codes: readonly number[]): TopicAnswer {
  const isUnknownId = version >= TOPIC_IDS_SINCE && topicId === undefined;
  const unknown = isUnknownId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  let at = 0;
  const partitions = topic.partitions.map((partition) => {
    const isKnown = partition === known[at];
    if (isKnown) at += 1;
    const code = codes[at - 1] ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    return { partitionIndex: partition.partitionIndex, errorCode: isKnown ? code : unknown };
  });
  return { name: topic.name, topicId: topic.topicId, partitions };
}

function refusal({ topics }: OffsetCommitRequest, errorCode: number): TopicAnswer[] {
  return topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}
