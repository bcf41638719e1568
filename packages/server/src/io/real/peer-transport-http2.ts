import http2 from "node:http2";
import type { Clock } from "../clock.ts";
import type { Address } from "../network.ts";
import { PeerError } from "../peer-error.ts";
import { PEER_LIMITS, type PeerLimits } from "../peer-limits.ts";
import type { PeerConnection, PeerListener, PeerServices, PeerTransport } from "../peer-transport.ts";
import { Http2PeerConnection } from "./http2-peer-connection.ts";
import { Http2PeerListener } from "./http2-peer-listener.ts";
import { PEER_SESSION_MEMORY_MB } from "./limits.ts";
import { MessagePool } from "./message-pool.ts";
import { type Denied, isAboutCertificate, type PeerTls } from "./peer-certificates.ts";

/** gRPC over HTTP/2, framed by hand; in the clear without `tls`. */
export class Http2PeerTransport implements PeerTransport {
  readonly #clock: Clock;
  readonly #limits: PeerLimits;
  readonly #tls: PeerTls | undefined;
  readonly #denied: Denied;
  readonly #pool = new MessagePool();

  constructor(clock: Clock, limits: PeerLimits = PEER_LIMITS, tls?: PeerTls, denied: Denied = () => undefined) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tls = tls;
    this.#denied = denied;
  }

  listen(host: string, port: number, services: PeerServices): Promise<PeerListener> {
    const denied: Denied = (peer, reason) => this.#denied(peer, reason);
    return Http2PeerListener.open(
      this.#clock,
      this.#limits,
      this.#tls === undefined ? undefined : { ...this.#tls, denied },
      { host, port },
      services,
    );
  }

  connect(to: Address): Promise<PeerConnection> {
    const { windowBytes, firstBytesMs } = this.#limits;
    const scheme = this.#tls === undefined ? "http" : "https";
    const host = to.host.includes(":") ? `[${to.host}]` : to.host;
    const session = http2.connect(`${scheme}://${host}:${to.port}`, {
      ...(this.#tls === undefined ? {} : { ...this.#tls, minVersion: "TLSv1.3" }),
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: PEER_SESSION_MEMORY_MB,
    });
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(firstBytesMs, () => fail(new PeerError("unavailable", `no answer within ${firstBytesMs} ms`)));
      const fail = (error: PeerError): void => {
        timer.cancel();
        session.destroy();
        if (error.code === "denied") this.#denied(`${to.host}:${to.port}`, error.message);
        reject(error);
      };
      session.on("error", (error) => fail(connectError(error, to)));
      session.once("close", () => fail(new PeerError("unavailable", `${to.host}:${to.port}: closed at once`)));
      session.once("remoteSettings", () => {
        timer.cancel();
        resolve(new Http2PeerConnection(this.#clock, this.#limits, this.#pool, session, to));
      });
    });
  }
}

/** A certificate that either side does not accept, or anything else that keeps them apart. */
function connectError(error: NodeJS.ErrnoException, to: Address): PeerError {
  const code = isAboutCertificate(error) ? "denied" : "unavailable";
  return new PeerError(code, `${to.host}:${to.port}: ${error.message}`, { cause: error, isNobodyThere: isRefused(error) });
}

/** By each of the addresses that a name has. */
function isRefused(error: Error): boolean {
  if (error instanceof AggregateError) return error.errors.every((each) => each instanceof Error && isRefused(each));
  return (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
}
