import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { API, type RequestBody, type ResponseBody } from "./apis.ts";
import type { Coordinators } from "./coordinators.ts";
import { brokerError, ClientError, type ErrorPlace } from "./errors.ts";

/** First version of OffsetFetch that asks for many groups at once. */
const FETCH_VERSION_WITH_GROUPS = 8;
/** Newest versions that name topics instead of giving their ids. */
const VERSION_WITH_NAMES = 9;

/** A partition of a topic. Without `topicId` the topic is told by its name alone, so that one made anew counts as the same. */
export type Place = Readonly<{ topic: string; topicId?: string; partition: number }>;

/** `offset`: the next one to read. */
export type CommittedOffset = Place & Readonly<{ offset: number; leaderEpoch: number; metadata: string }>;

/** What is to be committed. */
export type OffsetToCommit = Place & Readonly<{ offset: number; leaderEpoch?: number; metadata?: string }>;

/** Who asks: a member of the group, with its epoch as of now, or nobody. */
export type GroupIdentity = Readonly<{ memberId: string; memberEpoch: number; instanceId: string | null }>;

type Parts = Readonly<{ coordinators: Coordinators; groupId: string }>;
type FetchResponse = ResponseBody<typeof API.offsetFetch>;

/**
 * Committed offsets of a group; partitions without one are left out. Sent once or again, as `isRetriable` says.
 *
 * @param places undefined: of all partitions.
 * @throws {ClientError} STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, GROUP_AUTHORIZATION_FAILED, …
 */
export function fetchOffsets(
  { coordinators, groupId }: Parts,
  places: readonly Place[] | undefined,
  identity?: () => GroupIdentity,
  isRetriable?: (error: ClientError) => boolean,
): Promise<CommittedOffset[]> {
  const names = places === undefined || places.some((place) => place.topicId === undefined);
  const body = (version: number): RequestBody<typeof API.offsetFetch> => {
    const topics = places === undefined ? null : byTopic(places).map(([topic, all]) => ({ ...topic, partitionIndexes: indexesOf(all) }));
    if (version < FETCH_VERSION_WITH_GROUPS) return { groupId, topics };
    const asker = identity?.();
    return { groups: [{ groupId, memberId: asker?.memberId ?? null, memberEpoch: asker?.memberEpoch ?? -1, topics }], requireStable: true };
  };
  return coordinators.request(groupId, API.offsetFetch, body, (answer) => committed(groupId, answer, places), {
    ...(names ? { versionMax: VERSION_WITH_NAMES } : {}),
    ...(isRetriable === undefined ? {} : { isRetriable }),
  });
}

/**
 * Commits offsets; the newest call wins on the broker.
 *
 * @param identity Absent: for a group that has no members.
 * @throws {ClientError} UNKNOWN_MEMBER_ID (the group has members), STALE_MEMBER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION, …
 */
export async function commitOffsets(
  { coordinators, groupId }: Parts,
  offsets: readonly OffsetToCommit[],
  identity?: () => GroupIdentity,
  isRetriable?: (error: ClientError) => boolean,
): Promise<void> {
  if (offsets.length === 0) return;
  const names = offsets.some((one) => one.topicId === undefined);
  const body = (): RequestBody<typeof API.offsetCommit> => {
    const asker = identity?.();
    return {
      groupId,
      generationIdOrMemberEpoch: asker?.memberEpoch ?? -1,
      memberId: asker?.memberId ?? "",
      groupInstanceId: asker?.instanceId ?? null,
      topics: byTopic(offsets).map(([topic, all]) => ({ ...topic, partitions: all.map(commitBody) })),
    };
  };
  const read = (answer: ResponseBody<typeof API.offsetCommit>): void => {
    for (const topic of answer.topics) {
      for (const { partitionIndex, errorCode } of topic.partitions) {
        const name = topic.name === "" ? (offsets.find((one) => one.topicId === topic.topicId)?.topic ?? topic.topicId) : topic.name;
        refuse(errorCode, `commit the offset of group ${groupId} in ${name}[${partitionIndex}]`, {
          topic: name,
          partition: partitionIndex,
        });
      }
    }
  };
  await coordinators.request(groupId, API.offsetCommit, body, read, {
    ...(names ? { versionMax: VERSION_WITH_NAMES } : {}),
    ...(isRetriable === undefined ? {} : { isRetriable }),
  });
}

function commitBody({ partition, offset, leaderEpoch = -1, metadata = "" }: OffsetToCommit) {
  return { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch, committedMetadata: metadata };
}

function committed(groupId: string, answer: FetchResponse, places: readonly Place[] | undefined): CommittedOffset[] {
  const group = answer.groups[0];
  refuse(group?.errorCode ?? answer.errorCode, `read the offsets of group ${groupId}`);
  const found: CommittedOffset[] = [];
  for (const entry of group?.topics ?? answer.topics) {
    const topicId = "topicId" in entry ? entry.topicId : ZERO_UUID;
    const topic = entry.name === "" ? places?.find((place) => place.topicId === topicId)?.topic : entry.name;
    if (topic === undefined) throw new ClientError("MALFORMED_RESPONSE", `offsets of group ${groupId}: a topic that was not asked for`);
    for (const one of entry.partitions) {
      refuse(one.errorCode, `read the offset of group ${groupId} in ${topic}[${one.partitionIndex}]`, {
        topic,
        partition: one.partitionIndex,
      });
      if (one.committedOffset < 0) continue;
      const { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch } = one;
      found.push({ topic, partition, offset, leaderEpoch, metadata: one.metadata ?? "" });
    }
  }
  return found;
}

function refuse(errorCode: number, what: string, place: ErrorPlace = {}): void {
  if (errorCode !== ErrorCode.NONE) throw brokerError(errorCode, what, undefined, place);
}

/** Name and id of each topic, with what belongs to it. */
function byTopic<P extends Place>(places: readonly P[]): [{ name: string; topicId: string }, P[]][] {
  const topics = new Map<string, [{ name: string; topicId: string }, P[]]>();
  for (const place of places) {
    const topic = topics.get(place.topic);
    if (topic === undefined) topics.set(place.topic, [{ name: place.topic, topicId: place.topicId ?? ZERO_UUID }, [place]]);
    else topic[1].push(place);
  }
  return [...topics.values()];
}

function indexesOf(places: readonly Place[]): number[] {
  return places.map((place) => place.partition);
}
