import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import {
  type DescribeLogDirsRequest,
  describeLogDirsRequest,
  describeLogDirsResponse,
} from "@tidemq/protocol/messages/35-describe-log-dirs.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import type { TopicState } from "../../cluster/cluster-state.ts";
import { type ApiHandler, declaredApi } from "../api-handler.ts";
import type { KafkaParts } from "../kafka-parts.ts";

/*
 * Behaviour
 * - One directory, the data folder. A partition's size is what it has in object storage and, not yet uploaded, in the log.
 * - Replicas of this broker only. No topics asked for: all. Topics and partitions that are unknown or elsewhere are left out, as with
 *   Kafka.
 * - Sizes of the volume are not known: most of the data lies elsewhere.
 *
 * Version notes
 * - v2 flexible · v3 error for all · v4 size of the volume · v5 cordoned
 */

type Response = MessageInput<typeof describeLogDirsResponse>;
type TopicAnswer = Response["results"][number]["topics"][number];
type Asked = NonNullable<DescribeLogDirsRequest["topics"]>[number];

export function describeLogDirsHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: describeLogDirsRequest,
    response: describeLogDirsResponse,
    handle(request) {
      const all = request.topics === null ? everyTopic(parts) : request.topics.flatMap((asked) => askedTopic(parts, asked));
      const topics = all.filter(({ partitions }) => partitions.length > 0);
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        results: [{ errorCode: ErrorCode.NONE, logDir: parts.options.dataFolder, topics }],
      };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, results: [] }),
  });
}

function everyTopic(parts: KafkaParts): TopicAnswer[] {
  return [...parts.state.topicsByName.values()].map((topic) => topicAnswer(parts, topic, [...topic.partitions.keys()]));
}

function askedTopic(parts: KafkaParts, { topic: name, partitions }: Asked): TopicAnswer[] {
  const topic = parts.state.topicsByName.get(name);
  return topic === undefined ? [] : [topicAnswer(parts, topic, partitions)];
}

function topicAnswer(parts: KafkaParts, { name, partitions }: TopicState, indexes: readonly number[]): TopicAnswer {
  const known = indexes.filter((index) => isHere(parts, partitions[index]));
  return {
    name,
    partitions: known.map((partitionIndex) => ({
      partitionIndex,
      partitionSize: storedBytes(parts, partitions[partitionIndex] as number),
      offsetLag: 0,
      isFutureKey: false,
    })),
  };
}

function isHere({ state, options }: KafkaParts, partitionId: number | undefined): boolean {
  return partitionId !== undefined && state.partitions.get(partitionId)?.replicas.includes(options.brokerId) === true;
}

function storedBytes({ state, partitions }: KafkaParts, partitionId: number): number {
  const uploaded = state.partitions.get(partitionId);
  const here = partitions.byId(partitionId);
  const local = here === undefined ? 0 : here.wal.bytesBetween(here.uploadedEnd, here.logEnd);
  return (uploaded?.manifest?.dataBytes ?? 0) + (uploaded?.ranges.dataBytes ?? 0) + local;
}
