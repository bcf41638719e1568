import type { PeerMessage } from "../io/peer-transport.ts";
import { encodeAround, encodeMessage, encodeWithPayload } from "../peer-net/messages.ts";
import {
  Append,
  BasePiece,
  type Begin,
  type Drop,
  FollowerMessage,
  LeaderMessage,
  type Part,
} from "../peer-net/proto/broker/replication.ts";

/** Path of the stream (proto/broker/replication.proto), which brokers serve to brokers. */
export const FOLLOW_PATH = "/tidemq.broker.v1.Replication/Follow";

export type FollowerWord = NonNullable<FollowerMessage["kind"]>;
export type LeaderWord = NonNullable<LeaderMessage["kind"]>;

/* Field numbers of the contract, for what is sent as it lies. */
const APPEND = 2;
const APPEND_PAYLOAD = 3;
const BASE = 4;
const BASE_BYTES = 1;

export function encodeFollowerWord(kind: FollowerWord): PeerMessage {
  return encodeMessage(FollowerMessage, { kind });
}

export function encodeBegin(value: Begin): PeerMessage {
  return encodeMessage(LeaderMessage, { kind: { $case: "begin", value } });
}

export function encodeDrop(value: Drop): PeerMessage {
  return encodeMessage(LeaderMessage, { kind: { $case: "drop", value } });
}

export function encodeBasePiece(bytes: Uint8Array): PeerMessage {
  return encodeAround(BASE, encodeWithPayload(BasePiece, { bytes: NOTHING }, BASE_BYTES, [bytes]));
}

/** The batches go as they lie. */
export function encodeAppend(number: number, parts: readonly Part[], payload: PeerMessage): PeerMessage {
  return encodeAround(APPEND, encodeWithPayload(Append, { number, parts, payload: NOTHING }, APPEND_PAYLOAD, payload));
}

const NOTHING = new Uint8Array(0);
