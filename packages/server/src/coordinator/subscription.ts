import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { type ConsumerProtocolSubscription, consumerProtocolSubscription } from "@tidemq/protocol/messages/consumer-protocol.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import type { ClassicGroup } from "./classic-group.ts";

/** The protocol type of consumers: the only one whose metadata a broker reads. */
export const CONSUMER_PROTOCOL = "consumer";

const NEWEST = 3;

/** What a classic member of a consumer group wants; undefined when it cannot be read. */
export function decodeSubscription(metadata: Uint8Array): ConsumerProtocolSubscription | undefined {
  try {
    const reader = new ByteReader(metadata);
    const version = reader.int16();
    // Fields are only ever appended: a newer version reads as the newest known.
    return version < 0 ? undefined : decodeMessage(consumerProtocolSubscription, Math.min(version, NEWEST), reader);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

/** Whether a member wants the topic. What cannot be read might: its offsets are kept. */
export function isClassicSubscribed(group: ClassicGroup, topic: string): boolean {
  if (group.protocolType !== CONSUMER_PROTOCOL || group.protocol === undefined) return false;
  for (const member of group.members.values()) {
    const subscription = decodeSubscription(group.metadataOf(member));
    if (subscription === undefined || subscription.topics.includes(topic)) return true;
  }
  return false;
}
