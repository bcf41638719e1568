import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { FrameAssembler } from "../frame-assembler.ts";
import { type ByteStream, TransportError } from "../transport.ts";
import { TcpTransport } from "./tcp-transport.ts";

let server: Server;
let port = 0;
let accepted: Socket[] = [];

before(async () => {
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
after(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

async function open(): Promise<{ stream: ByteStream; peer: Socket }> {
  accepted = [];
  const stream = await new TcpTransport().connect({ host: "127.0.0.1", port }, 5_000);
  while (accepted.length === 0) await new Promise(setImmediate);
  return { stream, peer: accepted[0] as Socket };
}

/** Starts reading frames; resolves with the reason once the stream has ended. */
function read(stream: ByteStream, frames: Buffer[]): Promise<string | undefined> {
  const assembler = new FrameAssembler((frame) => frames.push(frame));
  return new Promise((resolve) => {
    stream.start({
      target: () => assembler.target(),
      bytes: (bytes) => assembler.bytes(bytes),
      drained: () => undefined,
      ended: () => undefined,
      closed: resolve,
    });
  });
}

function frame(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(4 + size, fill);
  bytes.writeInt32BE(size);
  return bytes;
}

test("frames of all sizes arrive whole, each in memory of its own", async () => {
  const { stream, peer } = await open();
  const frames: Buffer[] = [];
  const ended = read(stream, frames);
  const sizes = [4, 100, 8_191, 8_192, 70_000, 5, 3_000_000, 64 * 1024 - 4, 64 * 1024, 4];
  peer.end(Buffer.concat(sizes.map((size, i) => frame(size, i + 1))));
  equal(await ended, undefined);
  deepEqual(
    frames.map((one) => one.byteLength),
    sizes,
  );
  frames.forEach((one, i) =>
    ok(
      one.every((byte) => byte === i + 1),
      `frame ${i}`,
    ),
  );
});

test("nothing is read before start, and nothing is lost until then", async () => {
  const { stream, peer } = await open();
  peer.write(frame(10, 7));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const frames: Buffer[] = [];
  const ended = read(stream, frames);
  peer.end(frame(20, 8));
  await ended;
  deepEqual(
    frames.map((one) => one.byteLength),
    [10, 20],
  );
});

test("what is written arrives in order, pieces and calls", async () => {
  const { stream, peer } = await open();
  const ended = read(stream, []);
  const received: Buffer[] = [];
  peer.on("data", (chunk: Buffer) => received.push(chunk));
  const done = new Promise((resolve) => peer.on("end", resolve));
  stream.write([Buffer.from("a"), Buffer.from("bc")]);
  stream.write([Buffer.from("d".repeat(1_000_000))]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  stream.write([Buffer.from("e")]);
  while (Buffer.concat(received).byteLength < 1_000_004) await new Promise(setImmediate);
  stream.destroy();
  await done;
  equal(Buffer.concat(received).toString(), `abc${"d".repeat(1_000_000)}e`);
  equal(await ended, undefined);
  stream.write([Buffer.from("late")]);
});

test("a reset is told with its reason", async () => {
  const { stream, peer } = await open();
  const ended = read(stream, []);
  peer.resetAndDestroy();
  equal(await ended, "ECONNRESET");
});

test("pausing stops reading", async () => {
  const { stream, peer } = await open();
  const frames: Buffer[] = [];
  const ended = read(stream, frames);
  await new Promise(setImmediate);
  stream.pause();
  peer.write(frame(10, 1));
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(frames.length, 0);
  stream.resume();
  peer.end();
  await ended;
  equal(frames.length, 1);
});

test("why no connection comes about is told apart", async () => {
  const transport = new TcpTransport();
  const problem =
    (expected: string) =>
    (error: unknown): boolean =>
      error instanceof TransportError && error.problem === expected;
  await rejects(transport.connect({ host: "127.0.0.1", port: 1 }, 1_000), problem("refused"));
  await rejects(transport.connect({ host: "no-such-host.invalid", port: 1 }, 5_000), problem("host-not-found"));
});

test("drained is told of little, too, once the kernel has it", async () => {
  const { stream } = await open();
  await new Promise<void>((resolve, reject) => {
    stream.start({ target: () => undefined, bytes: () => undefined, drained: resolve, ended: () => undefined, closed: reject });
    stream.write([frame(4, 1), frame(4, 2)]);
    ok(stream.pendingBytes > 0);
  });
  equal(stream.pendingBytes, 0);
  stream.destroy();
});
