import http2 from "node:http2";
import type net from "node:net";
import type { Clock } from "../clock.ts";
import type { Address } from "../network.ts";
import { PeerBudget, serveCall } from "../peer-call.ts";
import { PeerError } from "../peer-error.ts";
import { PeerKeepAlive } from "../peer-keep-alive.ts";
import type { PeerLimits } from "../peer-limits.ts";
import type { PeerListener, PeerServices, PeerStream, PeerStreamReader, StreamHandler } from "../peer-transport.ts";
import { parseTimeout } from "./grpc-framing.ts";
import { certifiedName, pingedLine } from "./http2-peer-connection.ts";
import type { PeerStreamParts } from "./http2-peer-stream.ts";
import { ServedStream } from "./http2-served-stream.ts";
import { LISTEN_BACKLOG, PEER_HEADER_BYTES_MAX, PEER_RESETS_PER_SECOND_MAX, PEER_SESSION_MEMORY_MB } from "./limits.ts";
import { networkError } from "./network-tcp.ts";
import { type Denied, isAboutCertificate, type PeerTls } from "./peer-certificates.ts";

/** By then it does not know its address any more: that is remembered of the one beneath. `authorizationError`: of the certificate. */
type RefusedSocket = net.Socket & Readonly<{ authorizationError?: Error | string | null; _parent?: net.Socket | null }>;

type Secured = PeerTls & Readonly<{ denied: Denied }>;

/** The serving side: one HTTP/2 server, its sessions and what they may ask for. */
export class Http2PeerListener implements PeerListener {
  readonly host: string;
  readonly port: number;
  readonly #server: http2.Http2Server;
  /** Also those that have not said a word. */
  readonly #sockets: ReadonlySet<net.Socket>;

  private constructor(server: http2.Http2Server, sockets: ReadonlySet<net.Socket>) {
    const { address, port } = server.address() as net.AddressInfo;
    this.host = address;
    this.port = port;
    this.#server = server;
    this.#sockets = sockets;
  }

  static open(clock: Clock, limits: PeerLimits, tls: Secured | undefined, at: Address, services: PeerServices): Promise<PeerListener> {
    const server = createServer(limits, tls);
    const sockets = new Set<net.Socket>();
    const budget = new PeerBudget(limits.inFlightBytesMax);
    server.on("connection", (socket: net.Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.on("session", (session) => serveSession(session, clock, limits, services, budget));
    // Told to the session, too; without a listener here it would end the process.
    server.on("sessionError", () => {});
    return new Promise((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(networkError(error, `${at.host}:${at.port}`)));
      server.listen({ ...at, backlog: LISTEN_BACKLOG, exclusive: true }, () => {
        server.removeAllListeners("error").on("error", () => {});
        resolve(new Http2PeerListener(server, sockets));
      });
    });
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }
}

function createServer(limits: PeerLimits, tls: Secured | undefined): http2.Http2Server {
  const options = {
    settings: {
      enablePush: false,
      initialWindowSize: limits.windowBytes,
      maxConcurrentStreams: limits.streamsMax,
      maxHeaderListSize: PEER_HEADER_BYTES_MAX,
    },
    maxSessionMemory: PEER_SESSION_MEMORY_MB,
    streamResetBurst: PEER_RESETS_PER_SECOND_MAX,
    streamResetRate: PEER_RESETS_PER_SECOND_MAX,
  };
  if (tls === undefined) return bounded(http2.createServer(options), limits);
  const { denied, ...identity } = tls;
  const secured = { ...options, ...identity, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" as const };
  const server = http2.createSecureServer({ ...secured, handshakeTimeout: limits.firstBytesMs });
  const hosts = new WeakMap<net.Socket, string>();
  server.on("connection", (socket: net.Socket) => hosts.set(socket, socket.remoteAddress ?? ""));
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: RefusedSocket) => {
    const reason = socket.authorizationError ?? (isAboutCertificate(error) ? error.code : undefined);
    const host = socket._parent ? hosts.get(socket._parent) : undefined;
    if (reason) denied(host || "a peer that is gone", String(reason));
  });
  // No HTTP/2 agreed on in the handshake.
  server.on("unknownProtocol", (socket) => socket.destroy());
  return bounded(server, limits);
}

function bounded<S extends net.Server>(server: S, limits: PeerLimits): S {
  server.maxConnections = limits.connectionsMax;
  return server;
}

function serveSession(
  session: http2.ServerHttp2Session,
  clock: Clock,
  limits: PeerLimits,
  services: PeerServices,
  budget: PeerBudget,
): void {
  session.setLocalWindowSize(limits.windowBytes);
  const cut = (): void => session.destroy();
  const firstBytes = clock.after(limits.firstBytesMs, cut);
  session.once("remoteSettings", () => firstBytes.cancel());
  const counts = { sentBytes: 0, receivedBytes: 0, pendingBytes: 0 };
  const keepAlive = new PeerKeepAlive(clock, limits.pingMs, pingedLine(session, counts));
  session.on("error", () => {});
  session.once("close", () => {
    firstBytes.cancel();
    keepAlive.stop();
  });
  const { remoteAddress, remotePort } = session.socket;
  const peer = { address: { host: remoteAddress ?? "", port: remotePort ?? 0 }, name: certifiedName(session) };
  const isConnectionLost = (): boolean => session.closed || session.destroyed;
  const parts: PeerStreamParts = { clock, limits, peer, counts, budget, pool: undefined, isConnectionLost };
  session.on("stream", (stream, headers) => serveStream(stream, headers, parts, services, budget));
}

function serveStream(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  parts: PeerStreamParts,
  services: PeerServices,
  budget: PeerBudget,
): void {
  const isGrpc = /^application\/grpc(\+proto)?(;|$)/.test(headers["content-type"] ?? "");
  if (headers[":method"] !== "POST" || !isGrpc) return refuseStranger(stream, parts);
  const path = headers[":path"] ?? "";
  const call = services.calls.get(path);
  const accept: StreamHandler = (served) => {
    const handler = call === undefined ? services.streams.get(path) : (request: PeerStream) => serveCall(request, call, budget);
    if (handler === undefined) throw new PeerError("unknown-path", `nothing is served at ${path}`);
    return handler(served);
  };
  serve(stream, headers["grpc-timeout"], parts, accept, call === undefined ? undefined : parts.limits.callMsMax);
}

/** No gRPC at all: an answer of HTTP, and what it still sends is not kept. */
function refuseStranger(stream: http2.ServerHttp2Stream, { clock, limits }: PeerStreamParts): void {
  stream.on("error", () => {}).resume();
  stream.respond({ ":status": 415 }, { endStream: true });
  const timer = clock.after(limits.firstBytesMs, () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
  stream.once("close", () => timer.cancel());
}

/** A duration that is none refuses the stream. */
function serve(
  stream: http2.ServerHttp2Stream,
  timeout: string | string[] | undefined,
  parts: PeerStreamParts,
  accept: StreamHandler,
  msMax: number | undefined,
): void {
  let deadlineMs: number | undefined;
  let handler = accept;
  try {
    deadlineMs = parseTimeout(timeout === undefined ? undefined : String(timeout));
  } catch (error) {
    handler = (): PeerStreamReader => {
      throw error;
    };
  }
  const withinMs = msMax === undefined ? deadlineMs : Math.min(deadlineMs ?? msMax, msMax);
  void new ServedStream(stream, parts, handler, withinMs);
}
