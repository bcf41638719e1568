import { Buffer } from "node:buffer";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { type ConsumerMember, EPOCH_AWAY, NO_ASSIGNMENT } from "../fold/group-state.ts";
import type { Turn } from "../group-shard.ts";
import type { ConsumerHeartbeatInput } from "../inputs.ts";
import { GROUP_EXPRESSIONS_MAX, NAME_BYTES_MAX, NAME_CHARS_MAX, PARTITIONS_MAX, SUBSCRIPTION_BYTES_MAX, TOPICS_MAX } from "../limits.ts";
import { ASSIGNORS } from "./assignors.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";

/** Why a request is refused. */
export type Refusal = Readonly<{ error: number; message: string }>;

type Input = ConsumerHeartbeatInput;

function invalid(message: string): Refusal {
  return { error: ErrorCode.INVALID_REQUEST, message };
}

/** What a heartbeat says by itself, in Kafka's words. */
export function checkRequest(turn: Turn, input: Input): Refusal | undefined {
  const { memberId, memberEpoch, instanceId, rackId } = input;
  if (instanceId === "") return invalid("InstanceId can't be empty.");
  if (rackId === "") return invalid("RackId can't be empty.");
  if ((input.bringsId || memberEpoch !== 0) && memberId === "") return invalid("MemberId can't be empty.");
  if (memberEpoch < EPOCH_AWAY) return invalid("MemberEpoch is invalid.");
  if (memberEpoch === EPOCH_AWAY && instanceId === undefined) return invalid("InstanceId can't be null.");
  if (memberEpoch === 0 && input.rebalanceTimeoutMs < 0) return invalid("RebalanceTimeoutMs must be provided in first request.");
  if (memberEpoch === 0 && (input.owned === undefined || input.owned.size > 0))
    return invalid("TopicPartitions must be empty when (re-)joining.");
  if (memberEpoch === 0 && input.topics === undefined && input.expression === undefined)
    return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  if (input.assignor !== undefined && !ASSIGNORS.has(input.assignor))
    return {
      error: ErrorCode.UNSUPPORTED_ASSIGNOR,
      message: `ServerAssignor ${input.assignor.slice(0, NAME_CHARS_MAX)} is not one of ${[...ASSIGNORS.keys()].join(", ")}.`,
    };
  return checkExpression(turn, input) ?? checkSizes(input);
}

function checkExpression({ shard }: Turn, { expression }: Input): Refusal | undefined {
  const problem = expression === undefined || expression === "" ? undefined : shard.topology.matching(expression)?.problem;
  if (problem === undefined) return undefined;
  const said = expression?.slice(0, NAME_CHARS_MAX);
  return {
    error: ErrorCode.INVALID_REGULAR_EXPRESSION,
    message: `SubscribedTopicRegex \`${said}\` is not a valid regular expression: ${problem}.`,
  };
}

function checkSizes({ memberId, instanceId = "", rackId = "", topics = [], owned = NO_ASSIGNMENT }: Input): Refusal | undefined {
  if (Math.max(memberId.length, instanceId.length, rackId.length) > NAME_CHARS_MAX)
    return invalid(`An id is longer than ${NAME_CHARS_MAX} characters.`);
  let bytes = 0;
  for (const name of topics) {
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes > NAME_BYTES_MAX) return invalid("A topic name is too long.");
    bytes += nameBytes + 2;
  }
  if (topics.length > TOPICS_MAX || bytes > SUBSCRIPTION_BYTES_MAX)
    return { error: ErrorCode.GROUP_MAX_SIZE_REACHED, message: "The subscription is too large." };
  for (const partitions of owned.values()) if (partitions.length > PARTITIONS_MAX) return invalid("TopicPartitions are too many.");
  return undefined;
}

/** Whether the group takes another member. */
export function checkRoom(turn: Turn, draft: ConsumerDraft, input: Input): Refusal | undefined {
  const { membersMax } = turn.shard.options;
  if (draft.base.members.has(input.memberId) || (input.instanceId !== undefined && draft.base.instances.has(input.instanceId)))
    return undefined;
  if (draft.base.members.size < membersMax && !turn.shard.isPacked) return undefined;
  return { error: ErrorCode.GROUP_MAX_SIZE_REACHED, message: "The consumer group has reached its maximum capacity." };
}

/** What members want may not grow without end, also of those that are there. */
export function checkWish(turn: Turn, draft: ConsumerDraft, before: ConsumerMember, wanted: ConsumerMember): Refusal | undefined {
  if (!hasOutgrown(turn, draft.groupId, before, wanted) && !isTooWide(turn, draft, wanted)) return undefined;
  return { error: ErrorCode.GROUP_MAX_SIZE_REACHED, message: "The consumer group has reached its maximum size." };
}

/** One member cannot have more topics than an entry takes, however short the expression is that it wants them by. */
function isTooWide({ shard }: Turn, { base }: ConsumerDraft, { topics, expression }: ConsumerMember): boolean {
  if (expression === undefined) return false;
  if (!base.expressions.has(expression) && base.expressions.size >= GROUP_EXPRESSIONS_MAX) return true;
  return topics.length + (shard.topology.matching(expression)?.names.length ?? 0) > TOPICS_MAX;
}

function hasOutgrown(turn: Turn, groupId: string, before: ConsumerMember, wanted: ConsumerMember): boolean {
  if (before.topics === wanted.topics) return false;
  const growthBytes = topicBytes(wanted.topics) - topicBytes(before.topics);
  const bytes = turn.shard.fold.groups.get(groupId)?.membershipBytes ?? 0;
  return growthBytes > 0 && (turn.shard.isPacked || bytes + growthBytes > turn.shard.options.groupBytesMax);
}

function topicBytes(topics: readonly string[]): number {
  let sum = 0;
  for (const topic of topics) sum += 2 + topic.length;
  return sum;
}
