// Each fault of the simulated network happens when it is asked for, and only then.
import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../io/network.ts";
import { End, pattern } from "../contracts/network-contract.ts";
import { SimNetwork, type SimNetworkFaults } from "./network.ts";
import type { SimProcess } from "./process.ts";
import { SimWorld } from "./sim-world.ts";

type Setup = { world: SimWorld; net: SimNetwork; serverProcess: SimProcess; clientProcess: SimProcess; client: End; server: End };

async function setup(seed: number, faults: Partial<SimNetworkFaults> = {}): Promise<Setup> {
  const world = new SimWorld(seed);
  const net = new SimNetwork(world);
  const [serverProcess, clientProcess] = [world.startProcess("server"), world.startProcess("client")];
  const accepted = Promise.withResolvers<Connection>();
  const listener = await world.settle(net.attach(serverProcess).listen("broker", 9092, accepted.resolve));
  const client = new End(await world.settle(net.connect(clientProcess, "client", listener)));
  const server = new End(await world.settle(accepted.promise));
  Object.assign(net.faults, faults);
  return { world, net, serverProcess, clientProcess, client, server };
}

test("chops the stream at random places", async () => {
  const { world, client, server } = await setup(1, { chopBytes: [1, 10] });
  client.connection.write([pattern(1000, 1)]);
  await world.settle(server.untilReceived(1000));
  ok(server.chunks.length > 100 && server.chunks.every((chunk) => chunk.length >= 1 && chunk.length <= 10));
  ok(server.all.equals(pattern(1000, 1)));
});

test("the shared buffer is worth nothing after `bytes`", async () => {
  const { world, client, server } = await setup(1);
  let kept: Uint8Array | undefined;
  server.onBytes = (bytes) => {
    kept = bytes;
  };
  client.connection.write([pattern(10, 1)]);
  await world.settle(server.untilReceived(10));
  ok(kept?.every((byte) => byte === 0xee));
});

test("resets on demand and by chance reach both ends", async () => {
  const { world, net, client, server } = await setup(1);
  for (const link of net.links) link.reset();
  ok((await world.settle(client.untilClosed())) !== undefined);
  ok((await world.settle(server.untilClosed())) !== undefined);
  equal(net.links.size, 0);
  const other = await setup(1, { resetRatio: 1 });
  other.client.connection.write([pattern(10, 1)]);
  ok((await other.world.settle(other.server.untilClosed())) !== undefined);
});

test("a silent connection brings nothing and tells nobody", async () => {
  const { world, net, client, server } = await setup(1);
  for (const link of net.links) link.silence();
  client.connection.write([pattern(10, 1)]);
  client.connection.end();
  await world.run(world.nowMs + 60_000);
  equal(server.bytesReceived + server.ends + server.closings.length + client.closings.length, 0);
});

test("a crash of one end resets the other, or leaves it alone with a silent peer", async () => {
  const { world, clientProcess, server, client } = await setup(1);
  clientProcess.crash();
  ok((await world.settle(server.untilClosed())) !== undefined);
  equal(client.closings.length, 0, "a dead process hears nothing");
  const silent = await setup(1, { silentCrashRatio: 1 });
  silent.clientProcess.crash();
  silent.server.connection.write([pattern(10, 1)]);
  await silent.world.run(60_000);
  equal(silent.server.closings.length, 0);
});

test("nobody listens: refused; the next process takes the port of a dead one", async () => {
  const { world, net, serverProcess, clientProcess } = await setup(1);
  await rejects(world.settle(net.connect(clientProcess, "client", { host: "broker", port: 1 })), { code: "unavailable" });
  serverProcess.crash();
  await rejects(world.settle(net.connect(clientProcess, "client", { host: "broker", port: 9092 })), { code: "unavailable" });
  const next = await world.settle(net.attach(world.startProcess("next")).listen("broker", 9092, () => {}));
  equal(next.port, 9092);
  await world.settle(net.connect(clientProcess, "client", next));
  net.faults.refuseRatio = 1;
  await rejects(world.settle(net.connect(clientProcess, "client", next)), { code: "unavailable" });
});

test("a paused process reads later, and its peer fills the window meanwhile", async () => {
  const { world, serverProcess, client, server } = await setup(1, { windowBytes: 1000 });
  serverProcess.pause(5_000);
  client.connection.write([pattern(3000, 1)]);
  await world.run(world.nowMs + 4_000);
  equal(server.bytesReceived, 0);
  equal(client.connection.pendingBytes, 2000);
  await world.settle(server.untilReceived(3000));
  ok(server.all.equals(pattern(3000, 1)));
});

test("same seed, same trace", async () => {
  const run = async (seed: number): Promise<string> => {
    const { world, client, server } = await setup(seed, { chopBytes: [1, 500] });
    for (let n = 0; n < 20; n++) client.connection.write([pattern(1000, n)]);
    await world.settle(server.untilReceived(20_000));
    return world.trace.digest;
  };
  equal(await run(3), await run(3));
  ok((await run(3)) !== (await run(4)));
});
