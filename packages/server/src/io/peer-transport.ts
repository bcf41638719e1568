import type { Address } from "./network.ts";
import type { PeerError } from "./peer-error.ts";

/**
 * Messages between brokers and controllers: calls and ordered streams, by path (`/package.Service/Method`). It repeats
 * nothing by itself, and times, sizes and numbers are bounded by its `PeerLimits`.
 */
export interface PeerTransport {
  /** Port 0 = any free one. Rejects with `NetworkError`. */
  listen(host: string, port: number, services: PeerServices): Promise<PeerListener>;
  /** Rejects with `PeerError`: `unavailable`, which says whether nobody listens there, or `denied` for the sake of a certificate. */
  connect(to: Address): Promise<PeerConnection>;
}

export interface PeerListener {
  readonly host: string;
  readonly port: number;
  /** Accepts nothing more and cuts what is open. */
  close(): Promise<void>;
}

/** One message to send, in pieces. They must not change until `pendingBytes` no longer counts them. */
export type PeerMessage = readonly Uint8Array[];

/** Who is at the other end. `name`: the common name of its verified certificate; undefined without mutual TLS. */
export type PeerIdentity = Readonly<{ address: Address; name: string | undefined }>;

/** What a listener serves. A path is in one of the two. */
export type PeerServices = Readonly<{ calls: ReadonlyMap<string, CallHandler>; streams: ReadonlyMap<string, StreamHandler> }>;

/** One message in, one out. A `QueueError` travels whole; of any other error the caller learns INTERNAL only. */
export type CallHandler = (request: Uint8Array, call: ServedCall) => Promise<PeerMessage>;

export interface ServedCall {
  readonly peer: PeerIdentity;
  /** Nobody waits for the answer any more: the caller cancelled, is gone, or its time is over. */
  readonly isOver: boolean;
}

/** A stream begins: the result is told what comes. What it throws refuses the stream. */
export type StreamHandler = (stream: PeerStream) => PeerStreamReader;

/** A connection that this side opened. */
export interface PeerConnection {
  readonly peer: PeerIdentity;
  readonly isClosed: boolean;
  /** Of messages, both directions of all streams. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** How long the last ping took; undefined before the first. */
  readonly rttMs: number | undefined;
  /** Rejects with `PeerError`, `deadline` when there is no answer in time. */
  call(path: string, request: PeerMessage, deadlineMs: number): Promise<Uint8Array>;
  /** `closed` tells why, in a later turn, when there is no room or no connection. Without a deadline it may last for ever. */
  open(path: string, accept: StreamHandler, deadlineMs?: number): PeerStream;
  /** Runs once when the connection is over, whatever the reason; in a later turn when it is over already. */
  onClosed(run: () => void): void;
  /** At once: what is under way ends `cancelled` here and is lost for the peer. */
  close(): void;
}

/** One end of a stream. */
export interface PeerStream {
  readonly peer: PeerIdentity;
  /**
   * Sends one message. No effect when the stream is closed, which `closed` tells. Throws `PeerError`: `too-large`, or
   * `overloaded` when more pends than the limit allows, and nothing of it was taken.
   */
  send(message: PeerMessage): void;
  /**
   * Bytes given to `send` that the transport has not passed on yet. They stay ours until `drained`; of a
   * stream that is over, what was on its way may still be read for a moment. Infinity once the stream
   * is over, so that whoever sends until so much pends stops.
   */
  readonly pendingBytes: number;
  /** Sends what pends, then says that nothing more comes. On the serving side the stream is then over, with `error` as its end. */
  end(error?: unknown): void;
  /** Closes both directions at once; `closed` follows, in a later turn. */
  cancel(): void;
  /** No message is delivered between `pause` and `resume`. */
  pause(): void;
  resume(): void;
}

export interface PeerStreamReader {
  /** It keeps nothing of a message: the memory is the transport's again when `message` returns. Absent: it is the reader's own. */
  readonly isLent?: boolean;
  /** One whole message. */
  message(bytes: Uint8Array): void;
  /** `pendingBytes` is 0 again. Never called within `send`. */
  drained(): void;
  /** The caller sends nothing more; only the serving side hears it. */
  ended(): void;
  /** Once, last. Undefined: the serving side ended it without an error. */
  closed(error: PeerError | undefined): void;
}
