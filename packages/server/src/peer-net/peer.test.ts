import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { sleep } from "../io/clock.ts";
import type { PeerTransport } from "../io/peer-transport.ts";
import { message, PeerEnd, PeerEnds } from "../testing/peer-end.ts";
import { SimPeerNetwork } from "../testing/sim-io/peer-transport.ts";
import type { SimProcess } from "../testing/sim-io/process.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { Peers } from "./peers.ts";

const ECHO = "/tidemq.test.v1.Test/Echo";
const HANG = "/tidemq.test.v1.Test/Hang";
const REFUSE = "/tidemq.test.v1.Test/Refuse";
const STREAM = "/tidemq.test.v1.Test/Stream";
const WAYS: readonly (readonly [string, string])[] = [
  ["one", "two"],
  ["two", "one"],
];
const ADDRESS = { host: "one", port: 9093 };

class Cluster {
  readonly world: SimWorld;
  readonly net: SimPeerNetwork;
  readonly client: SimProcess;
  readonly peers: Peers;
  readonly ends = new PeerEnds();
  server: SimProcess | undefined;
  attempts = 0;

  constructor(seed: number) {
    this.world = new SimWorld(seed);
    this.net = new SimPeerNetwork(this.world);
    this.client = this.world.startProcess("client");
    const { clock, random } = this.client;
    const right = this.net.attach(this.client, { host: "two" });
    const transport: PeerTransport = {
      listen: (...args) => right.listen(...args),
      connect: (to) => {
        this.attempts += 1;
        return right.connect(to);
      },
    };
    this.peers = new Peers({ transport, clock, random });
  }

  async start(): Promise<void> {
    const server = this.world.startProcess("server");
    this.server = server;
    const calls = new Map([
      [ECHO, (request: Uint8Array) => Promise.resolve([request])],
      [HANG, () => sleep(server.clock, 60_000).then(() => [])],
      [REFUSE, () => Promise.reject(new QueueError("NOT_CONTROLLER", "not me"))],
    ]);
    await this.world.settle(
      this.net
        .attach(server, { host: "one" })
        .listen(ADDRESS.host, ADDRESS.port, { calls, streams: new Map([[STREAM, this.ends.accept]]) }),
    );
  }

  /** `done`, or the code of the error. */
  async try(call: Promise<unknown>): Promise<string> {
    try {
      await this.world.settle(call);
      return "done";
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.world.nowMs + ms);
  }
}

async function cluster(seed = 1): Promise<Cluster> {
  const made = new Cluster(seed);
  await made.start();
  return made;
}

test("nothing is connected before it is needed, and once for all who need it", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  await all.pass(1_000);
  deepEqual([all.attempts, peer.health.isConnected], [0, false]);
  await all.world.settle(Promise.all(Array.from({ length: 20 }, () => peer.call(ECHO, message(100), 1_000))));
  await all.pass(5_000);
  const { isConnected, counts, rttMs, sentBytes, receivedBytes, breaker } = peer.health;
  deepEqual([all.attempts, isConnected, breaker], [1, true, "closed"]);
  deepEqual(counts, { calls: 20, streams: 0, failures: 0, refused: 0, connects: 1, connectFailures: 0 });
  ok(rttMs !== undefined && rttMs > 0 && rttMs < 2);
  deepEqual([sentBytes, receivedBytes], [2_100, 2_100]);
});

test("a peer that is away: pauses between attempts, one trial at a time, and it is found again when it is back", async () => {
  const all = new Cluster(1);
  const peer = all.peers.register(1, ADDRESS);
  const call = (): Promise<string> => all.try(peer.call(ECHO, message(1), 1_000));
  for (const [failures, breaker] of [
    [1, "closed"],
    [2, "closed"],
    [3, "half-open"],
    [4, "half-open"],
    [5, "open"],
    [6, "open"],
  ] as const) {
    await all.pass(peer.waitMs);
    equal(await call(), "unavailable");
    deepEqual([peer.health.breaker, peer.health.failuresInARow, all.attempts], [breaker, failures, failures]);
    equal(await call(), "unavailable");
    equal(all.attempts, failures, "nothing is tried within the pause");
  }
  ok(peer.waitMs > 500 && peer.waitMs <= 1_600);
  await all.start();
  await all.pass(peer.waitMs);
  equal(await call(), "done");
  deepEqual([peer.health.breaker, peer.health.failuresInARow, peer.waitMs], ["closed", 0, 0]);
  ok(peer.health.lastError?.includes("nobody listens"));
});

