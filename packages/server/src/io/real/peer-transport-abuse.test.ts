// What a peer that is broken, or no peer at all, can do to a listener: nothing to the others.
import { deepEqual, equal, ok } from "node:assert/strict";
import http2 from "node:http2";
import net from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleepMs } from "node:timers/promises";
import { message, PeerEnds } from "../../testing/peer-end.ts";
import { PEER_LIMITS } from "../peer-limits.ts";
import type { PeerListener } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

const ECHO = "/tidemq.test.v1.Test/Echo";
const STREAM = "/tidemq.test.v1.Test/Stream";
const limits = { ...PEER_LIMITS, firstBytesMs: 200, streamsMax: 10, messageBytesMax: 100_000, inFlightBytesMax: 300_000, callMsMax: 500 };
const transport = new Http2PeerTransport(new RealClock(), limits);

async function listen(t: TestContext): Promise<Readonly<{ listener: PeerListener; ends: PeerEnds; alive: () => Promise<void> }>> {
  const ends = new PeerEnds();
  const calls = new Map([[ECHO, (request: Uint8Array) => Promise.resolve([request])]]);
  const listener = await transport.listen("127.0.0.1", 0, { calls, streams: new Map([[STREAM, ends.accept]]) });
  const witness = await transport.connect(listener);
  t.after(async () => {
    witness.close();
    await listener.close();
  });
  const alive = async (): Promise<void> => {
    equal((await witness.call(ECHO, message(1000), 2_000)).length, 1000);
  };
  return { listener, ends, alive };
}

function rawClient(t: TestContext, listener: PeerListener): net.Socket {
  const socket = net.connect(listener.port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.resume().once("close", () => resolve());
  });
}

function foreign(t: TestContext, listener: PeerListener): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${listener.port}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

/** How a stream ended: its status in HTTP, in gRPC, and the code of its reset. */
function ended(stream: http2.ClientHttp2Stream): Promise<readonly (string | number | undefined)[]> {
  let seen: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  stream.on("response", (headers) => (seen = { ...seen, ...headers }));
  stream.on("trailers", (headers) => (seen = { ...seen, ...headers }));
  stream.on("error", () => {});
  stream.resume();
  return new Promise((resolve) => {
    stream.once("close", () => resolve([seen[":status"], String(seen["grpc-status"] ?? ""), stream.rstCode]));
  });
}

const post = (path: string): http2.OutgoingHttpHeaders => ({ ":method": "POST", ":path": path, "content-type": "application/grpc" });

test("nothing, half a preface, garbage, HTTP/1: the connection is cut", async (t) => {
  const { listener, alive } = await listen(t);
  for (const text of ["", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u0000\u0001\u0002".repeat(1000)]) {
    const socket = rawClient(t, listener);
    socket.write(text);
    await closed(socket);
    await alive();
  }
});

test("bytes that are no frames, behind a good preface, cut the connection", async (t) => {
  const { listener, alive } = await listen(t);
  const socket = rawClient(t, listener);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  socket.write(Buffer.alloc(100_000, 0xfe));
  await closed(socket);
  await alive();
});

test("requests that are no gRPC are refused by HTTP", async (t) => {
  const { listener, alive } = await listen(t);
  const session = foreign(t, listener);
  equal((await ended(session.request({ ":path": "/" })))[0], 415);
  equal((await ended(session.request({ ":method": "POST", ":path": ECHO, "content-type": "text/plain" }, { endStream: true })))[0], 415);
  await alive();
});

test("a message that says it is 4 GiB, a compressed one, half a one, a strange duration: refused with a status", async (t) => {
  const { listener, alive } = await listen(t);
  const session = foreign(t, listener);
  const send = (bytes: readonly number[], headers: http2.OutgoingHttpHeaders = {}): Promise<readonly unknown[]> => {
    const stream = session.request({ ...post(ECHO), ...headers });
    stream.end(Buffer.from(bytes));
    return ended(stream);
  };
  deepEqual(await send([0, 255, 255, 255, 255, 1]), [200, "8", 0]);
  deepEqual(await send([1, 0, 0, 0, 0]), [200, "13", 0]);
  deepEqual(await send([0, 0, 0, 0, 9, 1]), [200, "13", 0]);
  deepEqual(await send([]), [200, "13", 0]);
  deepEqual(await send([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [200, "13", 0]);
  deepEqual(await send([0, 0, 0, 0, 0], { "grpc-timeout": "soon" }), [200, "13", 0]);
  deepEqual(await send([0, 0, 0, 0, 0]), [200, "0", 0]);
  await alive();
});

test("half requests hold no more than the listener allows, and no longer than a call may last", async (t) => {
  const { listener, alive } = await listen(t);
  const session = foreign(t, listener);
  const prefix = Buffer.from([0, 0, 1, 0x86, 0xa0]);
  const streams = Array.from({ length: 8 }, () => session.request(post(ECHO)));
  const outcomes = Promise.all(streams.map(ended));
  for (const stream of streams) stream.write(Buffer.concat([prefix, Buffer.alloc(60_000)]));
  const statuses = (await outcomes).map(([, status]) => status);
  ok(statuses.filter((status) => status === "8").length >= 3, `${statuses}`);
  ok(
    statuses.every((status) => status === "8" || status === "4"),
    `${statuses}`,
  );
  await alive();
});

test("a foreign client gets no more streams than the limit", async (t) => {
  const { listener, ends, alive } = await listen(t);
  const session = foreign(t, listener);
  await new Promise((resolve) => {
    session.once("remoteSettings", resolve);
  });
  equal(session.remoteSettings.maxConcurrentStreams, 10);
  for (let n = 0; n < 50; n++) session.request(post(STREAM)).on("error", () => {});
  await sleepMs(100);
  ok(ends.all.length <= 10, `${ends.all.length}`);
  await alive();
});

test("rapid resets end the connection, and only that", async (t) => {
  const { listener, ends, alive } = await listen(t);
  const session = foreign(t, listener);
  for (let round = 0; round < 600 && !session.destroyed; round++) {
    for (let n = 0; n < 10 && !session.destroyed; n++) {
      const stream = session.request(post(STREAM));
      stream.on("error", () => {});
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    await sleepMs(0);
  }
  await sleepMs(50);
  ok(session.destroyed, "the server has had enough");
  ok(
    ends.all.every((end) => end.closings.length === 1),
    "each stream that began is over",
  );
  await alive();
});

test("a stream that is reset without an error while its reader is paused takes nothing more, and ends as lost", async (t) => {
  const { listener, ends, alive } = await listen(t);
  const session = foreign(t, listener);
  const stream = session.request(post(STREAM));
  stream.on("error", () => {});
  stream.write(Buffer.from([0, 0, 0, 0, 1, 7]));
  const end = await ends.next();
  end.stream.pause();
  await sleepMs(20);
  stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0xff, 0xff]), Buffer.alloc(0xffff)]));
  await sleepMs(20);
  stream.close(http2.constants.NGHTTP2_NO_ERROR);
  for (let n = 0; n < 10; n++) {
    await sleepMs(2);
    end.stream.send(message(10));
  }
  end.stream.resume();
  equal((await end.untilClosed())?.code, "lost");
  await alive();
});
