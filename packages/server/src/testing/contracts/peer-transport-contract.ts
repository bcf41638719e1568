import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../../base/errors.ts";
import type { Address } from "../../io/network.ts";
import { PEER_LIMITS, type PeerLimits } from "../../io/peer-limits.ts";
import type { CallHandler, PeerConnection, PeerListener, PeerStream, PeerTransport, ServedCall } from "../../io/peer-transport.ts";
import { joined, message, PeerEnd, PeerEnds } from "../peer-end.ts";
import { randomTraffic } from "./peer-random-traffic.ts";

/** Two machines. `drive` makes time pass until the promise settles. */
export type PeersUnderTest = Readonly<{
  server: PeerTransport;
  client: PeerTransport;
  host: string;
  /** Where a connection to the listener goes, so that it can be broken on its way. */
  route: (to: PeerListener) => Promise<Address>;
  /** Every connection is reset now. */
  breakAll: () => void;
  /** From now on nothing passes in either direction, and nobody is told. */
  silence: () => void;
  waitMs: (ms: number) => Promise<void>;
  drive: <T>(promise: Promise<T>) => Promise<T>;
  dispose: () => Promise<void>;
}>;

export type PeerCheck = Readonly<{ name: string; limits?: Partial<PeerLimits>; run: (peers: PeersUnderTest) => Promise<void> }>;
export type CreatePeers = (limits: PeerLimits) => PeersUnderTest | Promise<PeersUnderTest>;

/** What every transport between peers must do. */
export function peerTransportContract(name: string, create: CreatePeers): void {
  for (const check of PEER_CHECKS) test(`${name}: ${check.name}`, { timeout: 20_000 }, () => runPeerCheck(check, create));
}

export async function runPeerCheck(check: PeerCheck, create: CreatePeers): Promise<void> {
  const peers = await create({ ...PEER_LIMITS, ...check.limits });
  try {
    await peers.drive(check.run(peers));
  } finally {
    await peers.dispose();
  }
}

const STREAM = "/tidemq.test.v1.Test/Stream";
const call = (method: string): string => `/tidemq.test.v1.Test/${method}`;
const KiB = 1024;
const MiB = 1024 * KiB;

type Setup = Readonly<{ listener: PeerListener; connection: PeerConnection; ends: PeerEnds }>;

async function setup(peers: PeersUnderTest, calls: Record<string, CallHandler> = {}): Promise<Setup> {
  const ends = new PeerEnds();
  const handlers = new Map(Object.entries({ Echo: echo, ...calls }).map(([method, handler]) => [call(method), handler]));
  const listener = await peers.server.listen(peers.host, 0, { calls: handlers, streams: new Map([[STREAM, ends.accept]]) });
  return { listener, connection: await peers.client.connect(await peers.route(listener)), ends };
}

const echo: CallHandler = (request) => Promise.resolve([request]);

async function done({ listener, connection }: Setup): Promise<void> {
  connection.close();
  await listener.close();
}

/** A stream with both its ends; the serving one appears with the first message, which is taken away again. */
async function pair({ connection, ends }: Setup): Promise<Readonly<{ here: PeerEnd; there: PeerEnd }>> {
  const here = opened(connection);
  here.stream.send(message(1));
  const there = await ends.next();
  await there.untilMessages(1);
  there.messages.length = 0;
  there.events.length = 0;
  await here.until(() => here.stream.pendingBytes === 0);
  here.events.length = 0;
  return { here, there };
}

function opened(connection: PeerConnection, deadlineMs?: number, isLent = false): PeerEnd {
  let end: PeerEnd | undefined;
  connection.open(STREAM, (stream: PeerStream) => (end = new PeerEnd(stream, isLent)), deadlineMs);
  return end as unknown as PeerEnd;
}

/** A stream to a call, so that its answer need not be taken. */
function openCall(connection: PeerConnection): PeerEnd {
  let end: PeerEnd | undefined;
  connection.open(call("Echo"), (stream: PeerStream) => (end = new PeerEnd(stream)));
  return end as unknown as PeerEnd;
}