test("a peer that is known to be back is asked at once", async () => {
  const all = new Cluster(1);
  const peer = all.peers.register(1, ADDRESS);
  for (let failures = 1; failures <= 6; failures++) {
    await all.pass(peer.waitMs);
    equal(await all.try(peer.call(ECHO, message(1), 1_000)), "unavailable");
  }
  await all.start();
  ok(peer.waitMs > 500);
  peer.cameBack();
  deepEqual([peer.health.breaker, peer.health.failuresInARow, peer.waitMs], ["closed", 0, 0]);
  equal(await all.try(peer.call(ECHO, message(1), 1_000)), "done");
});

test("half-open: one passes, the others are refused meanwhile", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  for (let n = 0; n < 3; n++) equal(await all.try(peer.call(HANG, message(1), 100)), "deadline");
  equal(peer.health.breaker, "half-open");
  await all.pass(peer.waitMs);
  const outcomes = await all.world.settle(Promise.allSettled(Array.from({ length: 10 }, () => peer.call(ECHO, message(1), 1_000))));
  equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 1);
  deepEqual([peer.health.breaker, peer.health.counts.refused], ["closed", 9]);
});

test("a peer that refuses is alive; who cancels says nothing about it", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  for (let n = 0; n < 10; n++) equal(await all.try(peer.call(REFUSE, message(1), 1_000)), "refused");
  for (let n = 0; n < 10; n++) {
    const end: PeerEnd[] = [];
    const stream = await all.world.settle(
      peer.open(STREAM, (opened) => {
        end.push(new PeerEnd(opened));
        return end[0] as PeerEnd;
      }),
    );
    stream.cancel();
    equal((await all.world.settle((end[0] as PeerEnd).untilClosed()))?.code, "cancelled");
  }
  deepEqual([peer.health.breaker, peer.health.failuresInARow, peer.health.counts.failures], ["closed", 0, 0]);
});

test("a connection that is lost is one failure, for all that was on it", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  const end: PeerEnd[] = [];
  await all.world.settle(
    peer.open(STREAM, (stream) => {
      end.push(new PeerEnd(stream));
      return end[0] as PeerEnd;
    }),
  );
  const hanging = Array.from({ length: 10 }, () => peer.call(HANG, message(1), 10_000).catch((error: { code: string }) => error.code));
  await all.pass(10);
  all.net.links.forEach((link) => link.reset());
  deepEqual(new Set(await all.world.settle(Promise.all(hanging))), new Set(["lost"]));
  equal((await all.world.settle((end[0] as PeerEnd).untilClosed()))?.code, "lost");
  deepEqual([peer.health.breaker, peer.health.failuresInARow, peer.health.isConnected], ["closed", 1, false]);
  equal(peer.health.counts.failures, 11);
  equal(await all.try(peer.call(ECHO, message(1), 1_000)), "unavailable", "not before the pause is over");
  await all.pass(peer.waitMs);
  equal(await all.try(peer.call(ECHO, message(1), 1_000)), "done");
  equal(peer.health.counts.connects, 2);
  ok(peer.health.sentBytes > 12 * 5, "what went over the first connection counts on");
});

test("who waits for a connection waits no longer than it wants, and nothing ran", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  all.net.cut("two", "one");
  const startMs = all.world.nowMs;
  await rejects(all.world.settle(peer.call(ECHO, message(1), 300)), { code: "unavailable", mayHaveRun: false });
  ok(all.world.nowMs - startMs < 310);
  equal(peer.health.failuresInARow, 0, "the attempt is still under way");
  await all.pass(6_000);
  equal(peer.health.failuresInARow, 1);
});

