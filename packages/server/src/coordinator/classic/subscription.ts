import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import {
  type ConsumerProtocolAssignment,
  type ConsumerProtocolSubscription,
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "@tidemq/protocol/messages/consumer-protocol.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import type { Message, MessageOf } from "@tidemq/protocol/schema.ts";
import type { Assignment } from "../fold/group-state.ts";
import type { Topology } from "../topology.ts";
import type { ClassicGroup } from "./classic-group.ts";

/** The protocol type of consumers: the only one whose metadata a broker reads. */
export const CONSUMER_PROTOCOL = "consumer";

const NEWEST = 3;

/** What a classic member of a consumer group wants; undefined when it cannot be read. */
export function decodeSubscription(metadata: Uint8Array): ConsumerProtocolSubscription | undefined {
  return decode(consumerProtocolSubscription, metadata);
}

/** What the leader gave to a member; undefined when it cannot be read. */
export function decodeAssignment(assignment: Uint8Array): ConsumerProtocolAssignment | undefined {
  return decode(consumerProtocolAssignment, assignment);
}

/** Fields are only ever appended: a newer version reads as the newest known. */
function decode<M extends Message>(message: M, bytes: Uint8Array): MessageOf<M> | undefined {
  try {
    const reader = new ByteReader(bytes);
    const version = reader.int16();
    return version < 0 ? undefined : decodeMessage(message, Math.min(version, NEWEST), reader);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

/** As a leader would have written it, in the oldest version, which every client reads. */
export function encodeAssignment(assigned: Assignment, topology: Topology): Uint8Array {
  const assignedPartitions: { topic: string; partitions: number[] }[] = [];
  for (const [topicId, partitions] of assigned) {
    const topic = topology.byId(topicId)?.name;
    if (topic !== undefined) assignedPartitions.push({ topic, partitions: [...partitions] });
  }
  const writer = new ByteWriter();
  writer.int16(0);
  encodeMessage(consumerProtocolAssignment, 0, { assignedPartitions, userData: null }, writer);
  return new Uint8Array(writer.finish());
}

/** The names of topics that members want; undefined: somebody's cannot be read, and might be any. */
export function classicTopics(group: ClassicGroup): ReadonlySet<string> | undefined {
  const topics = new Set<string>();
  if (group.protocolType !== CONSUMER_PROTOCOL || group.protocol === undefined) return topics;
  for (const member of group.members.values()) {
    const subscription = decodeSubscription(group.metadataOf(member));
    if (subscription === undefined) return undefined;
    for (const topic of subscription.topics) topics.add(topic);
  }
  return topics;
}
