import type http2 from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import type { Address } from "../network.ts";
import { callOver } from "../peer-call.ts";
import { PeerError } from "../peer-error.ts";
import { PeerKeepAlive, type PingedLine } from "../peer-keep-alive.ts";
import type { PeerLimits } from "../peer-limits.ts";
import type { PeerConnection, PeerIdentity, PeerMessage, PeerStream, StreamHandler } from "../peer-transport.ts";
import { refusedStream } from "../refused-stream.ts";
import { formatTimeout } from "./grpc-framing.ts";
import { CalledStream } from "./http2-called-stream.ts";
import type { PeerByteCounts, PeerStreamParts } from "./http2-peer-stream.ts";
import type { MessagePool } from "./message-pool.ts";

/** The calling side of one HTTP/2 session. */
export class Http2PeerConnection implements PeerConnection {
  readonly peer: PeerIdentity;
  readonly #session: http2.ClientHttp2Session;
  readonly #parts: PeerStreamParts;
  readonly #keepAlive: PeerKeepAlive;
  readonly #streams = new Set<CalledStream>();
  readonly #onClosed: (() => void)[] = [];
  #isClosed = false;

  /** @param session Connected, and the peer has sent its settings. */
  constructor(clock: Clock, limits: PeerLimits, pool: MessagePool, session: http2.ClientHttp2Session, to: Address) {
    this.#session = session;
    this.peer = { address: to, name: certifiedName(session) };
    const counts = { sentBytes: 0, receivedBytes: 0, pendingBytes: 0 };
    const isConnectionLost = (): boolean => session.closed || session.destroyed;
    this.#parts = { clock, limits, peer: this.peer, counts, budget: undefined, pool, isConnectionLost };
    session.setLocalWindowSize(limits.windowBytes);
    this.#keepAlive = new PeerKeepAlive(clock, limits.pingMs, pingedLine(session, counts));
    session.once("goaway", () => session.destroy());
    session.once("close", () => this.#closed());
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#parts.isConnectionLost();
  }

  get sentBytes(): number {
    return this.#parts.counts.sentBytes;
  }

  get receivedBytes(): number {
    return this.#parts.counts.receivedBytes;
  }

  get rttMs(): number | undefined {
    return this.#keepAlive.rttMs;
  }

  call(path: string, request: PeerMessage, deadlineMs: number): Promise<Uint8Array> {
    const withinMs = Math.min(deadlineMs, this.#parts.limits.callMsMax);
    return callOver((to, accept, ms) => this.open(to, accept, ms), path, request, withinMs);
  }

  open(path: string, accept: StreamHandler, deadlineMs?: number): PeerStream {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusedStream(this.#parts.clock, this.peer, accept, refusal);
    const headers = {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc+proto",
      te: "trailers",
      ...(deadlineMs === undefined ? {} : { "grpc-timeout": formatTimeout(deadlineMs) }),
    };
    // Else a cancelled stream would first say that it had ended in good order: the runtime flushes the end before the reset.
    const raw = this.#session.request(headers, { waitForTrailers: true });
    const stream = new CalledStream(raw, this.#parts, accept, deadlineMs);
    this.#streams.add(stream);
    raw.once("close", () => this.#streams.delete(stream));
    return stream;
  }

  onClosed(run: () => void): void {
    if (this.#isClosed) this.#parts.clock.nextTurn(run);
    else this.#onClosed.push(run);
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#session.destroy();
  }

  #refusal(): PeerError | undefined {
    if (this.isClosed) return new PeerError("unavailable", "the connection is closed");
    const streamsMax = Math.min(this.#parts.limits.streamsMax, this.#session.remoteSettings.maxConcurrentStreams ?? Infinity);
    return this.#streams.size < streamsMax ? undefined : new PeerError("overloaded", `${streamsMax} streams are open`);
  }

  #closed(): void {
    this.#isClosed = true;
    this.#keepAlive.stop();
    for (const run of this.#onClosed.splice(0)) run();
  }
}

/** Pings of HTTP/2; a silent session is destroyed. */
export function pingedLine(session: http2.Http2Session, counts: PeerByteCounts): PingedLine {
  return {
    ping: (answered) => {
      if (session.destroyed) return;
      session.ping((error) => {
        if (error === null) answered();
      });
    },
    receivedBytes: () => counts.receivedBytes,
    pendingBytes: () => counts.pendingBytes,
    silent: () => session.destroy(),
  };
}

/** Of the other end, if TLS has verified one. */
export function certifiedName(session: http2.Http2Session): string | undefined {
  const socket = session.socket as Partial<TLSSocket>;
  if (socket.authorized !== true) return undefined;
  const name = socket.getPeerCertificate?.().subject?.CN;
  return typeof name === "string" && name !== "" ? name : undefined;
}
