import { equal, ok } from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as sleepMs } from "node:timers/promises";
import { peerTransportContract } from "../../testing/contracts/peer-transport-contract.ts";
import { message, PeerEnd, PeerEnds } from "../../testing/peer-end.ts";
import { PEER_LIMITS } from "../peer-limits.ts";
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

test("a slow line that a large message fills is not taken for a silent one, on either side", { timeout: 20_000 }, async (t) => {
  const transport = new Http2PeerTransport(new RealClock(), { ...PEER_LIMITS, pingMs: 200 });
  const ends = new PeerEnds();
  const listener = await transport.listen("127.0.0.1", 0, { calls: new Map(), streams: new Map([["/t.T/S", ends.accept]]) });
  const proxy = await Proxy.open(listener, 12);
  const connection = await transport.connect({ host: "127.0.0.1", port: proxy.port });
  t.after(async () => {
    connection.close();
    await listener.close();
    proxy.close();
  });
  const here: PeerEnd[] = [];
  connection.open("/t.T/S", (stream) => {
    here.push(new PeerEnd(stream));
    return here[0] as PeerEnd;
  });
  const [end] = here;
  ok(end !== undefined);
  end.stream.send(message(12_000_000));
  const there = await ends.next();
  await Promise.race([there.untilMessages(1), there.untilClosed(), end.untilClosed()]);
  equal(there.messages.length, 1);
  there.stream.send(message(12_000_000));
  await Promise.race([end.untilMessages(1), there.untilClosed(), end.untilClosed()]);
  equal(end.messages.length, 1);
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

  /** @param mibPerSecond How fast bytes pass; as they come when it is not given. */
  static open(to: { readonly host: string; readonly port: number }, mibPerSecond?: number): Promise<Proxy> {
    const server = net.createServer({ noDelay: true });
    const proxy = new Proxy(server);
    server.on("connection", (near) => {
      const far = net.connect({ host: to.host, port: to.port, noDelay: true });
      for (const socket of [near, far]) proxy.#keep(socket, socket === near ? far : near, mibPerSecond);
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

  #keep(socket: net.Socket, other: net.Socket, mibPerSecond: number | undefined): void {
    this.#sockets.add(socket);
    if (mibPerSecond === undefined) socket.pipe(other);
    else slowPipe(socket, other, mibPerSecond);
    socket.on("error", () => {});
    socket.on("close", () => other.destroy());
  }
}

/** Pauses whenever more has passed than the time allows. */
function slowPipe(from: net.Socket, to: net.Socket, mibPerSecond: number): void {
  let dueMs = performance.now();
  from.on("data", (chunk: Buffer) => {
    to.write(chunk);
    const nowMs = performance.now();
    dueMs = Math.max(dueMs, nowMs - 20) + (chunk.length / 1024 / 1024 / mibPerSecond) * 1000;
    if (dueMs <= nowMs) return;
    from.pause();
    setTimeout(() => from.resume(), dueMs - nowMs);
  });
}
