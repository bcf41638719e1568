import type { Api } from "@tidemq/client/apis.ts";
import { API } from "@tidemq/client/apis.ts";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { joinGroupRequest, joinGroupResponse } from "@tidemq/protocol/messages/11-join-group.ts";
import { heartbeatRequest, heartbeatResponse } from "@tidemq/protocol/messages/12-heartbeat.ts";
import { leaveGroupRequest, leaveGroupResponse } from "@tidemq/protocol/messages/13-leave-group.ts";
import { syncGroupRequest, syncGroupResponse } from "@tidemq/protocol/messages/14-sync-group.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import type { GroupHistory } from "@tidemq/server/testing/checkers/group-history.ts";
import { partitionKey } from "@tidemq/server/testing/checkers/history.ts";
import type { SimRandom } from "@tidemq/server/testing/sim-io/random.ts";
import { coordinatorConnection } from "./cluster-clients.ts";
import { fetch } from "./read-log.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

const JOIN: Api<typeof joinGroupRequest, typeof joinGroupResponse> = apiOf("JoinGroup", joinGroupRequest, joinGroupResponse);
const SYNC: Api<typeof syncGroupRequest, typeof syncGroupResponse> = apiOf("SyncGroup", syncGroupRequest, syncGroupResponse);
const HEARTBEAT: Api<typeof heartbeatRequest, typeof heartbeatResponse> = apiOf("Heartbeat", heartbeatRequest, heartbeatResponse);
const LEAVE: Api<typeof leaveGroupRequest, typeof leaveGroupResponse> = apiOf("LeaveGroup", leaveGroupRequest, leaveGroupResponse);

const SESSION_MS = 6_000;
const REBALANCE_MS = 8_000;
/** So long after a start or a death the last member that died is out, with whoever waited for it. */
export const MEMBERS_OUT_MS = 2 * SESSION_MS + REBALANCE_MS;
const JOIN_ANSWER_MS_MAX = 30_000;
const ANSWER_MS_MAX = 5_000;
const HEARTBEAT_MS = 500;
/** OffsetCommit and OffsetFetch that name topics. */
const VERSION_WITH_NAMES = 9;
const PROTOCOL = "share-alike";

/** Codes after which the member comes again under its id, and those that took its id from it. */
const COME_AGAIN: ReadonlySet<number> = new Set([ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION]);

