import { setTimeout as sleep } from "node:timers/promises";
import { joinGroupRequest, joinGroupResponse } from "@tidemq/protocol/messages/11-join-group.ts";
import { heartbeatRequest, heartbeatResponse } from "@tidemq/protocol/messages/12-heartbeat.ts";
import { leaveGroupRequest, leaveGroupResponse } from "@tidemq/protocol/messages/13-leave-group.ts";
import { syncGroupRequest, syncGroupResponse } from "@tidemq/protocol/messages/14-sync-group.ts";
import { describeGroupsRequest, describeGroupsResponse } from "@tidemq/protocol/messages/15-describe-groups.ts";
import { listGroupsRequest, listGroupsResponse } from "@tidemq/protocol/messages/16-list-groups.ts";
import { consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse } from "@tidemq/protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeRequest, consumerGroupDescribeResponse } from "@tidemq/protocol/messages/69-consumer-group-describe.ts";
import type { MessageOf } from "@tidemq/protocol/schema.ts";
import { ask, findCoordinators, openAll } from "./group-requests.ts";
import type { RawConnection } from "./raw-connection.ts";
import type { Target } from "./target.ts";

/** What a crowd of members does, step by step; what it ends with when nobody hears of it any more. */
export type Crowd = Readonly<{ steps: readonly Step[]; expiry: readonly Step[] }>;
type Step = readonly [what: string, run: () => Promise<unknown>];

const SESSION_MS = 15_000;
const SETTLE_MS = 5_000;
const REBALANCE_MS = 60_000;
const MEMBER_ID_REQUIRED = 79;
const REBALANCE_IN_PROGRESS = 27;
const CONSUMER_SESSION_MS = 45_000;
const ROUNDS_MAX = 20;
const LEAVES = -1;
const ASSIGNMENT_BYTES = 100;

/** One member of the classic protocol. */
class ClassicMember {
  readonly #connection: RawConnection;
  readonly #groupId: string;
  #memberId = "";
  #joined: MessageOf<typeof joinGroupResponse> | undefined;

  constructor(connection: RawConnection, groupId: string) {
    this.#connection = connection;
    this.#groupId = groupId;
  }

  get isLeader(): boolean {
    return this.#joined?.leader === this.#memberId;
  }

