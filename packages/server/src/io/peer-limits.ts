import { BATCH_BYTES_MAX } from "../base/limits.ts";
import { MiB } from "../base/units.ts";

/** What a transport between peers allows itself and the other side. */
export type PeerLimits = Readonly<{
  /** One message, either way. */
  messageBytesMax: number;
  /** Streams and calls of one connection at a time. */
  streamsMax: number;
  /** Connections that a listener has open. */
  connectionsMax: number;
  /** Requests that arrive or are being handled and answers to calls that are not taken yet, of a listener. */
  inFlightBytesMax: number;
  /** Given to `send` of one stream and not taken yet. */
  pendingBytesMax: number;
  /** How much a stream takes from the wire while its reader is paused. */
  windowBytes: number;
  /** Until a connection stands and the peer has said its first word. */
  firstBytesMs: number;
  /** The longest a call may take, whatever its caller says. */
  callMsMax: number;
  /** Between two pings; a connection is cut when a ping is still unanswered at the second tick after it (the tenth when much pends). */
  pingMs: number;
}>;

/** Of a broker or controller. Tests have smaller ones. */
export const PEER_LIMITS: PeerLimits = {
  messageBytesMax: BATCH_BYTES_MAX + 4 * MiB,
  streamsMax: 256,
  connectionsMax: 1024,
  inFlightBytesMax: 256 * MiB,
  pendingBytesMax: 32 * MiB,
  windowBytes: 16 * MiB,
  firstBytesMs: 5_000,
  callMsMax: 60_000,
  pingMs: 2_000,
};

/** Unanswered ticks after which a connection is cut. Ticks, not time: who stood still does not blame its peer for it. */
export const PINGS_MISSED_MAX = 2;

/** The same while large messages wait to be sent: on a slow line a ping waits behind them. */
export const PINGS_MISSED_BUSY_MAX = 10;

/** Of a refusal's text that travels; the rest is cut off. */
export const PEER_ERROR_TEXT_CHARS_MAX = 1_000;