/** The life of a member ended: it comes again after a rest. */
class Fallen extends Error {
  override readonly name = "Fallen";
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what}: error ${code}`);
    this.code = code;
  }
}

/** A member of a classic group that reads what it is given, commits, dies now and then, and comes back. */
export class GroupMember {
  readonly name: string;
  readonly #sim: SimRun;
  readonly #random: SimRandom;
  readonly #groupId: string;
  readonly #client: Client;
  readonly #targets: readonly Target[];
  readonly #history: GroupHistory;
  readonly #instanceId: string | null;
  #memberId = "";
  #generation = -1;
  #lastGeneration = -1;
  #heartbeatAtMs = 0;
  #stopped = false;
  /** By partition: where it reads on. */
  #positions = new Map<Target, number>();

  constructor(sim: SimRun, name: string, groupId: string, client: Client, targets: readonly Target[], history: GroupHistory) {
    this.name = name;
    this.#sim = sim;
    this.#random = sim.random.fork(`member ${name}`);
    this.#groupId = groupId;
    this.#client = client;
    this.#targets = targets;
    this.#history = history;
    this.#instanceId = this.#random.chance(0.3) ? name : null;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#generation < 0) await this.#joinAndHaunt();
        await this.#readOn();
      } catch (error) {
        if (!(error instanceof Fallen || error instanceof ClientError)) throw error;
        this.#sim.say(`${this.name}: ${error.message}`);
        if (error instanceof Fallen) this.#fell(error.code);
        await this.#sim.rest(10, 300);
      }
    }
    await this.#leave().catch(() => undefined);
  }

  /** Without an answer it stays what it was, as real members do. */
  #fell(code: number): void {
    this.#generation = -1;
    if (!COME_AGAIN.has(code)) this.#memberId = "";
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Now and then what an earlier life of it committed arrives late. */
  async #joinAndHaunt(): Promise<void> {
    const before = { generation: this.#lastGeneration, positions: [...this.#positions] };
    await this.#join();
    this.#lastGeneration = this.#generation;
    if (before.generation < 0 || before.generation === this.#generation || !this.#random.chance(0.5)) return;
    await this.#send(
      before.generation,
      before.positions.map(([target, position]) => [target, Math.max(1, position - 1)] as const),
    ).catch((error: unknown) => {
      if (!(error instanceof Fallen)) throw error;
    });
  }

  async #join(): Promise<void> {
    const body = () => ({
      groupId: this.#groupId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      protocolType: "consumer",
      protocols: [{ name: PROTOCOL, metadata: Buffer.from(this.name) }],
    });
    let joined = await this.#ask(JOIN, body(), JOIN_ANSWER_MS_MAX);
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId;
      joined = await this.#ask(JOIN, body(), JOIN_ANSWER_MS_MAX);
    }
    refuse("join", joined.errorCode);
    this.#memberId = joined.memberId;
    const { generationId, leader } = joined;
    const assignments = leader === this.#memberId && !joined.skipAssignment ? this.#assign(joined.members.map((one) => one.memberId)) : [];
    const synced = await this.#ask(SYNC, {
      protocolType: "consumer",
      protocolName: PROTOCOL,
      groupId: this.#groupId,
      generationId,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      assignments,
    });
    refuse("sync", synced.errorCode);
    this.#history.synced(generationId, leader);
    await this.#begin(JSON.parse(Buffer.from(synced.assignment).toString()) as number[]);
    this.#generation = generationId;
  }

  /** Every partition to one member. */
  #assign(members: readonly string[]) {
    return members.map((memberId, at) => {
      const mine = this.#targets.map((_, n) => n).filter((n) => n % members.length === at);
      return { memberId, assignment: Buffer.from(JSON.stringify(mine)) };
    });
  }

  async #begin(assignment: readonly number[]): Promise<void> {
    const targets = assignment.flatMap((n) => this.#targets[n] ?? []);
    this.#positions = new Map();
    const floors = new Map(targets.map((target) => [target, this.#history.floor(keyOf(target))]));
    const topics = byTopic(targets, ({ partition }) => partition).map(({ name, partitions }) => ({ name, partitionIndexes: partitions }));
    const { groups } = await this.#ask(API.offsetFetch, { groups: [{ groupId: this.#groupId, topics }], requireStable: true });
    refuse("offset fetch", groups[0]?.errorCode ?? ErrorCode.NONE);
    for (const target of targets) {
      const topic = groups[0]?.topics.find(({ name }) => name === target.topic);
      const told = topic?.partitions.find(({ partitionIndex }) => partitionIndex === target.partition)?.committedOffset ?? -1;
      this.#history.told(keyOf(target), told, floors.get(target) ?? -1);
      this.#positions.set(target, Math.max(0, told));
    }
  }

  async #readOn(): Promise<void> {
    while (!this.#stopped) {
      await this.#sim.rest(5, 80);
      if (this.#random.chance(0.01)) await this.#die();
      if (this.#sim.world.nowMs - this.#heartbeatAtMs > HEARTBEAT_MS) await this.#heartbeat();
      const targets = [...this.#positions.keys()];
      if (targets.length > 0) await this.#read(this.#random.pick(targets));
      if (this.#random.chance(0.3)) await this.#commit();
    }
    await this.#commit();
  }

  /** The process is gone without a word, or with one; another comes later. */
  async #die(): Promise<never> {
    if (this.#random.chance(0.5)) await this.#leave();
    await this.#sim.rest(0, 2 * SESSION_MS);
    throw new Fallen("died", ErrorCode.NONE);
  }

  async #read(target: Target): Promise<void> {
    const from = this.#positions.get(target) ?? 0;
    const { errorCode, records } = await fetch(this.#client, target, from, 0);
    if (errorCode !== ErrorCode.NONE || records === null) return;
    let to = from;
    for (let at = 0; at < records.byteLength; at += batch.batchBytes(records, at)) to = Math.max(to, batch.endOffset(records, at));
    this.#history.read(keyOf(target), from, to);
    this.#positions.set(target, to);
  }

  async #heartbeat(): Promise<void> {
    this.#heartbeatAtMs = this.#sim.world.nowMs;
    const { errorCode } = await this.#ask(HEARTBEAT, {
      groupId: this.#groupId,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
    });
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) await this.#commit();
    refuse("heartbeat", errorCode);
  }

  async #commit(): Promise<void> {
    await this.#send(this.#generation, [...this.#positions]);
  }

  async #send(generation: number, positions: readonly (readonly [Target, number])[]): Promise<void> {
    const moved = positions.filter(([, position]) => position > 0);
    if (moved.length === 0) return;
    const newestBefore = this.#history.newestGeneration;
    const topics = byTopic(moved, ([{ partition }, committedOffset]) => ({
      partitionIndex: partition,
      committedOffset,
      committedMetadata: "",
    }));
    const answer = await this.#ask(API.offsetCommit, {
      groupId: this.#groupId,
      generationIdOrMemberEpoch: generation,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      topics,
    });
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        refuse("commit", errorCode);
        const [, position = -1] = moved.find(([target]) => target.topic === name && target.partition === partitionIndex) ?? [];
        check(position >= 0, "groups", () => `a commit of ${name}-${partitionIndex} is answered that nobody sent`);
        this.#history.committed(`${name}-${partitionIndex}`, position, generation, newestBefore);
      }
    }
  }

  async #leave(): Promise<void> {
    const members = [{ memberId: this.#memberId, groupInstanceId: this.#instanceId }];
    await this.#ask(LEAVE, { groupId: this.#groupId, members });
  }

  async #ask<Q extends Message, R extends Message>(
    api: Api<Q, R>,
    body: MessageInput<Q>,
    timeoutMs = ANSWER_MS_MAX,
  ): Promise<MessageOf<R>> {
    const connection = await coordinatorConnection(this.#client, this.#groupId);
    const named = api === (API.offsetCommit as unknown) || api === (API.offsetFetch as unknown);
    return connection.request(api, body, { timeoutMs, ...(named ? { version: VERSION_WITH_NAMES } : {}) }) as Promise<MessageOf<R>>;
  }
}

function apiOf<Q extends Message, R extends Message>(name: string, request: Q, response: R): Api<Q, R> {
  return { key: request.apiKey, name, request, response };
}

function refuse(what: string, code: number): void {
  if (code !== ErrorCode.NONE) throw new Fallen(what, code);
}

function keyOf({ topic, partition }: Target): string {
  return partitionKey(topic, partition);
}

function byTopic<T extends Target | readonly [Target, unknown], P>(
  all: readonly T[],
  make: (one: T) => P,
): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const one of all) {
    const { topic } = "topic" in one ? one : one[0];
    topics.set(topic, [...(topics.get(topic) ?? []), make(one)]);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
