import type { Clock } from "./clock.ts";
import type { PeerError } from "./peer-error.ts";
import type { PeerIdentity, PeerStream, StreamHandler } from "./peer-transport.ts";

/** A stream that never was: its reader hears why in a later turn. */
export function refusedStream(clock: Clock, peer: PeerIdentity, accept: StreamHandler, error: PeerError): PeerStream {
  const ignore = (): void => {};
  const nothing = { send: ignore, end: ignore, cancel: ignore, pause: ignore, resume: ignore };
  const stream: PeerStream = { peer, pendingBytes: Number.POSITIVE_INFINITY, ...nothing };
  const reader = accept(stream);
  clock.nextTurn(() => reader.closed(error));
  return stream;
}
