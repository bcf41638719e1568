import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type OffsetFetchRequest, offsetFetchRequest, offsetFetchResponse } from "@tidemq/protocol/messages/09-offset-fetch.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { must } from "../../base/assert.ts";
import type { CommittedOffset } from "../../coordinator/fold/group-state.ts";
import { type FetchedOffsets, fetchOffsets, type OffsetQuery } from "../../coordinator/queries.ts";
import { type ApiHandler, declaredApi, failureOf } from "../api-handler.ts";
import { forEachGroup } from "../group-requests.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { OFFSETS_ASKED_MAX } from "../limits.ts";

/*
 * Behaviour
 * - Only offsets that are as durable as a record: what is told here is never taken back. −1 where nothing is committed, also for topics that
 *   do not exist; by id those are UNKNOWN_TOPIC_ID. No topics (null): all that the group has offsets in.
 * - A group is told once in an answer, by what is asked of it first. More than 250,000 partitions in one request: INVALID_REQUEST.
 * - `requireStable` changes nothing: no transaction is ever open.
 *
 * Version notes
 * - v2 all topics, an error for the whole · v5 leader epoch · v6 flexible · v7 require stable · v8 many groups · v9 member epochs of the new
 *   protocol · v10 topics by id
 */

type Response = MessageInput<typeof offsetFetchResponse>;
type GroupAnswer = NonNullable<Response["groups"]>[number];
type TopicAnswer = GroupAnswer["topics"][number];
type Group = Readonly<{
  groupId: string;
  memberId: string | null;
  memberEpoch: number;
  topics: readonly Readonly<{ name: string; topicId: string; partitionIndexes: readonly number[] }>[] | null;
}>;

const WHOLE_ERROR_SINCE = 2;
const GROUPS_SINCE = 8;
const TOPIC_IDS_SINCE = 10;
const NOTHING = { committedOffset: -1, committedLeaderEpoch: -1, metadata: "" } as const;
const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

export function offsetFetchHandler(parts: KafkaParts): ApiHandler {
  return declaredApi(parts, {
    request: offsetFetchRequest,
    response: offsetFetchResponse,
    async handle(request, { version }) {
      if (version >= GROUPS_SINCE) return { throttleTimeMs: 0, groups: await answersOf(parts, request.groups, version) };
      const group = onlyGroup(request);
      return single(group, must((await answersOf(parts, [group], version))[0], "an answer"), version);
    },
    refuse(request, code, _message, { version }) {
      if (version >= GROUPS_SINCE)
        return { throttleTimeMs: 0, groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode: code })) };
      return single(onlyGroup(request), { groupId: request.groupId, topics: [], errorCode: code }, version);
    },
  });
}

/** Before there were many: the same, asked for one. */
function onlyGroup({ groupId, topics }: OffsetFetchRequest): Group {
  const asked = topics?.map((topic) => ({ ...topic, topicId: NO_TOPIC_ID })) ?? null;
  return { groupId, memberId: null, memberEpoch: -1, topics: asked };
}

/** v1 has no room for an error but in each partition. */
function single(group: Group, { topics, errorCode = ErrorCode.NONE }: GroupAnswer, version: number): Response {
  if (version >= WHOLE_ERROR_SINCE || errorCode === ErrorCode.NONE) return { throttleTimeMs: 0, topics: topics.map(named), errorCode };
  const failed = (group.topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...NOTHING, errorCode })),
  }));
  return { throttleTimeMs: 0, topics: failed };
}

function named({ name = "", partitions }: TopicAnswer) {
  return { name, partitions };
}

function answersOf(parts: KafkaParts, groups: readonly Group[], version: number): Promise<GroupAnswer[]> {
  let asked = 0;
  for (const { topics } of groups) for (const { partitionIndexes } of topics ?? []) asked += partitionIndexes.length;
  const isTooMuch = asked > OFFSETS_ASKED_MAX;
  return forEachGroup(parts, groups, (group) => {
    const refused = { groupId: group.groupId, topics: [], errorCode: ErrorCode.INVALID_REQUEST };
    return isTooMuch ? Promise.resolve(refused) : answerOf(parts, group, version);
  });
}

async function answerOf(parts: KafkaParts, group: Group, version: number): Promise<GroupAnswer> {
  const { groupId } = group;
  try {
    const query = queryOf(parts, group, version);
    const { error, topics } = await parts.groups.read(groupId, (shard) => fetchOffsets(shard, query));
    if (error !== ErrorCode.NONE) return { groupId, topics: [], errorCode: error };
    const found = new Map(topics.map((topic) => [topic.topicId, topic.partitions]));
    if (group.topics === null) return { groupId, topics: everything(parts, found), errorCode: error };
    return { groupId, topics: group.topics.map((topic) => asked(parts, topic, found, version)), errorCode: error };
  } catch (thrown) {
    return { groupId, topics: [], errorCode: failureOf(parts, thrown, "OffsetFetch")[0] };
  }
}

type Found = ReadonlyMap<string, FetchedOffsets["topics"][number]["partitions"]>;

function queryOf(parts: KafkaParts, { groupId, memberId, memberEpoch, topics }: Group, version: number): OffsetQuery {
  const known = topics?.flatMap((topic) => {
    const topicId = topicIdOf(parts, topic, version);
    return topicId === undefined ? [] : [{ topicId, partitions: topic.partitionIndexes }];
  });
  return { groupId, memberId: memberId ?? undefined, memberEpoch, topics: known };
}

function topicIdOf(
  { state }: KafkaParts,
  { name, topicId }: Readonly<{ name: string; topicId: string }>,
  version: number,
): string | undefined {
  return version >= TOPIC_IDS_SINCE ? state.topicById(topicId)?.id : state.topic(name)?.id;
}

function asked(parts: KafkaParts, topic: NonNullable<Group["topics"]>[number], found: Found, version: number): TopicAnswer {
  const { name, topicId, partitionIndexes } = topic;
  const known = topicIdOf(parts, topic, version);
  const errorCode = known === undefined && version >= TOPIC_IDS_SINCE ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.NONE;
  const partitions = found.get(known ?? "");
  return {
    name,
    topicId,
    partitions: partitionIndexes.map((partitionIndex, at) => ({ ...placeOf(partitionIndex, partitions?.[at]?.committed), errorCode })),
  };
}

/** Of topics that are still there. */
function everything({ state }: KafkaParts, found: Found): TopicAnswer[] {
  return [...found].flatMap(([topicId, partitions]) => {
    const topic = state.topicById(topicId);
    if (topic === undefined) return [];
    const places = partitions.map(({ partition, committed }) => ({ ...placeOf(partition, committed), errorCode: ErrorCode.NONE }));
    return [{ name: topic.name, topicId, partitions: places }];
  });
}

function placeOf(partitionIndex: number, committed: CommittedOffset | undefined) {
  if (committed === undefined) return { partitionIndex, ...NOTHING };
  const { offset, leaderEpoch, metadata } = committed;
  return { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata };
}
