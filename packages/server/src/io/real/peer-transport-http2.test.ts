import net from "node:net";
import { setTimeout as sleepMs } from "node:timers/promises";
import { peerTransportContract } from "../../testing/contracts/peer-transport-contract.ts";
import type { PeerConnection, PeerListener, PeerTransport } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

peerTransportContract("http2", (limits) => {
  const transport = new Http2PeerTransport(new RealClock(), limits);
  const { kept, dispose } = keeping(transport);
  const proxies: Proxy[] = [];
  return {
    server: kept,
    client: kept,
    host: "127.0.0.1",
    route: async (to) => {
      const proxy = await Proxy.open(to);
      proxies.push(proxy);
      return { host: "127.0.0.1", port: proxy.port };
    },
    breakAll: () => proxies.forEach((proxy) => proxy.breakAll()),
    silence: () => proxies.forEach((proxy) => proxy.silence()),
    waitMs: (ms) => sleepMs(ms),
    drive: (promise) => promise,
    dispose: async () => {
      await dispose();
      for (const proxy of proxies) proxy.close();
    },
  };
});

/** Closes what a test that failed has left open. */
function keeping(transport: PeerTransport): { kept: PeerTransport; dispose: () => Promise<void> } {
  const open: (PeerListener | PeerConnection)[] = [];
  const keep = <T extends PeerListener | PeerConnection>(one: T): T => {
    open.push(one);
    return one;
  };
  const kept: PeerTransport = {
    listen: async (...args) => keep(await transport.listen(...args)),
    connect: async (to) => keep(await transport.connect(to)),
  };
  return {
    kept,
    dispose: async () => {
      for (const one of open.reverse()) await Promise.resolve(one.close());
    },
  };
}

/** Passes bytes on until it is told otherwise. */
class Proxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server) {
    this.#server = server;
  }

  static open(to: { readonly host: string; readonly port: number }): Promise<Proxy> {
    const server = net.createServer({ noDelay: true });
    const proxy = new Proxy(server);
    server.on("connection", (near) => {
      const far = net.connect({ host: to.host, port: to.port, noDelay: true });
      for (const socket of [near, far]) proxy.#keep(socket, socket === near ? far : near);
    });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(proxy));
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  breakAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  silence(): void {
    for (const socket of this.#sockets) socket.unpipe().removeAllListeners("close").pause();
  }

  close(): void {
    this.#server.close();
    this.breakAll();
  }

  #keep(socket: net.Socket, other: net.Socket): void {
    this.#sockets.add(socket);
    socket.pipe(other);
    socket.on("error", () => {});
    socket.on("close", () => other.destroy());
  }
}
