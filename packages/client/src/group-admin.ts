import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { API } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import type { Coordinators } from "./coordinators.ts";
import { brokerError, ClientError } from "./errors.ts";
import { describeClassic, describeNew, type GroupDescription } from "./group-description.ts";
import { type CommittedOffset, commitOffsets, fetchOffsets, type OffsetToCommit, type Place } from "./group-offsets.ts";
import { listOffsets } from "./list-offsets.ts";

/** First versions of ListGroups that tell states, and types. */
const VERSION_WITH_STATES = 4;
const VERSION_WITH_TYPES = 5;

/** `state` and `type` are as the broker says, such as `Stable` and `consumer`; empty when it is too old to say. */
export type ListedGroup = Readonly<{ groupId: string; protocolType: string; state: string; type: string }>;

/** These states, these types, whatever their case; all when absent. */
export type GroupFilter = Readonly<{ states?: readonly string[]; types?: readonly string[] }>;

/**
 * How far a group is in one partition. `offset` undefined: nothing is committed. `end` undefined: the partition cannot tell now, or
 * is gone. `lag`: records still to come; undefined when one of the two is.
 */
export type GroupProgress = Place & Readonly<{ offset: number | undefined; end: number | undefined; lag: number | undefined }>;

/** Consumer groups: what there is, how far they are, and changes of groups without members. Every method throws `ClientError`. */
export class GroupAdmin {
  readonly #cluster: Cluster;
  readonly #coordinators: Coordinators;

  constructor(cluster: Cluster, coordinators: Coordinators) {
    this.#cluster = cluster;
    this.#coordinators = coordinators;
  }

  /** Groups of all brokers, by name. */
  async list(filter: GroupFilter = {}): Promise<ListedGroup[]> {
    const groups = await this.#cluster.retry(() => this.#listOfAll(filter));
    return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  /** State and members, whichever protocol the group speaks. GROUP_ID_NOT_FOUND. */
  async describe(groupId: string): Promise<GroupDescription> {
    const coordinator = await this.#cluster.retry(() => this.#coordinators.find(groupId));
    try {
      const body = { groupIds: [groupId], includeAuthorizedOperations: false };
      const read = describeNew(groupId, coordinator);
      return await this.#coordinators.request(groupId, API.consumerGroupDescribe, body, read);
    } catch (error) {
      const { code } = ClientError.from(error);
      if (code !== "GROUP_ID_NOT_FOUND" && code !== "UNSUPPORTED_BY_BROKER" && code !== "UNSUPPORTED_VERSION") throw error;
    }
    const body = { groups: [groupId], includeAuthorizedOperations: false };
    return this.#coordinators.request(
      groupId,
      API.describeGroups,
      (version) => (version < 3 ? { groups: [groupId] } : body),
      describeClassic(groupId, coordinator),
    );
  }

