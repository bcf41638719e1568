// Each fault between simulated peers happens when it is asked for, and only then.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { sleep } from "../../io/clock.ts";
import type { PeerConnection, PeerListener } from "../../io/peer-transport.ts";
import { message, PeerEnd, PeerEnds } from "../peer-end.ts";
import { type SimPeerFaults, SimPeerNetwork } from "./peer-transport.ts";
import type { SimProcess } from "./process.ts";
import { SimWorld } from "./sim-world.ts";

const CALL = "/tidemq.test.v1.Test/Count";
const STREAM = "/tidemq.test.v1.Test/Stream";

type Setup = {
  world: SimWorld;
  net: SimPeerNetwork;
  server: SimProcess;
  client: SimProcess;
  listener: PeerListener;
  connect: () => Promise<PeerConnection>;
  connection: PeerConnection;
  ends: PeerEnds;
  runs: () => number;
};

async function setup(seed: number, faults: Partial<SimPeerFaults> = {}): Promise<Setup> {
  const world = new SimWorld(seed);
  const net = new SimPeerNetwork(world);
  const [server, client] = [world.startProcess("server"), world.startProcess("client")];
  const ends = new PeerEnds();
  let runs = 0;
  const count = (): Promise<Uint8Array[]> => Promise.resolve([Buffer.from([(runs += 1)])]);
  const services = { calls: new Map([[CALL, count]]), streams: new Map([[STREAM, ends.accept]]) };
  const listener = await world.settle(net.attach(server, { host: "one" }).listen("one", 9093, services));
  const connect = (): Promise<PeerConnection> => net.attach(client, { host: "two" }).connect(listener);
  const connection = await world.settle(connect());
  Object.assign(net.faults, faults);
  return { world, net, server, client, listener, connect, connection, ends, runs: () => runs };
}

function openStream(connection: PeerConnection): PeerEnd {
  const made: PeerEnd[] = [];
  connection.open(STREAM, (stream) => {
    made.push(new PeerEnd(stream));
    return made[0] as PeerEnd;
  });
  return made[0] as PeerEnd;
}

const code = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return "done";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("half a partition: the request arrives and runs, the answer waits; the call ends by its deadline", async () => {
  const { world, net, connection, runs } = await setup(1);
  net.cut("one", "two");
  equal(await world.settle(code(connection.call(CALL, message(1), 1_000))), "deadline");
  equal(runs(), 1);
});

test("a partition that heals in time loses nothing; one that stays is ended by keep-alive, on both sides", async () => {
  const { world, net, connection, ends } = await setup(1);
  const here = openStream(connection);
  here.stream.send(message(1));
  const there = await world.settle(ends.next());
  await world.settle(there.untilMessages(1));
  net.cut("two", "one");
  for (let n = 0; n < 5; n++) here.stream.send(message(10, n));
  await world.run(world.nowMs + 1_500);
  equal(there.messages.length, 1);
  net.heal("two", "one");
  await world.settle(there.untilMessages(6));
  net.cut("one", "two");
  net.cut("two", "one");
  equal((await world.settle(here.untilClosed()))?.code, "lost");
  equal((await world.settle(there.untilClosed()))?.code, "lost");
});

test("who connects through a partition waits in vain, and gets through when it has healed", async () => {
  const { world, net, connect } = await setup(1);
  net.cut("one", "two");
  const startMs = world.nowMs;
  equal(await world.settle(code(connect())), "unavailable");
  ok(world.nowMs - startMs >= 5_000);
  net.heal("one", "two");
  equal(await world.settle(code(connect())), "done");
});

test("a connection that is reset at a random moment: the call ran or not, and is lost; never twice", async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { world, connection, runs } = await setup(seed, { resetRatio: 0.3 });
    const outcome = await world.settle(code(connection.call(CALL, message(1), 60_000)));
    ok(runs() <= 1);
    ok(outcome === "lost" || (outcome === "done" && runs() === 1), `${outcome} seed=${seed}`);
    outcomes.add(`${outcome} ${runs()}`);
  }
  deepEqual([...outcomes].sort(), ["done 1", "lost 0", "lost 1"]);
});

