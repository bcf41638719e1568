// Our client against servers that are no peers, or broken ones: each call and stream ends, with an error that says what it was.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import http2 from "node:http2";
import net from "node:net";
import { type TestContext, test } from "node:test";
import { message, PeerEnd } from "../../testing/peer-end.ts";
import { PEER_LIMITS } from "../peer-limits.ts";
import type { PeerConnection } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

const PATH = "/tidemq.test.v1.Test/Any";
const limits = { ...PEER_LIMITS, firstBytesMs: 300, messageBytesMax: 100_000 };
const transport = new Http2PeerTransport(new RealClock(), limits);
const HEAD = { ":status": 200, "content-type": "application/grpc" };
const ONE = Buffer.from([0, 0, 0, 0, 1, 7]);

async function connectTo(t: TestContext, serve: (stream: http2.ServerHttp2Stream) => void): Promise<PeerConnection> {
  const server = http2.createServer();
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    serve(stream);
  });
  server.on("sessionError", () => {});
  const sessions: http2.ServerHttp2Session[] = [];
  server.on("session", (session) => sessions.push(session));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const connection = await transport.connect({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port });
  t.after(() => {
    connection.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return connection;
}

function answer(stream: http2.ServerHttp2Stream, bytes: Buffer, trailers: http2.OutgoingHttpHeaders): void {
  stream.respond(HEAD, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(bytes);
}

const STRANGE: readonly (readonly [string, (stream: http2.ServerHttp2Stream) => void, string, boolean])[] = [
  ["an answer of HTTP", (stream) => stream.respond({ ":status": 503 }, { endStream: true }), "malformed", true],
  ["no status at all", (stream) => (stream.respond(HEAD), stream.end(ONE)), "lost", true],
  ["a status that is no number", (stream) => answer(stream, ONE, { "grpc-status": "good" }), "refused", true],
  ["half a message", (stream) => answer(stream, ONE.subarray(0, 5), { "grpc-status": "0" }), "malformed", true],
  ["two answers", (stream) => answer(stream, Buffer.concat([ONE, ONE]), { "grpc-status": "0" }), "malformed", true],
  ["no answer", (stream) => answer(stream, Buffer.alloc(0), { "grpc-status": "0" }), "malformed", true],
  ["a compressed answer", (stream) => answer(stream, Buffer.from([1, 0, 0, 0, 0]), { "grpc-status": "0" }), "malformed", true],
  ["an answer of 4 GiB", (stream) => answer(stream, Buffer.from([0, 255, 255, 255, 255]), { "grpc-status": "0" }), "too-large", true],
  ["a stream that it does not take", (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM), "unavailable", false],
  ["a reset", (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), "lost", true],
  ["enough", (stream) => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM), "lost", true],
  ["a good bye", (stream) => stream.session?.goaway(), "lost", true],
  ["nothing", () => {}, "deadline", true],
];

for (const [what, serve, code, mayHaveRun] of STRANGE) {
  test(`a server that gives ${what}`, async (t) => {
    const connection = await connectTo(t, serve);
    await rejects(connection.call(PATH, message(1), 500), { name: "PeerError", code, mayHaveRun });
  });
}

test("a stream that ends and is reset while we still send: a paused reader misses nothing", async (t) => {
  const connection = await connectTo(t, (stream) => {
    answer(stream, Buffer.concat([ONE, ONE, ONE]), { "grpc-status": "0" });
    stream.on("finish", () => setImmediate(() => setImmediate(() => stream.close(http2.constants.NGHTTP2_NO_ERROR))));
  });
  const ends: PeerEnd[] = [];
  connection.open(PATH, (stream) => {
    const end = new PeerEnd(stream);
    end.onMessage = () => stream.pause();
    ends.push(end);
    return end;
  });
  const [end] = ends;
  ok(end !== undefined);
  for (let n = 1; n <= 3; n++) {
    await end.untilMessages(n);
    await new Promise((resolve) => setTimeout(resolve, 30));
    deepEqual([end.messages.length, end.closings.length], [n, 0]);
    end.stream.resume();
  }
  equal(await end.untilClosed(), undefined);
});

test("who does not speak HTTP/2, or does not speak at all, is no peer", async (t) => {
  for (const greeting of [undefined, "HTTP/1.1 400 Bad Request\r\n\r\n", "\u0000".repeat(100)]) {
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      if (greeting !== undefined) socket.write(greeting);
      t.after(() => socket.destroy());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    t.after(() => server.close());
    await rejects(transport.connect({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port }), { code: "unavailable" });
  }
});