  /** Where the group has committed, by topic and partition. */
  async offsets(groupId: string): Promise<CommittedOffset[]> {
    const offsets = await fetchOffsets({ coordinators: this.#coordinators, groupId }, undefined);
    return offsets.sort(byPlace);
  }

  /**
   * Where the group has committed, where the partitions end, and what lies between, by topic and partition.
   *
   * @param others Partitions to tell of as well, committed or not.
   */
  async progress(groupId: string, others: readonly Place[] = []): Promise<GroupProgress[]> {
    const offsets = await this.offsets(groupId);
    const isNew = ({ topic, partition }: Place): boolean => !offsets.some((one) => one.topic === topic && one.partition === partition);
    const rest = others.filter(isNew).map(({ topic, partition }) => ({ topic, partition, offset: undefined }));
    const all = [...offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })), ...rest].sort(byPlace);
    const ends = await this.#ends(all);
    return all.map((one) => {
      const end = ends.get(`${one.topic} ${one.partition}`);
      return { ...one, end, lag: end === undefined || one.offset === undefined ? undefined : Math.max(0, end - one.offset) };
    });
  }

  /** Sets offsets of a group that has no members. UNKNOWN_MEMBER_ID when it has some. */
  commit(groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
    return commitOffsets({ coordinators: this.#coordinators, groupId }, offsets);
  }

  /** Forgets where the group was. GROUP_SUBSCRIBED_TO_TOPIC while members read the topic, GROUP_ID_NOT_FOUND. */
  async deleteOffsets(groupId: string, places: readonly Place[]): Promise<void> {
    const topics = [...new Set(places.map((place) => place.topic))].map((name) => ({
      name,
      partitions: places.filter((place) => place.topic === name).map(({ partition }) => ({ partitionIndex: partition })),
    }));
    await this.#coordinators.request(groupId, API.offsetDelete, { groupId, topics }, (answer) => {
      refuse(answer.errorCode, `delete offsets of group ${groupId}`);
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, errorCode } of partitions)
          refuse(errorCode, `delete the offset of group ${groupId} in ${name}[${partitionIndex}]`, {
            topic: name,
            partition: partitionIndex,
          });
      }
    });
  }

  /** Forgets a group that has no members, and its offsets. NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. */
  async delete(groupId: string): Promise<void> {
    const read = (answer: Readonly<{ results: readonly Readonly<{ errorCode: number }>[] }>): void => {
      refuse(answer.results[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, `delete group ${groupId}`);
    };
    // A second attempt could meet the success of the first.
    const isRetriable = (error: ClientError): boolean =>
      error.retriable && error.code !== "CONNECTION_CLOSED" && error.code !== "REQUEST_TIMED_OUT";
    await this.#coordinators.request(groupId, API.deleteGroups, { groupsNames: [groupId] }, read, { isRetriable });
  }

  /** All brokers again when one fails: if that is gone, its groups are with others by now. */
  async #listOfAll(filter: GroupFilter): Promise<Map<string, ListedGroup>> {
    await this.#cluster.refresh();
    const lists = await Promise.all([...this.#cluster.metadata.brokers.keys()].map((nodeId) => this.#listOf(nodeId, filter)));
    return new Map(lists.flat().map((group) => [group.groupId, group]));
  }

  async #listOf(nodeId: number, { states = [], types = [] }: GroupFilter): Promise<ListedGroup[]> {
    const connection = await this.#cluster.connection(nodeId, "control");
    const answer = await connection.request(API.listGroups, (version) => {
      if (states.length > 0 && version < VERSION_WITH_STATES) throw tooOld("the states of groups");
      if (types.length > 0 && version < VERSION_WITH_TYPES) throw tooOld("the types of groups");
      return {};
    });
    refuse(answer.errorCode, "list groups");
    // Chosen here: what a broker does with a name that it does not know differs from version to version.
    return answer.groups
      .map(({ groupId, protocolType, groupState: state, groupType: type }) => ({ groupId, protocolType, state, type }))
      .filter(({ state, type }) => isAmong(state, states) && isAmong(type, types));
  }

  /** Ends of the partitions, as far as they can be told: a topic may be gone. */
  async #ends(places: readonly Place[]): Promise<Map<string, number>> {
    const ends = new Map<string, number>();
    const ask = async (topic: string): Promise<void> => {
      const questions = places
        .filter((place) => place.topic === topic)
        .map(({ partition }) => ({ topic, partition, at: "latest" as const }));
      for (const { partition, offset } of await listOffsets(this.#cluster, questions)) ends.set(`${topic} ${partition}`, offset);
    };
    const results = await Promise.allSettled([...new Set(places.map((place) => place.topic))].map(ask));
    for (const result of results) if (result.status === "rejected" && !isGone(result.reason)) throw result.reason;
    return ends;
  }
}

function isGone(reason: unknown): boolean {
  const { kafkaCode } = ClientError.from(reason);
  return kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || kafkaCode === ErrorCode.LEADER_NOT_AVAILABLE;
}

function isAmong(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((one) => one.toLowerCase() === name.toLowerCase());
}

function tooOld(what: string): ClientError {
  return new ClientError("UNSUPPORTED_BY_BROKER", `the broker is too old to tell ${what}`);
}

function refuse(errorCode: number, what: string, place: Readonly<{ topic?: string; partition?: number }> = {}): void {
  if (errorCode !== ErrorCode.NONE) throw brokerError(errorCode, what, undefined, place);
}

function byPlace(a: Place, b: Place): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}