test("a message is changed on its way, in the direction that is asked for", async () => {
  const damage: SimPeerFaults["damage"] = (from, _to, bytes) => {
    if (from === "two") bytes[0] = 0xff;
  };
  const { world, connection, ends } = await setup(1, { damage });
  const client = openStream(connection);
  client.stream.send(message(1));
  await world.run(world.nowMs + 10);
  const [server] = ends.all;
  server?.stream.send(message(1));
  await world.run(world.nowMs + 10);
  deepEqual([server?.messages[0]?.[0], client.messages[0]?.[0]], [0xff, message(1)[0]?.[0]]);
});

test("a crash is heard of, or not when the machine is gone: then keep-alive finds out", async () => {
  const { world, server, connection, connect } = await setup(1);
  server.crash();
  const startMs = world.nowMs;
  await world.settle(new Promise<void>((resolve) => connection.onClosed(resolve)));
  ok(world.nowMs - startMs < 10);
  equal(await world.settle(code(connect())), "unavailable");
  const gone = await setup(1, { silentCrashRatio: 1 });
  gone.server.crash();
  const goneAtMs = gone.world.nowMs;
  await gone.world.settle(new Promise<void>((resolve) => gone.connection.onClosed(resolve)));
  ok(gone.world.nowMs - goneAtMs >= 4_000 && gone.world.nowMs - goneAtMs <= 6_100, `${gone.world.nowMs - goneAtMs}`);
});

test("a machine without power tells nobody anything, until something is started there", async () => {
  const { world, net, server, connection, connect } = await setup(1);
  net.losePower("one");
  server.crash();
  await world.run(world.nowMs + 1_000);
  equal(connection.isClosed, false);
  const startMs = world.nowMs;
  await rejects(world.settle(connect()), { code: "unavailable", isNobodyThere: false });
  ok(world.nowMs - startMs >= 5_000);
  net.attach(world.startProcess("again"), { host: "one" });
  await rejects(world.settle(connect()), { code: "unavailable", isNobodyThere: true });
});

test("a process that stands still for a moment is not cut; one that stands still for long is, and cuts nobody itself", async () => {
  const { world, server, connection, ends } = await setup(1);
  const here = openStream(connection);
  here.stream.send(message(1));
  const there = await world.settle(ends.next());
  server.pause(3_000);
  await world.run(world.nowMs + 8_000);
  equal(connection.isClosed, false);
  server.pause(20_000);
  await world.run(world.nowMs + 10_000);
  equal(here.closings[0]?.code, "lost");
  equal(there.closings.length, 0);
  await world.run(world.nowMs + 20_000);
  equal(there.closings[0]?.code, "lost");
});

test("a client that stood still finds its connection as it was when the server had nothing to say", async () => {
  const { world, client, connection } = await setup(1);
  client.pause(3_500);
  await world.run(world.nowMs + 20_000);
  equal(connection.isClosed, false);
});

test("a message that changes while it pends is found", async () => {
  const { world, connection } = await setup(1);
  const here = openStream(connection);
  const bytes = Buffer.alloc(10);
  here.stream.send([bytes]);
  bytes[0] = 1;
  await rejects(world.settle(here.until(() => here.stream.pendingBytes === 0)), /changed while it was pending/);
});

test("attempts are refused when it is asked for", async () => {
  const { world, net, connect } = await setup(1);
  net.faults.refuseRatio = 1;
  equal(await world.settle(code(connect())), "unavailable");
});

test("same seed, same trace", async () => {
  const run = async (seed: number): Promise<string> => {
    const { world, connection, client } = await setup(seed, { resetRatio: 0.01, delayMs: [0.1, 3] });
    await world.settle(
      Promise.all(Array.from({ length: 50 }, (_, n) => sleep(client.clock, n).then(() => code(connection.call(CALL, message(n), 100))))),
    );
    return world.trace.digest;
  };
  equal(await run(3), await run(3));
  ok((await run(3)) !== (await run(4)));
});
