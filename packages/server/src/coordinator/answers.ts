import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { unreachable } from "../base/assert.ts";
import type { Assignment } from "./fold/group-state.ts";

/** A member as the leader of a classic group hears of it. */
export type JoinedMember = Readonly<{ id: string; instanceId: string | undefined; metadata: Uint8Array }>;

/** `generation` −1, and empty texts, where there is none. */
export type JoinAnswer = Readonly<{
  kind: "join";
  error: number;
  generation: number;
  protocolType: string | undefined;
  protocol: string | undefined;
  leader: string;
  skipAssignment: boolean;
  memberId: string;
  members: readonly JoinedMember[];
}>;

export type SyncAnswer = Readonly<{
  kind: "sync";
  error: number;
  protocolType: string | undefined;
  protocol: string | undefined;
  assignment: Uint8Array;
}>;

export type LeaveAnswer = Readonly<{
  kind: "leave";
  error: number;
  members: readonly Readonly<{ memberId: string; instanceId: string | undefined; error: number }>[];
}>;

/** Either `error` for all, or one code for each partition in the order of the request. */
export type PartitionsAnswer = Readonly<{ kind: "commit" | "delete-offsets"; error: number; codes: readonly (readonly number[])[] }>;

/** `assignment` undefined: unchanged. */
export type ConsumerHeartbeatAnswer = Readonly<{
  kind: "consumer-heartbeat";
  error: number;
  message: string | undefined;
  memberId: string | undefined;
  memberEpoch: number;
  heartbeatIntervalMs: number;
  assignment: Assignment | undefined;
}>;

/** What a handler fills Kafka's response from. `error` is a number of Kafka's table. */
export type Answer =
  | JoinAnswer
  | SyncAnswer
  | LeaveAnswer
  | PartitionsAnswer
  | ConsumerHeartbeatAnswer
  | Readonly<{ kind: "heartbeat" | "delete-group"; error: number }>;

const NO_BYTES = new Uint8Array(0);

export function joinError(error: number, memberId: string): JoinAnswer {
  const none = { generation: -1, protocolType: undefined, protocol: undefined, leader: "", skipAssignment: false, members: [] };
  return { kind: "join", error, memberId, ...none };
}

export function syncError(error: number): SyncAnswer {
  return { kind: "sync", error, protocolType: undefined, protocol: undefined, assignment: NO_BYTES };
}

export function heartbeatError(error: number, message: string): ConsumerHeartbeatAnswer {
  return { kind: "consumer-heartbeat", error, message, memberId: undefined, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: undefined };
}

/** What is answered instead, when the entries that the answer stands for could not be appended. */
export function refused(answer: Answer, error: number = ErrorCode.COORDINATOR_NOT_AVAILABLE): Answer {
  switch (answer.kind) {
    case "join":
      return joinError(error, answer.memberId);
    case "sync":
      return syncError(error);
    case "leave":
      return { kind: "leave", error, members: [] };
    case "commit":
    case "delete-offsets":
      return { kind: answer.kind, error, codes: [] };
    case "consumer-heartbeat":
      return heartbeatError(error, "the coordinator could not write");
    case "heartbeat":
    case "delete-group":
      return { kind: answer.kind, error };
    default:
      unreachable(answer);
  }
}
