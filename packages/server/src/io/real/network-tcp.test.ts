import { deepEqual, equal, ok } from "node:assert/strict";
import net from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleepMs } from "node:timers/promises";
import { End, networkContract, pattern } from "../../testing/contracts/network-contract.ts";
import type { Address, Connection, Listener, Network } from "../network.ts";
import { connectTcp, TcpNetwork } from "./network-tcp.ts";

for (const direct of [true, false]) {
  networkContract(direct ? "tcp, direct reads" : "tcp, data events", async () => {
    const tcp = await TcpNetwork.open(direct);
    const [listeners, connections]: [Listener[], Connection[]] = [[], []];
    const listen: Network["listen"] = async (host, port, accept) => {
      const listener = await tcp.listen(host, port, accept);
      listeners.push(listener);
      return listener;
    };
    const connect = async (to: Address): Promise<Connection> => {
      const connection = await connectTcp(to);
      connections.push(connection);
      return connection;
    };
    const dispose = async (): Promise<void> => {
      for (const connection of connections) connection.destroy();
      await Promise.all(listeners.map((listener) => listener.close()));
    };
    return { network: { listen }, host: "127.0.0.1", connect, waitMs: (ms) => sleepMs(ms), drive: (promise) => promise, dispose };
  });
}

test("this runtime reads directly", async () => {
  equal((await TcpNetwork.open()).readsDirectly, true);
  equal((await TcpNetwork.open(false)).readsDirectly, false);
});

for (const direct of [true, false]) {
  test(`a reset by the peer closes with its reason, direct=${direct}`, async (t) => {
    const { client, server } = await pair(t, direct);
    client.write("hello");
    await server.untilReceived(5);
    client.resetAndDestroy();
    equal(await server.untilClosed(), "ECONNRESET");
    equal(server.ends, 0);
  });
}

test("the reader may destroy, pause and change its target within `bytes`", async (t) => {
  const { client, server } = await pair(t, true);
  server.onBytes = () => server.connection.pause();
  client.write(pattern(1000, 1));
  await server.untilReceived(1000);
  client.write(pattern(1000, 2));
  await sleepMs(20);
  equal(server.bytesReceived, 1000);
  server.onBytes = () => server.connection.destroy();
  server.connection.resume();
  equal(await server.untilClosed(), undefined);
  equal(server.bytesReceived, 2000);
});

test("pieces of one write leave in one segment", async (t) => {
  const { client, server } = await pair(t, true);
  const reads: number[] = [];
  client.on("data", (chunk) => reads.push(chunk.length));
  server.connection.write(Array.from({ length: 20 }, (_, n) => pattern(50, n)));
  await sleepMs(50);
  deepEqual(reads, [1000]);
});

test("a thousand connections at once, each with its own bytes", { timeout: 20_000 }, async (t) => {
  const network = await TcpNetwork.open();
  const servers: End[] = [];
  const listener = await network.listen("127.0.0.1", 0, (connection) => servers.push(new End(connection)));
  const clients = await Promise.all(Array.from({ length: 1000 }, async () => new End(await connectTcp(listener))));
  t.after(() => clients.forEach(({ connection }) => connection.destroy()));
  clients.forEach(({ connection }, n) => connection.write([pattern(1000 + n, n)]));
  const total = clients.reduce((sum, _, n) => sum + 1000 + n, 0);
  const deadline = Date.now() + 10_000;
  const received = (): number => servers.reduce((sum, server) => sum + server.bytesReceived, 0);
  while (received() < total && Date.now() < deadline) await sleepMs(5);
  equal(received(), total);
  const byPort = new Map(servers.map((server) => [server.connection.remote.port, server]));
  clients.forEach((client, n) => ok(byPort.get(client.connection.local.port)?.all.equals(pattern(1000 + n, n))));
  await listener.close();
  for (const { connection } of clients) connection.end();
  for (const { connection } of servers) connection.end();
  await Promise.all([...clients, ...servers].map((end) => end.untilClosed()));
});

test("an error of one accept or connection does not end the listener", async (t) => {
  const network = await TcpNetwork.open();
  const accepted: Connection[] = [];
  const listener = await network.listen("127.0.0.1", 0, (connection) => accepted.push(connection));
  t.after(() => listener.close());
  // Gone before it was started: told after the start.
  const gone = net.connect(listener.port, "127.0.0.1");
  gone.once("connect", () => gone.resetAndDestroy());
  await sleepMs(50);
  const [first] = accepted;
  ok(first !== undefined);
  const late = new End(first);
  ok((await late.untilClosed()) !== undefined || late.ends > 0);
  const next = new End(await connectTcp(listener));
  next.connection.destroy();
});

/** A raw client, so that the other side is nothing of ours. */
async function pair(t: TestContext, direct: boolean): Promise<{ client: net.Socket; server: End }> {
  const network = await TcpNetwork.open(direct);
  const accepted = Promise.withResolvers<Connection>();
  const listener = await network.listen("127.0.0.1", 0, accepted.resolve);
  const client = net.connect(listener.port, "127.0.0.1");
  client.on("error", () => {});
  t.after(async () => {
    client.destroy();
    await listener.close();
  });
  const server = new End(await accepted.promise);
  t.after(() => server.connection.destroy());
  return { client, server };
}
