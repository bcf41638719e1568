import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import type { Message, MessageOf } from "@tidemq/protocol/schema.ts";
import type { API, ResponseBody } from "./apis.ts";
import { brokerError, ClientError } from "./errors.ts";

/** Newest version of the consumers' own messages inside those of the classic protocol. */
const CONSUMER_PROTOCOL_VERSION_MAX = 3;
/** `protocolType` of groups of consumers; others (such as `connect`) keep something else in their members. */
const CONSUMER = "consumer";
const MEMBER_TYPE_CLASSIC = 0;

/** Partitions of one topic. */
export type TopicPartitions = Readonly<{ topic: string; partitions: readonly number[] }>;

/** `epoch`, `target` undefined: a member of the classic protocol, whose assignment is what it aims at. */
export type GroupMember = Readonly<{
  memberId: string;
  instanceId: string | undefined;
  clientId: string;
  host: string;
  protocol: "classic" | "consumer";
  epoch: number | undefined;
  topics: readonly string[];
  assignment: readonly TopicPartitions[];
  target: readonly TopicPartitions[] | undefined;
}>;

/** `type`: the protocol of its members. `assignor`: empty when there is none yet. `epoch` undefined: a classic group. */
export type GroupDescription = Readonly<{
  groupId: string;
  type: "classic" | "consumer";
  protocolType: string;
  state: string;
  assignor: string;
  epoch: number | undefined;
  /** Node id. */
  coordinator: number;
  members: readonly GroupMember[];
}>;

type NewAnswer = ResponseBody<typeof API.consumerGroupDescribe>;
type ClassicAnswer = ResponseBody<typeof API.describeGroups>;
type ClassicMember = ClassicAnswer["groups"][number]["members"][number];

/** Reads the answer about a group of the new protocol. */
export function describeNew(groupId: string, coordinator: number): (answer: NewAnswer) => GroupDescription {
  return (answer) => {
    const group = only(answer.groups, groupId);
    const members = group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId ?? undefined,
      clientId: member.clientId,
      host: hostText(member.clientHost),
      protocol: member.memberType === MEMBER_TYPE_CLASSIC ? ("classic" as const) : ("consumer" as const),
      epoch: member.memberEpoch,
      topics: member.subscribedTopicNames,
      assignment: named(member.assignment.topicPartitions),
      target: named(member.targetAssignment.topicPartitions),
    }));
    const { groupState: state, assignorName: assignor, groupEpoch: epoch } = group;
    return { groupId, type: "consumer", protocolType: CONSUMER, state, assignor, epoch, coordinator, members };
  };
}

/** Reads the answer about a group of the classic protocol. Before version 6 a group that does not exist was called dead. */
export function describeClassic(groupId: string, coordinator: number): (answer: ClassicAnswer) => GroupDescription {
  return (answer) => {
    const group = only(answer.groups, groupId);
    if (group.groupState === "Dead") throw brokerError(ErrorCode.GROUP_ID_NOT_FOUND, `describe group ${groupId}`);
    const { protocolType, groupState: state, protocolData: assignor } = group;
    const members = group.members.map((member) => classicMember(member, protocolType));
    return { groupId, type: "classic", protocolType, state, assignor, epoch: undefined, coordinator, members };
  };
}

function classicMember(member: ClassicMember, protocolType: string): GroupMember {
  const isConsumer = protocolType === CONSUMER;
  const subscription = isConsumer ? inner(consumerProtocolSubscription, member.memberMetadata) : undefined;
  const assignment = isConsumer ? inner(consumerProtocolAssignment, member.memberAssignment) : undefined;
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId ?? undefined,
    clientId: member.clientId,
    host: hostText(member.clientHost),
    protocol: "classic",
    epoch: undefined,
    topics: subscription?.topics ?? [],
    assignment: (assignment?.assignedPartitions ?? []).map(({ topic, partitions }) => ({ topic, partitions })),
    target: undefined,
  };
}

/** Members write these themselves: what cannot be read is shown as nothing. */
function inner<M extends Message>(kind: M, bytes: Uint8Array): MessageOf<M> | undefined {
  if (bytes.byteLength < 2) return undefined;
  const reader = new ByteReader(bytes);
  try {
    const version = reader.int16();
    return decodeMessage<M>(kind, Math.min(version, CONSUMER_PROTOCOL_VERSION_MAX), reader);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function only<G extends Readonly<{ groupId: string; errorCode: number; errorMessage: string | null }>>(
  groups: readonly G[],
  groupId: string,
): G {
  const group = groups.find((one) => one.groupId === groupId);
  if (group === undefined) throw new ClientError("MALFORMED_RESPONSE", `describe group ${groupId}: the broker's answer lacks it`);
  if (group.errorCode !== ErrorCode.NONE) throw brokerError(group.errorCode, `describe group ${groupId}`, group.errorMessage);
  return group;
}

function named(topics: readonly Readonly<{ topicName: string; partitions: readonly number[] }>[]): TopicPartitions[] {
  return topics.map(({ topicName, partitions }) => ({ topic: topicName, partitions }));
}

/** Java writes an address with a slash in front. */
function hostText(host: string): string {
  return host.startsWith("/") ? host.slice(1) : host;
}