test("peers come, move and go", async () => {
  const all = await cluster();
  const peer = all.peers.register(1, ADDRESS);
  equal(all.peers.register(1, { ...ADDRESS }), peer);
  equal(await all.try(peer.call(ECHO, message(1), 1_000)), "done");
  const moved = all.peers.register(1, { host: "one", port: 9999 });
  ok(moved !== peer && all.peers.get(1) === moved);
  equal(await all.try(peer.call(ECHO, message(1), 1_000)), "unavailable");
  const late = all.peers.register(2, ADDRESS);
  const call = late.call(ECHO, message(1), 1_000).catch((error: { code: string }) => error.code);
  all.peers.remove(2);
  equal(await all.world.settle(call), "unavailable", "removed while it connected");
  await all.pass(1_000);
  equal(all.net.links.size, 0);
  deepEqual(
    all.peers.health().map((health) => [health.id, health.address.port]),
    [[1, 9999]],
  );
  all.peers.close();
  equal(all.peers.get(1), undefined);
});

test("random faults: each call ends in time, none runs twice, and when they stop everything works again", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const all = new Cluster(seed);
    const { world, net, client } = all;
    const random = world.random.fork("scenario");
    const ran = new Map<number, number>();
    const restart = async (): Promise<void> => {
      const server = world.startProcess("server");
      all.server = server;
      const count = (request: Uint8Array): Promise<Uint8Array[]> => {
        const number = Buffer.from(request).readUInt32BE(0);
        ran.set(number, (ran.get(number) ?? 0) + 1);
        return sleep(server.clock, random.between(0, 50)).then(() => [request]);
      };
      await net.attach(server, { host: "one" }).listen(ADDRESS.host, ADDRESS.port, { calls: new Map([[ECHO, count]]), streams: new Map() });
    };
    await world.settle(restart());
    const peer = all.peers.register(1, ADDRESS);
    const outcomes: { readonly number: number; readonly outcome: string; readonly tookMs: number; readonly mayHaveRun: boolean }[] = [];
    const one = async (number: number): Promise<void> => {
      const startMs = world.nowMs;
      const request = Buffer.alloc(4 + random.between(0, 2_000));
      request.writeUInt32BE(number, 0);
      try {
        await peer.call(ECHO, [request], 400);
        outcomes.push({ number, outcome: "done", tookMs: world.nowMs - startMs, mayHaveRun: true });
      } catch (error) {
        const { code, mayHaveRun } = error as { code: string; mayHaveRun: boolean };
        outcomes.push({ number, outcome: code, tookMs: world.nowMs - startMs, mayHaveRun });
      }
    };
    const running: Promise<void>[] = [];
    const scenario = async (): Promise<void> => {
      for (let number = 0; number < 400; number++) {
        running.push(one(number));
        await sleep(client.clock, random.between(0, 60));
        if (random.chance(0.02)) all.server?.crash();
        if (random.chance(0.05) && all.server?.alive === false) await restart();
        if (random.chance(0.02)) all.server?.pause(random.between(0, 3_000));
        if (random.chance(0.03)) net.cut(...random.pick(WAYS));
        if (random.chance(0.1)) for (const [from, to] of WAYS) net.heal(from, to);
        net.faults.resetRatio = random.chance(0.1) ? 0.2 : 0;
      }
      net.faults.resetRatio = 0;
      for (const [from, to] of WAYS) net.heal(from, to);
      if (all.server?.alive === false) await restart();
      await Promise.all(running);
      await sleep(client.clock, 25_000);
      for (let number = 1_000; number < 1_005; number++) await one(number);
    };
    await world.settle(scenario());
    equal(outcomes.length, 405);
    for (const { number, outcome, tookMs, mayHaveRun } of outcomes) {
      const runs = ran.get(number) ?? 0;
      ok(
        runs <= 1 && (mayHaveRun || runs === 0) && (outcome !== "done" || runs === 1),
        `call ${number} ${outcome} ran ${runs} times, seed=${seed}`,
      );
      ok(tookMs < 420, `call ${number} ${outcome} took ${tookMs} ms, seed=${seed}`);
    }
    deepEqual(new Set(outcomes.slice(-4).map(({ outcome }) => outcome)), new Set(["done"]), `seed=${seed}`);
    equal(peer.health.breaker, "closed");
  }
});