export const PEER_CHECKS: readonly PeerCheck[] = [
  {
    name: "a call brings its request there and its answer back, whatever the size",
    async run(peers) {
      const all = await setup(peers);
      for (const bytes of [0, 1, 1000, 16 * KiB, 16 * KiB + 1, 5 * MiB]) {
        const answer = await all.connection.call(call("Echo"), message(bytes, bytes), 10_000);
        ok(joined(message(bytes, bytes)).equals(answer), `${bytes} bytes`);
      }
      await done(all);
    },
  },
  {
    name: "a message in pieces arrives as one",
    async run(peers) {
      const all = await setup(peers);
      const shared = Buffer.from(new SharedArrayBuffer(100_000)).fill(7);
      const pieces = [Buffer.alloc(0), Buffer.from("ab"), shared, Buffer.from("c")];
      const answer = await all.connection.call(call("Echo"), pieces, 10_000);
      ok(joined(pieces).equals(answer));
      await done(all);
    },
  },
  {
    name: "calls at the same time get each its own answer, and each runs once",
    async run(peers) {
      let runs = 0;
      const all = await setup(peers, {
        Slow: async (request) => {
          runs += 1;
          await peers.waitMs(request[0] === 0 ? 20 : 1);
          return [request];
        },
      });
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) => all.connection.call(call("Slow"), [Buffer.from([n % 2, n])], 10_000)),
      );
      deepEqual(
        answers.map((answer) => answer[1]),
        Array.from({ length: 100 }, (_, n) => n),
      );
      equal(runs, 100);
      await done(all);
    },
  },
  {
    name: "an error of ours travels whole, of any other only that there was one",
    async run(peers) {
      const all = await setup(peers, {
        Refuse: () => Promise.reject(new QueueError("NOT_CONTROLLER", "ask 3 – 100 % sure\nfor é")),
        Fail: () => Promise.reject(new Error("secret")),
        Throw: () => {
          throw new QueueError("WAL_FULL", "full");
        },
      });
      const failure = (method: string): Promise<unknown> => all.connection.call(call(method), message(1), 10_000);
      await rejects(failure("Refuse"), {
        name: "PeerError",
        code: "refused",
        error: "NOT_CONTROLLER",
        message: "ask 3 – 100 % sure\nfor é",
      });
      await rejects(failure("Fail"), { code: "refused", error: "INTERNAL", message: "internal error" });
      await rejects(failure("Throw"), { code: "refused", error: "WAL_FULL" });
      await rejects(failure("Nobody"), { code: "unknown-path", error: "NOT_IMPLEMENTED", mayHaveRun: false });
      ok((await all.connection.call(call("Echo"), message(1), 10_000)).length === 1, "the connection lives on");
      await done(all);
    },
  },
  {
    name: "a call that takes too long ends by its deadline, and the handler can know",
    async run(peers) {
      let served: ServedCall | undefined;
      const all = await setup(peers, {
        Hang: async (_, serving) => {
          served = serving;
          await peers.waitMs(600);
          return [];
        },
      });
      await all.connection.call(call("Echo"), message(1), 10_000);
      await rejects(all.connection.call(call("Hang"), message(1), 200), { code: "deadline", mayHaveRun: true });
      await peers.waitMs(100);
      equal(served?.isOver, true);
      await peers.waitMs(400);
      await done(all);
    },
  },
  {
    name: "no call lasts longer than the transport allows",
    limits: { callMsMax: 50 },
    async run(peers) {
      const all = await setup(peers, { Hang: () => peers.waitMs(200).then(() => []) });
      await rejects(all.connection.call(call("Hang"), message(1), 10_000), { code: "deadline" });
      await peers.waitMs(200);
      await done(all);
    },
  },
  {
    name: "messages of a stream arrive in order, in both directions at once",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      const sizes = Array.from({ length: 400 }, (_, n) => (n % 7 === 0 ? 40_000 : n));
      for (const [n, bytes] of sizes.entries()) {
        here.stream.send(message(bytes, n));
        there.stream.send(message(bytes, n + 1));
      }
      await Promise.all([here.untilMessages(400), there.untilMessages(400)]);
      ok(sizes.every((bytes, n) => joined(message(bytes, n)).equals(there.messages[n] as Uint8Array)));
      ok(sizes.every((bytes, n) => joined(message(bytes, n + 1)).equals(here.messages[n] as Uint8Array)));
      await done(all);
    },
  },
  {
    name: "a reader that keeps nothing is lent each message, whole for as long as it is told of it",
    async run(peers) {
      const all = await setup(peers);
      const here = opened(all.connection, undefined, true);
      const sizes = [0, 1, 70_000, 3, 3 * MiB, 200_000, 3 * MiB, 1];
      const wrong: number[] = [];
      here.onMessage = (bytes) => {
        const seed = here.messages.length;
        if (!Buffer.from(bytes).equals(joined(message(sizes[seed - 1] as number, seed)))) wrong.push(seed);
      };
      here.stream.send(message(1));
      const there = await all.ends.next();
      for (const [at, size] of sizes.entries()) there.stream.send(message(size, at + 1));
      await here.untilMessages(sizes.length);
      deepEqual(wrong, []);
      await done(all);
    },
  },
  {
    name: "the caller ends its half, the server goes on and ends the stream",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      here.stream.send(message(100_000));
      here.stream.end();
      await there.until(() => there.count("ended") === 1);
      equal(there.messages.length, 1, "the message came before the end");
      await peers.waitMs(20);
      equal(there.closings.length + here.closings.length, 0);
      for (let n = 0; n < 3; n++) there.stream.send(message(50_000, n));
      there.stream.end();
      equal(await here.untilClosed(), undefined);
      equal(await there.untilClosed(), undefined);
      equal(here.messages.length, 3);
      await peers.waitMs(20);
      deepEqual([here.count("closed"), there.count("closed"), here.count("ended"), there.count("ended")], [1, 1, 0, 1]);
      await done(all);
    },
  },
  {
    name: "the end of the caller's half is told once, also to a reader that pauses behind it",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      here.stream.end();
      await there.until(() => there.count("ended") > 0);
      there.stream.pause();
      there.stream.resume();
      await peers.waitMs(10);
      equal(there.count("ended"), 1);
      there.stream.end();
      equal(await here.untilClosed(), undefined);
      await done(all);
    },
  },
  {
    name: "the server may speak first, and may end while the caller still sends",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      there.stream.send(message(3));
      there.stream.end();
      equal(await here.untilClosed(), undefined);
      equal(here.messages.length, 1);
      here.stream.send(message(1000));
      here.stream.end();
      equal(await there.untilClosed(), undefined);
      equal(there.messages.length, 0);
      await done(all);
    },
  },
  {
    name: "a stream that the server ends with an error tells it after the messages before",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      there.stream.send(message(10));
      there.stream.end(new QueueError("FENCED_LEADER_EPOCH", "old"));
      const error = await here.untilClosed();
      deepEqual([error?.code, error?.error, error?.message], ["refused", "FENCED_LEADER_EPOCH", "old"]);
      equal(here.messages.length, 1);
      const nobody = new PeerEnds();
      all.connection.open(call("Nobody"), nobody.accept).send(message(1));
      equal((await (await nobody.next()).untilClosed())?.code, "unknown-path");
      await done(all);
    },
  },
  {
    name: "a handler that throws when a stream begins refuses it",
    async run(peers) {
      const refuse = (): never => {
        throw new QueueError("SHUTTING_DOWN", "no more");
      };
      const listener = await peers.server.listen(peers.host, 0, { calls: new Map(), streams: new Map([[STREAM, refuse]]) });
      const connection = await peers.client.connect(await peers.route(listener));
      equal((await opened(connection).untilClosed())?.error, "SHUTTING_DOWN");
      await done({ listener, connection, ends: new PeerEnds() });
    },
  },
  {
    name: "either side may cancel; both hear it once, and nothing after it",
    async run(peers) {
      const all = await setup(peers);
      const first = await pair(all);
      first.here.stream.cancel();
      equal(first.here.closings.length, 0, "not within the call");
      first.here.stream.cancel();
      first.here.stream.send(message(5));
      equal((await first.here.untilClosed())?.code, "cancelled");
      equal((await first.there.untilClosed())?.code, "cancelled");
      const second = await pair(all);
      second.there.stream.cancel();
      equal((await second.here.untilClosed())?.code, "cancelled");
      equal((await second.there.untilClosed())?.code, "cancelled");
      await peers.waitMs(20);
      for (const end of [first.here, first.there, second.here, second.there]) deepEqual(end.events, ["closed"]);
      await done(all);
    },
  },
  {
    name: "a paused reader hears of a cancel all the same, and may speak until then",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      there.stream.pause();
      for (let n = 0; n < 5; n++) here.stream.send(message(10_000, n));
      await here.until(() => here.stream.pendingBytes === 0);
      here.stream.cancel();
      for (let n = 0; n < 10; n++) {
        await peers.waitMs(2);
        there.stream.send(message(10));
      }
      equal((await there.untilClosed())?.code, "cancelled");
      deepEqual([there.messages.length, there.count("ended")], [0, 0]);
      await done(all);
    },
  },
  {
    name: "a stream ends by its deadline on both sides",
    async run(peers) {
      const all = await setup(peers);
      await all.connection.call(call("Echo"), message(1), 10_000);
      const here = opened(all.connection, 200);
      here.stream.send(message(1));
      const there = await all.ends.next();
      await peers.waitMs(600);
      deepEqual(
        here.closings.map((error) => error?.code),
        ["deadline"],
      );
      ok(["deadline", "cancelled"].includes((await there.untilClosed())?.code ?? ""));
      await done(all);
    },
  },
  {
    name: "a paused reader holds up its own stream only, and misses nothing",
    limits: { windowBytes: 256 * KiB, pendingBytesMax: 4 * MiB },
    async run(peers) {
      const all = await setup(peers);
      const slow = await pair(all);
      slow.there.stream.pause();
      for (let n = 0; n < 30; n++) slow.here.stream.send(message(100_000, n));
      await peers.waitMs(50);
      equal(slow.there.messages.length, 0, "nothing comes while it is paused");
      ok(slow.here.stream.pendingBytes > 2 * MiB, `pending ${slow.here.stream.pendingBytes}`);
      equal(slow.here.count("drained"), 0);
      const quick = await pair(all);
      for (let n = 0; n < 30; n++) quick.here.stream.send(message(100_000, n));
      await quick.there.untilMessages(30);
      slow.there.stream.resume();
      await slow.there.untilMessages(30);
      await slow.here.until(() => slow.here.count("drained") > 0);
      equal(slow.here.stream.pendingBytes, 0);
      ok(slow.there.messages.every((bytes, n) => joined(message(100_000, n)).equals(bytes)));
      await done(all);
    },
  },
  {
    name: "a reader may pause within a message; the end waits, too",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      here.onMessage = () => here.stream.pause();
      for (let n = 0; n < 5; n++) there.stream.send(message(10, n));
      there.stream.end();
      for (let n = 1; n <= 5; n++) {
        await here.untilMessages(n);
        await peers.waitMs(10);
        deepEqual([here.messages.length, here.closings.length], [n, 0]);
        here.stream.resume();
      }
      equal(await here.untilClosed(), undefined);
      await done(all);
    },
  },
  {
    name: "who sends more than may pend is refused, and what was taken arrives",
    limits: { windowBytes: 64 * KiB, pendingBytesMax: 1 * MiB },
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      there.stream.pause();
      for (let n = 0; n < 10; n++) here.stream.send(message(100_000, n));
      throws(() => here.stream.send(message(100_000, 10)), { name: "PeerError", code: "overloaded" });
      there.stream.resume();
      await there.untilMessages(10);
      await here.until(() => here.stream.pendingBytes === 0);
      here.stream.send(message(100_000, 10));
      await there.untilMessages(11);
      await done(all);
    },
  },
  {
    name: "who sends until so much pends stops when the stream is over",
    limits: { windowBytes: 256 * KiB },
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      const fill = (): void => {
        while (there.stream.pendingBytes < 1 * MiB) there.stream.send(message(100_000));
      };
      there.onDrained = fill;
      there.onClosed = fill;
      fill();
      await here.untilMessages(30);
      here.stream.cancel();
      equal(here.stream.pendingBytes, Number.POSITIVE_INFINITY);
      equal((await there.untilClosed())?.code, "cancelled");
      fill();
      await done(all);
    },
  },
  {
    name: "a message over the limit is not sent, and an answer over it is an error",
    limits: { messageBytesMax: 100_000 },
    async run(peers) {
      const all = await setup(peers, { Big: () => Promise.resolve(message(100_001)) });
      await rejects(all.connection.call(call("Echo"), message(100_001), 10_000), { code: "too-large" });
      await rejects(all.connection.call(call("Big"), message(1), 10_000), { code: "too-large" });
      equal((await all.connection.call(call("Echo"), message(100_000), 10_000)).length, 100_000);
      await done(all);
    },
  },
  {
    name: "one stream more than the limit is refused, and its place is free again afterwards",
    limits: { streamsMax: 3 },
    async run(peers) {
      const all = await setup(peers);
      const three = [await pair(all), await pair(all), await pair(all)];
      await rejects(all.connection.call(call("Echo"), message(1), 10_000), { code: "overloaded", mayHaveRun: false });
      three[0]?.there.stream.end();
      await three[0]?.here.untilClosed();
      await peers.waitMs(10);
      equal((await all.connection.call(call("Echo"), message(1), 10_000)).length, 1);
      await done(all);
    },
  },
  {
    name: "requests beyond what a listener holds are refused, until others are answered",
    limits: { inFlightBytesMax: 250_000 },
    async run(peers) {
      const all = await setup(peers, { Slow: (request) => peers.waitMs(100).then(() => [request]) });
      const slow = (): Promise<Uint8Array> => all.connection.call(call("Slow"), message(100_000), 10_000);
      const answers = await Promise.allSettled([slow(), slow(), slow()]);
      const refused = answers.filter((answer) => answer.status === "rejected");
      deepEqual(
        refused.map((answer) => (answer.reason as { code: string }).code),
        ["overloaded"],
      );
      equal((await slow()).length, 100_000);
      await done(all);
    },
  },
  {
    name: "answers that a caller does not take count, too, until it is gone",
    limits: { inFlightBytesMax: 250_000, windowBytes: 64 * KiB },
    async run(peers) {
      const all = await setup(peers);
      const slow = [1, 2].map(() => openCall(all.connection));
      for (const end of slow) {
        end.stream.pause();
        end.stream.send(message(100_000));
        end.stream.end();
      }
      await peers.waitMs(50);
      await rejects(all.connection.call(call("Echo"), message(100_000), 10_000), { code: "overloaded" });
      slow[0]?.stream.resume();
      equal(await slow[0]?.untilClosed(), undefined);
      slow[1]?.stream.cancel();
      await peers.waitMs(50);
      equal((await all.connection.call(call("Echo"), message(100_000), 10_000)).length, 100_000);
      await done(all);
    },
  },
  {
    name: "random: streams and calls that are paused, ended, cancelled and broken keep their promises",
    limits: { windowBytes: 64 * KiB, pendingBytesMax: 512 * KiB, streamsMax: 40 },
    run: (peers) => randomTraffic(peers),
  },
  {
    name: "a connection that breaks ends everything under way, once, as lost",
    async run(peers) {
      const all = await setup(peers, { Hang: () => peers.waitMs(200).then(() => []) });
      const { here, there } = await pair(all);
      let closings = 0;
      all.connection.onClosed(() => (closings += 1));
      const hanging = all.connection.call(call("Hang"), message(1), 10_000);
      await peers.waitMs(20);
      peers.breakAll();
      await rejects(hanging, { code: "lost", error: "REQUEST_TIMED_OUT", mayHaveRun: true });
      equal((await here.untilClosed())?.code, "lost");
      equal((await there.untilClosed())?.code, "lost");
      await peers.waitMs(20);
      deepEqual([closings, here.count("closed"), there.count("closed"), all.connection.isClosed], [1, 1, 1, true]);
      await rejects(all.connection.call(call("Echo"), message(1), 10_000), { code: "unavailable", mayHaveRun: false });
      equal((await opened(all.connection).untilClosed())?.code, "unavailable");
      await new Promise<void>((resolve) => all.connection.onClosed(resolve));
      await peers.waitMs(200);
      await done(all);
    },
  },
  {
    name: "a connection that is closed here: cancelled here, lost there",
    async run(peers) {
      const all = await setup(peers, { Hang: () => peers.waitMs(50).then(() => []) });
      const { here, there } = await pair(all);
      const hanging = all.connection.call(call("Hang"), message(1), 10_000);
      await peers.waitMs(10);
      all.connection.close();
      await rejects(hanging, { code: "cancelled" });
      equal((await here.untilClosed())?.code, "cancelled");
      ok(["lost", "cancelled"].includes((await there.untilClosed())?.code ?? ""));
      all.connection.close();
      await peers.waitMs(50);
      await done(all);
    },
  },
  {
    name: "a peer that falls silent is cut on both sides, though nobody sends anything",
    limits: { pingMs: 100 },
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      await peers.waitMs(700);
      equal(here.closings.length + there.closings.length, 0, "pings that are answered cut nothing");
      ok((all.connection.rttMs ?? -1) >= 0);
      peers.silence();
      equal((await here.untilClosed())?.code, "lost");
      equal((await there.untilClosed())?.code, "lost");
      await done(all);
    },
  },
  {
    name: "a listener that closes cuts what is open and frees its port",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      await all.listener.close();
      ok(["lost", "cancelled"].includes((await here.untilClosed())?.code ?? ""));
      await there.untilClosed();
      const nobody = { name: "PeerError", code: "unavailable", error: "PEER_UNAVAILABLE", isNobodyThere: true };
      await rejects(peers.client.connect(all.listener), nobody);
      const again = await peers.server.listen(peers.host, all.listener.port, { calls: new Map(), streams: new Map() });
      await rejects(peers.server.listen(peers.host, again.port, { calls: new Map(), streams: new Map() }), {
        name: "NetworkError",
        code: "in-use",
      });
      await again.close();
    },
  },
  {
    name: "one connection more than the limit is not served, and its place is free again afterwards",
    limits: { connectionsMax: 2, firstBytesMs: 500 },
    async run(peers) {
      const all = await setup(peers);
      const to = all.connection.peer.address;
      const second = await peers.client.connect(to);
      await rejects(peers.client.connect(to), { code: "unavailable", isNobodyThere: false });
      second.close();
      await peers.waitMs(50);
      const again = await peers.client.connect(to);
      equal((await again.call(call("Echo"), message(1), 10_000)).length, 1);
      again.close();
      await done(all);
    },
  },
  {
    name: "each side knows the other, and how much went to and fro",
    async run(peers) {
      const all = await setup(peers);
      const { here, there } = await pair(all);
      deepEqual(here.stream.peer, all.connection.peer);
      ok(here.stream.peer.address.port > 0 && here.stream.peer.name === undefined);
      ok(there.stream.peer.address.port > 0 && there.stream.peer.address.host.length > 0);
      const [sent, received] = [all.connection.sentBytes, all.connection.receivedBytes];
      await all.connection.call(call("Echo"), message(100_000), 10_000);
      ok(all.connection.sentBytes - sent >= 100_000 && all.connection.sentBytes - sent < 101_000);
      ok(all.connection.receivedBytes - received >= 100_000 && all.connection.receivedBytes - received < 101_000);
      await done(all);
    },
  },
];
