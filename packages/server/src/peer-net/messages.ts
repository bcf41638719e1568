import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { QueueError } from "../base/errors.ts";
import type { PeerMessage } from "../io/peer-transport.ts";

/** What the generated code has of each message. */
export type MessageCodec<T> = Readonly<{
  encode: (message: T) => BinaryWriter;
  decode: (input: BinaryReader) => T;
}>;

export function encodeMessage<T>(codec: MessageCodec<T>, message: T): PeerMessage {
  return [codec.encode(message).finish()];
}

/**
 * A message whose last field is bytes that are sent as they lie, without a copy. `message` is encoded with that field empty.
 * @param field The field's number.
 */
export function encodeWithPayload<T>(codec: MessageCodec<T>, message: T, field: number, payload: PeerMessage): PeerMessage {
  let bytes = 0;
  for (const piece of payload) bytes += piece.byteLength;
  if (bytes === 0) return encodeMessage(codec, message);
  const writer = codec.encode(message);
  return [writer.tag(field, LENGTH_DELIMITED).uint32(bytes).finish(), ...payload];
}

/** A message that holds another one, which is encoded already, and nothing else. */
export function encodeAround(field: number, inner: PeerMessage): PeerMessage {
  const head = new BinaryWriter().tag(field, LENGTH_DELIMITED).uint32(inner.reduce((sum, piece) => sum + piece.byteLength, 0));
  return [head.finish(), ...inner];
}

const LENGTH_DELIMITED = 2;

/**
 * Checks types and lengths; what the message says is checked by whoever acts on it. Byte fields are views of `bytes`.
 * Throws `QueueError` MALFORMED_FRAME.
 */
export function decodeMessage<T>(codec: MessageCodec<T>, bytes: Uint8Array): T {
  const reader = new BinaryReader(bytes);
  let message: T;
  try {
    message = codec.decode(reader);
  } catch (cause) {
    throw new QueueError("MALFORMED_FRAME", "a message of a peer cannot be read", { cause });
  }
  if (reader.pos !== reader.len) throw new QueueError("MALFORMED_FRAME", "bytes are left over behind a message of a peer");
  return message;
}
