import { setTimeout as sleep } from "node:timers/promises";
import { offsetCommitRequest, offsetCommitResponse } from "@tidemq/protocol/messages/08-offset-commit.ts";
import { joinGroupRequest, joinGroupResponse } from "@tidemq/protocol/messages/11-join-group.ts";
import { leaveGroupRequest, leaveGroupResponse } from "@tidemq/protocol/messages/13-leave-group.ts";
import { syncGroupRequest, syncGroupResponse } from "@tidemq/protocol/messages/14-sync-group.ts";
import type { MessageOf } from "@tidemq/protocol/schema.ts";
import { ask, findCoordinators, frameOf, NOT_LOADED, openAll, read, whenLoaded } from "./group-requests.ts";
import { cpuSeconds, untilQuiet } from "./process-cost.ts";
import type { RawConnection } from "./raw-connection.ts";
import type { Figures, Target } from "./target.ts";

const GROUPS = 32;
const IN_FLIGHT = 5;
const COMMIT_SECONDS = 3;
const COMMIT_VERSION = 9;
const MEMBERS = 100;
const JOIN_VERSION = 9;
const SYNC_VERSION = 5;
const LEAVE_VERSION = 5;
let runs = 0;

/** Offsets of 32 groups, each committed by a consumer of its own that is in no group, five requests in flight. */
export async function commitOffsets(target: Target, topic: string): Promise<Figures> {
  runs += 1;
  const connections = await openAll(target, GROUPS);
  const names = Array.from({ length: GROUPS }, (_, n) => `commits-${runs}-${n}`);
  const [probe] = connections as [RawConnection];
  await findCoordinators(probe, names);
  for (const groupId of names) await whenLoaded(async () => firstError(await probe.ask(commitFrame(groupId, topic))));
  const before = cpuSeconds(target.processId);
  const startMs = performance.now();
  const endMs = startMs + COMMIT_SECONDS * 1000;
  const answered = await Promise.all(connections.map((connection, n) => commitUntil(connection, names[n] ?? "", topic, endMs)));
  const seconds = (performance.now() - startMs) / 1000;
  for (const connection of connections) connection.close();
  await untilQuiet(target.processId);
  const commits = answered.reduce((sum, count) => sum + count, 0);
  return { "commits/s": commits / seconds, "broker CPU µs/commit": ((cpuSeconds(target.processId) - before) / commits) * 1e6 };
}

function commitUntil(connection: RawConnection, groupId: string, name: string, endMs: number): Promise<number> {
  const frame = commitFrame(groupId, name);
  return new Promise((resolve) => {
    let left = IN_FLIGHT;
    let answered = 0;
    connection.onAnswer = (answer) => {
      const error = firstError(answer);
      if (error !== 0) throw new Error(`a commit is answered with error ${error}`);
      answered += 1;
      if (performance.now() < endMs) connection.send(frame);
      else if (--left === 0) resolve(answered);
    };
    for (let n = 0; n < IN_FLIGHT; n++) connection.send(frame);
  });
}

function commitFrame(groupId: string, name: string): Uint8Array {
  const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: "" }];
  return frameOf(offsetCommitRequest, COMMIT_VERSION, { groupId, memberId: "", topics: [{ name, partitions }] });
}

function firstError(answer: Buffer): number | undefined {
  return read(offsetCommitResponse, COMMIT_VERSION, answer).topics[0]?.partitions[0]?.errorCode;
}

/** A hundred members join a group that has one: from the first request until each has its assignment. Without the wait for an empty group. */
export async function joinGroup(target: Target, _topic: string): Promise<Figures> {
  runs += 1;
  const groupId = `join-${runs}`;
  const connections = await openAll(target, MEMBERS + 1);
  await findCoordinators(connections[0] as RawConnection, [groupId]);
  const members = connections.map((connection) => new Member(connection, groupId));
  const [first, ...others] = members as [Member, ...Member[]];
  await first.join();
  const startMs = performance.now();
  // The first one hears of the others with its next heartbeat; here it comes again by itself.
  const joined = Promise.all(others.map((member) => member.join()));
  await sleep(10);
  await Promise.all([joined, first.join()]);
  const tookMs = performance.now() - startMs;
  for (const member of members) await member.leave();
  for (const connection of connections) connection.close();
  return { "join of 100 ms": tookMs };
}

class Member {
  readonly #connection: RawConnection;
  readonly #groupId: string;
  #memberId = "";

  constructor(connection: RawConnection, groupId: string) {
    this.#connection = connection;
    this.#groupId = groupId;
  }

  async join(): Promise<void> {
    for (;;) {
      const joined = await this.#join();
      this.#memberId = joined.memberId;
      if (joined.errorCode === MEMBER_ID_REQUIRED) continue;
      if (NOT_LOADED.has(joined.errorCode)) {
        await sleep(100);
        continue;
      }
      if (joined.errorCode !== 0) throw new Error(`a join is answered with error ${joined.errorCode}`);
      const assignments = joined.members.map(({ memberId }) => ({ memberId, assignment: Buffer.from(memberId) }));
      const who = { groupId: this.#groupId, generationId: joined.generationId, memberId: this.#memberId };
      const body = { ...who, protocolType: "consumer", protocolName: "range", assignments };
      const synced = await ask(this.#connection, syncGroupRequest, syncGroupResponse, SYNC_VERSION, body);
      if (synced.errorCode === REBALANCE_IN_PROGRESS) continue;
      if (synced.errorCode !== 0) throw new Error(`a sync is answered with error ${synced.errorCode}`);
      return;
    }
  }

  async leave(): Promise<void> {
    const members = [{ memberId: this.#memberId }];
    await ask(this.#connection, leaveGroupRequest, leaveGroupResponse, LEAVE_VERSION, { groupId: this.#groupId, members });
  }

  #join(): Promise<MessageOf<typeof joinGroupResponse>> {
    return ask(this.#connection, joinGroupRequest, joinGroupResponse, JOIN_VERSION, {
      groupId: this.#groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: this.#memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(64) }],
    });
  }
}

const MEMBER_ID_REQUIRED = 79;
const REBALANCE_IN_PROGRESS = 27;
