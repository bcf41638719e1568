import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { OffsetCommitRequest } from "@tidemq/protocol/messages/08-offset-commit.ts";
import type { OffsetFetchRequest } from "@tidemq/protocol/messages/09-offset-fetch.ts";
import type { FindCoordinatorRequest } from "@tidemq/protocol/messages/10-find-coordinator.ts";
import type { ConsumerGroupHeartbeatRequest } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API, type Api } from "../apis.ts";
import type { Address } from "../transport.ts";

type Topics = Readonly<{
  addresses: () => ReadonlyMap<number, Address>;
  topicId: (name: string) => string | undefined;
  nameOf: (id: string) => string;
  partitions: (name: string) => number;
}>;

type Member = { epoch: number; topics: readonly string[]; owned: Set<string>; told: string | undefined };

const INTERVAL_MS = 1_000;

/** Groups of the new protocol: partitions go round the members, and nobody gets one that another still has. Sessions end only when told. */
export class ScriptedGroups {
  readonly #topics: Topics;
  /** Node that coordinates every group. */
  coordinator = 1;
  /** `group topic partition` → offset. */
  readonly offsets = new Map<string, number>();
  readonly #members = new Map<string, Member>();
  #epoch = 0;

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  get members(): string[] {
    return [...this.#members.keys()];
  }

  /** As if the member's session had ended. */
  expire(memberId: string): void {
    this.#members.delete(memberId);
    this.#epoch += 1;
  }

  serve(api: Api, version: number, body: unknown, nodeId: number): MessageInput<Message> | undefined {
    const isHere = nodeId === this.coordinator;
    switch (api.key) {
      case API.findCoordinator.key:
        return this.#find(body as FindCoordinatorRequest, version);
      case API.consumerGroupHeartbeat.key:
        return isHere ? this.#heartbeat(body as ConsumerGroupHeartbeatRequest) : heartbeatError(ErrorCode.NOT_COORDINATOR);
      case API.offsetCommit.key:
        return this.#commit(body as OffsetCommitRequest, isHere);
      case API.offsetFetch.key:
        return this.#fetch(body as OffsetFetchRequest, isHere);
      default:
        return undefined;
    }
  }

  #find({ coordinatorKeys }: FindCoordinatorRequest, version: number) {
    const address = this.#topics.addresses().get(this.coordinator);
    const at = { nodeId: this.coordinator, host: address?.host ?? "", port: address?.port ?? -1 };
    const errorCode = address === undefined ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NONE;
    if (version < 4) return { errorCode, ...at };
    return { coordinators: coordinatorKeys.map((key) => ({ key, errorCode, errorMessage: null, ...at })) };
  }

  #heartbeat(request: ConsumerGroupHeartbeatRequest): MessageInput<Message> {
    const { memberId, memberEpoch } = request;
    if (memberEpoch < 0) {
      this.expire(memberId);
      return { ...heartbeatError(ErrorCode.NONE), memberId, memberEpoch };
    }
    const member = memberEpoch === 0 ? this.#join(memberId) : this.#members.get(memberId);
    if (member === undefined) return heartbeatError(ErrorCode.UNKNOWN_MEMBER_ID);
    if (memberEpoch !== 0 && memberEpoch !== member.epoch) return heartbeatError(ErrorCode.FENCED_MEMBER_EPOCH);
    if (request.subscribedTopicNames !== null && request.subscribedTopicNames.join() !== member.topics.join()) {
      member.topics = request.subscribedTopicNames;
      this.#epoch += 1;
    }
    if (request.topicPartitions !== null) member.owned = keysOf(request.topicPartitions);
    member.epoch = this.#epoch;
    const target = this.#targetOf(memberId, member);
    for (const key of target) member.owned.add(key);
    const text = [...target].sort().join();
    const assignment = text === member.told && memberEpoch !== 0 ? null : { topicPartitions: bodyOf(target) };
    member.told = text;
    return { throttleTimeMs: 0, errorCode: 0, memberId, memberEpoch: member.epoch, heartbeatIntervalMs: INTERVAL_MS, assignment };
  }

  #join(memberId: string): Member {
    const known = this.#members.get(memberId);
    if (known !== undefined) return known;
    const member: Member = { epoch: 0, topics: [], owned: new Set(), told: undefined };
    this.#members.set(memberId, member);
    this.#epoch += 1;
    return member;
  }

  #targetOf(memberId: string, member: Member): Set<string> {
    const others = [...this.#members].filter(([id]) => id !== memberId).flatMap(([, one]) => [...one.owned]);
    const mine = new Set<string>();
    for (const name of member.topics) {
      const sharers = [...this.#members].filter(([, one]) => one.topics.includes(name)).map(([id]) => id);
      for (let partition = 0; partition < this.#topics.partitions(name); partition += 1) {
        const key = `${this.#topics.topicId(name)} ${partition}`;
        if (sharers[partition % sharers.length] === memberId && !others.includes(key)) mine.add(key);
      }
    }
    return mine;
  }

  #commit(request: OffsetCommitRequest, isHere: boolean) {
    const errorCode = isHere ? this.#refusal(request.memberId, request.generationIdOrMemberEpoch) : ErrorCode.NOT_COORDINATOR;
    const topics = request.topics.map(({ name, topicId, partitions }) => {
      for (const { partitionIndex, committedOffset } of partitions) {
        const topic = name === "" ? this.#topics.nameOf(topicId) : name;
        if (errorCode === 0) this.offsets.set(`${request.groupId} ${topic} ${partitionIndex}`, committedOffset);
      }
      return { name, topicId, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
    });
    return { throttleTimeMs: 0, topics };
  }

  #fetch(request: OffsetFetchRequest, isHere: boolean) {
    const groups = request.groups.map(({ groupId, memberId, memberEpoch, topics }) => {
      const errorCode = isHere ? this.#refusal(memberId ?? "", memberEpoch) : ErrorCode.NOT_COORDINATOR;
      if (errorCode !== 0) return { groupId, errorCode, topics: [] };
      const found = (topics ?? []).map(({ name, topicId, partitionIndexes }) => ({
        name,
        topicId,
        partitions: partitionIndexes.map((partitionIndex) => {
          const topic = name === "" ? this.#topics.nameOf(topicId) : name;
          const committedOffset = this.offsets.get(`${groupId} ${topic} ${partitionIndex}`) ?? -1;
          return { partitionIndex, committedOffset, metadata: "", errorCode: 0 };
        }),
      }));
      return { groupId, errorCode, topics: found };
    });
    return { throttleTimeMs: 0, groups };
  }

  #refusal(memberId: string, epoch: number): number {
    if (memberId === "" && epoch < 0) return this.#members.size === 0 ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
    const member = this.#members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return member.epoch === epoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
  }
}

function heartbeatError(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, memberEpoch: 0, heartbeatIntervalMs: INTERVAL_MS };
}

function keysOf(topics: readonly Readonly<{ topicId: string; partitions: readonly number[] }>[]): Set<string> {
  return new Set(topics.flatMap(({ topicId, partitions }) => partitions.map((partition) => `${topicId} ${partition}`)));
}

function bodyOf(keys: ReadonlySet<string>): { topicId: string; partitions: number[] }[] {
  return [...keys].map((key) => ({ topicId: key.split(" ")[0] ?? "", partitions: [Number(key.split(" ")[1])] }));
}