  async join(): Promise<void> {
    const protocols = [{ name: "range", metadata: Buffer.alloc(ASSIGNMENT_BYTES) }];
    const timeouts = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS };
    for (;;) {
      const body = { groupId: this.#groupId, ...timeouts, memberId: this.#memberId, protocolType: "consumer", protocols };
      const joined = await ask(this.#connection, joinGroupRequest, joinGroupResponse, 9, body);
      this.#memberId = joined.memberId;
      if (joined.errorCode === MEMBER_ID_REQUIRED) continue;
      check("join", joined.errorCode);
      this.#joined = joined;
      return;
    }
  }

  async sync(): Promise<void> {
    const { members = [], generationId = -1 } = this.#joined ?? {};
    const assignments = members.map(({ memberId }) => ({ memberId, assignment: Buffer.alloc(ASSIGNMENT_BYTES) }));
    const who = { groupId: this.#groupId, generationId, memberId: this.#memberId };
    const body = { ...who, protocolType: "consumer", protocolName: "range", assignments };
    check("sync", (await ask(this.#connection, syncGroupRequest, syncGroupResponse, 5, body)).errorCode);
  }

  async beat(): Promise<void> {
    const body = { groupId: this.#groupId, generationId: this.#joined?.generationId ?? -1, memberId: this.#memberId };
    const { errorCode } = await ask(this.#connection, heartbeatRequest, heartbeatResponse, 4, body);
    if (errorCode !== REBALANCE_IN_PROGRESS) check("heartbeat", errorCode);
  }

  async leave(): Promise<void> {
    const body = { groupId: this.#groupId, members: [{ memberId: this.#memberId }] };
    check("leave", (await ask(this.#connection, leaveGroupRequest, leaveGroupResponse, 5, body)).errorCode);
    this.#memberId = "";
  }

  /** Its session has ended elsewhere. */
  forget(): void {
    this.#memberId = "";
  }
}

function check(what: string, errorCode: number): void {
  if (errorCode !== 0) throw new Error(`a ${what} is answered with error ${errorCode}`);
}

/** The one member of another group, whose heartbeats should not wait for a crowd. */
export async function bystander(target: Target): Promise<Readonly<{ beat(): Promise<void> }>> {
  const groupId = "bystander";
  const [connection] = (await openAll(target, 1)) as [RawConnection];
  await findCoordinators(connection, [groupId]);
  const member = new ClassicMember(connection, groupId);
  await member.join();
  await member.sync();
  return member;
}

type Doing<M> = (member: M) => Promise<unknown>;

function all<M>(members: readonly M[], run: Doing<M>): Promise<unknown> {
  return Promise.all(members.map(run));
}

/** One group of the classic protocol. */
export async function classicCrowd(target: Target, count: number): Promise<Crowd> {
  const groupId = "classic-crowd";
  const [probe, ...connections] = (await openAll(target, count + 1)) as [RawConnection, ...RawConnection[]];
  await findCoordinators(probe, [groupId]);
  const members = connections.map((connection) => new ClassicMember(connection, groupId));
  const join: Step = ["join", () => all(members, (member) => member.join())];
  const sync: Step = ["sync", () => all([...members].sort(leaderLast), (member) => member.sync())];
  const steps: Step[] = [
    join,
    sync,
    ["heartbeat", () => all(members, (member) => member.beat())],
    ["describe", () => ask(probe, describeGroupsRequest, describeGroupsResponse, 6, { groups: [groupId] })],
    ["list", () => ask(probe, listGroupsRequest, listGroupsResponse, 5, {})],
    ["join again", () => all([...members].sort(leaderLast).reverse(), (member) => member.join())],
    ["sync again", sync[1]],
    ["leave", () => all(members, (member) => member.leave())],
  ];
  return { steps, expiry: [join, sync, ["sessions end", () => sleep(SESSION_MS + SETTLE_MS)]] };
}

function leaderLast(a: ClassicMember, b: ClassicMember): number {
  return Number(a.isLeader) - Number(b.isLeader);
}

/** Groups of the classic protocol with one to three members. */
export async function manyGroups(target: Target, count: number): Promise<Crowd> {
  const groupIds = Array.from({ length: count }, (_, at) => `group-${at}`);
  const sizes = groupIds.map((_, at) => 1 + (at % 3));
  const [probe, ...connections] = (await openAll(target, 1 + sizes.reduce((sum, size) => sum + size, 0))) as [
    RawConnection,
    ...RawConnection[],
  ];
  await findCoordinators(probe, groupIds);
  const members = groupIds.flatMap((groupId, at) =>
    connections.splice(0, sizes[at]).map((connection) => new ClassicMember(connection, groupId)),
  );
  const join: Step = ["join", () => all(members, (member) => member.join())];
  const sync: Step = ["sync", () => all(members, (member) => member.sync())];
  const steps: Step[] = [
    join,
    sync,
    ["heartbeat", () => all(members, (member) => member.beat())],
    ["describe", () => ask(probe, describeGroupsRequest, describeGroupsResponse, 6, { groups: groupIds })],
    ["list", () => ask(probe, listGroupsRequest, listGroupsResponse, 5, {})],
    ["leave", () => all(members, (member) => member.leave())],
  ];
  return { steps, expiry: [join, sync, ["sessions end", () => sleep(SESSION_MS + SETTLE_MS)]] };
}

/** One member of the protocol in which the coordinator assigns. */
class ConsumerMember {
  readonly #connection: RawConnection;
  readonly #groupId: string;
  readonly #memberId: string;
  readonly #wish: object;
  #epoch = 0;
  #assigned: readonly Readonly<{ topicId: string; partitions: readonly number[] }>[] = [];
  isOwed = true;

  constructor(connection: RawConnection, groupId: string, memberId: string, wish: object) {
    this.#connection = connection;
    this.#groupId = groupId;
    this.#memberId = memberId;
    this.#wish = wish;
  }

  async join(): Promise<void> {
    this.#epoch = 0;
    this.#assigned = [];
    await this.#send({ rebalanceTimeoutMs: REBALANCE_MS, topicPartitions: [], ...this.#wish });
  }

  /** Says what it has, when that changed. */
  async beat(): Promise<void> {
    await this.#send(this.isOwed ? { topicPartitions: this.#assigned } : {});
  }

  async leave(): Promise<void> {
    this.#epoch = LEAVES;
    await this.#send({});
  }

  async #send(fields: object): Promise<void> {
    const body = { groupId: this.#groupId, memberId: this.#memberId, memberEpoch: this.#epoch, ...fields };
    const answer = await ask(this.#connection, consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse, 1, body);
    check("heartbeat", answer.errorCode);
    this.isOwed = answer.assignment !== null || answer.memberEpoch !== this.#epoch;
    this.#epoch = answer.memberEpoch;
    if (answer.assignment !== null) this.#assigned = answer.assignment.topicPartitions;
  }
}

/** One group whose coordinator assigns, of as many members as the topic has partitions. */
export async function consumerCrowd(target: Target, count: number, topic: string): Promise<Crowd> {
  const groupId = "consumer-crowd";
  const [probe, ...connections] = (await openAll(target, count + 1)) as [RawConnection, ...RawConnection[]];
  await findCoordinators(probe, [groupId]);
  const members = connections.map(
    (connection, at) => new ConsumerMember(connection, groupId, `member-${at}`.padEnd(36, "-"), { subscribedTopicNames: [topic] }),
  );
  return {
    steps: stepsOf(members, groupId, probe),
    expiry: [joining(members), ["sessions end", () => sleep(CONSUMER_SESSION_MS + SETTLE_MS)]],
  };
}

/** Members of one group by expressions: each of a tenth of the topics, whose names end in a number, the last of all. */
export async function patternCrowd(target: Target, count: number, stem: string): Promise<Crowd> {
  const groupId = "pattern-crowd";
  const [probe, ...connections] = (await openAll(target, count + 1)) as [RawConnection, ...RawConnection[]];
  await findCoordinators(probe, [groupId]);
  const members = connections.map((connection, at) => {
    const subscribedTopicRegex = at === count - 1 ? `${stem}.*` : `${stem}-[0-9]*${at % 10}`;
    return new ConsumerMember(connection, groupId, `member-${at}`.padEnd(36, "-"), { subscribedTopicRegex });
  });
  return { steps: stepsOf(members, groupId, probe), expiry: [] };
}

function joining(members: readonly ConsumerMember[]): Step {
  return ["join", () => all(members, (member) => member.join())];
}

function stepsOf(members: readonly ConsumerMember[], groupId: string, probe: RawConnection): readonly Step[] {
  const settle = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await all(members, (member) => member.beat());
      if (members.every(({ isOwed }) => !isOwed)) return;
    }
  };
  return [
    joining(members),
    ["heartbeats until all have theirs", settle],
    ["heartbeat", () => all(members, (member) => member.beat())],
    [
      "describe",
      () =>
        ask(probe, consumerGroupDescribeRequest, consumerGroupDescribeResponse, 1, {
          groupIds: [groupId],
          includeAuthorizedOperations: false,
        }),
    ],
    ["list", () => ask(probe, listGroupsRequest, listGroupsResponse, 5, {})],
    ["leave", () => all(members, (member) => member.leave())],
  ];
}
