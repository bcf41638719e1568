// Goal: whatever strangers send, keep or break off, it costs them their connection and the log one line; nobody else notices.
import { equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { fetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { metadataRequest } from "@tidemq/protocol/messages/03-metadata.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { Bystander } from "./bystander.ts";
import { type LogLine, pause, ServerProcess, temporaryFolder, until } from "./server-process.ts";

const MiB = 1024 * 1024;
const IDLE_CONNECTIONS = 1000;
const ABORTED_CONNECTIONS = 50;
/** A record takes milliseconds; this is for a machine with much else to do. */
const NOTICED_MS = 3_000;

let server: ServerProcess;
let bystander: Bystander;

before(async () => {
  // Slabs are few, so that the memory of what a slow reader was sent is wanted soon; files are enough for what that takes.
  const flags = ["--write-memory", "64MiB", "--upload-size", "4MiB", "--wal-capacity", "400MiB"];
  server = await ServerProcess.start({ folder: temporaryFolder(), flags });
  bystander = await Bystander.start(server.kafka, "bystander");
});
after(() => bystander?.abort());

async function stranger(): Promise<{ socket: Socket; remote: string }> {
  const socket = connect({ ...server.kafka, noDelay: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return { socket, remote: `127.0.0.1:${(socket.address() as AddressInfo).port}` };
}

function linesOf(remote: string): readonly LogLine[] {
  return server.log.filter((line) => line["remote"] === remote);
}

/** Waits for the only line about this connection. */
async function onlyLine(remote: string, expected: RegExp): Promise<void> {
  await until(`a line about ${remote}`, () => linesOf(remote).length > 0);
  const lines = linesOf(remote);
  equal(lines.length, 1);
  match(`${lines[0]?.msg}: ${String(lines[0]?.["reason"])}`, expected);
}

/** Waits for the broker to close the connection. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  await until("the broker closes the connection", () => socket.closed);
}

function frame<M extends Message>(request: M, version: number, body: MessageInput<M>): Uint8Array {
  const writer = new ByteWriter();
  encodeRequestFrame(request, version, 1, "stranger", body, writer);
  return writer.finish();
}

/** A frame's size, and the beginning of what it claims to hold. */
function claim(size: number, rest: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(size);
  return Buffer.concat([head, rest]);
}

const METADATA = frame(metadataRequest, 9, { topics: null });
const produceHeader = Buffer.from([0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0]);

describe("bytes that are no Kafka", () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["garbage", Buffer.from("f3a1c09e5b77d2184ce60b3fa98d61720e4b", "hex"), /no Kafka request/],
    ["zeros", Buffer.alloc(100), /no Kafka request/],
    ["text", Buffer.from("hello?\n\n\n"), /text instead/],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), /an HTTP request/],
    ["a frame of 2 GiB", claim(0x7fff_ffff, produceHeader), /size of 2147483647 bytes/],
    ["a frame of a negative size", claim(-5, produceHeader), /size of -5 bytes/],
    ["a request of an API that nobody has", claim(100, Buffer.from([0x03, 0xe7, 0, 0, 0, 0, 0, 1])), /API key 999/],
    ["a request that ends before its fields do", claim(10, METADATA.subarray(4, 14)), /malformed|not served/],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, async () => {
      const { socket, remote } = await stranger();
      socket.write(bytes);
      await closed(socket);
      await onlyLine(remote, expected);
    });
  }

  test("TLS", async () => {
    const socket = connectTls({ ...server.kafka, rejectUnauthorized: false });
    let remote = "";
    socket.on("connect", () => (remote = `127.0.0.1:${socket.localPort}`));
    await once(socket, "error");
    await onlyLine(remote, /a TLS handshake on a plain-text port/);
  });
});

describe("half a frame", () => {
  test("and an end", async () => {
    const { socket, remote } = await stranger();
    socket.end(METADATA.subarray(0, METADATA.length - 1));
    await closed(socket);
    await onlyLine(remote, /middle of a request/);
  });

  test("and a reset", async () => {
    const { socket, remote } = await stranger();
    socket.write(METADATA.subarray(0, METADATA.length - 1));
    await pause(50);
    socket.resetAndDestroy();
    await onlyLine(remote, /middle of a request/);
  });

  test("that claims much takes no memory that did not arrive", async () => {
    const inUse = await server.metric("tidemq_inflight_bytes");
    const all = await Promise.all(Array.from({ length: 20 }, stranger));
    for (const { socket } of all) socket.write(claim(90 * MiB, Buffer.concat([produceHeader, Buffer.alloc(MiB)])));
    await bystander.seesMore(10);
    ok((await server.metric("tidemq_inflight_bytes")) - inUse < 20 * 6 * MiB);
    for (const { socket } of all) socket.destroy();
    for (const { remote } of all) await onlyLine(remote, /middle of a request/);
  });
});

test("a slow reader loses its connection when its memory is needed", async () => {
  const client = bystander.client;
  await client.admin.createTopic({ name: "large", partitions: 1 });
  const producer = client.producer({ batchBytesMax: MiB / 2 });
  const fill = async (records: number): Promise<void> => {
    const value = Buffer.alloc(MiB / 2);
    for (let i = 0; i < records; i += 1) await producer.enqueue({ topic: "large", partition: 0, value });
    await producer.flush();
  };
  await fill(16);
  const { socket, remote } = await stranger();
  socket.pause();
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, logStartOffset: -1, partitionMaxBytes: 8 * MiB }];
  const fetch = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: 8 * MiB, topics: [{ topic: "large", partitions }] };
  for (let i = 0; i < 50; i += 1) socket.write(frame(fetchRequest, 11, fetch));
  await until("the reader is sent records", async () => (await server.metric("tidemq_inflight_bytes")) > 4 * MiB);
  ok((await server.metric("tidemq_inflight_bytes")) < 24 * MiB, "one answer at a time is kept for it");
  for (let i = 0; i < 40 && linesOf(remote).length === 0; i += 1) await fill(8);
  await onlyLine(remote, /too slow/);
  await closed(socket);
});

test("a thousand idle connections", async () => {
  const before = server.log.length;
  const all = await Promise.all(Array.from({ length: IDLE_CONNECTIONS }, stranger));
  await until("all are accepted", async () => (await server.metric("tidemq_connections")) >= IDLE_CONNECTIONS);
  await bystander.seesMore(50);
  for (const [i, { socket }] of all.entries()) {
    if (i % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
  }
  await until("all are gone", async () => (await server.metric("tidemq_connections")) < 20);
  equal(server.log.length, before, "nothing to tell of those who only came and went");
});

test("connections that break off while they wait for an answer", async () => {
  const before = server.log.length;
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 1_000_000, logStartOffset: -1, partitionMaxBytes: MiB }];
  const waiting = frame(fetchRequest, 11, {
    replicaId: -1,
    maxWaitMs: 30_000,
    minBytes: 1,
    maxBytes: MiB,
    topics: [{ topic: "waited-for", partitions: partitions.map((one) => ({ ...one, fetchOffset: 0 })) }],
  });
  await bystander.client.admin.createTopic({ name: "waited-for", partitions: 1 });
  const all = await Promise.all(Array.from({ length: ABORTED_CONNECTIONS }, stranger));
  for (const { socket } of all) socket.write(waiting);
  await bystander.seesMore(5);
  for (const { socket } of all) socket.resetAndDestroy();
  await until("all are gone", async () => (await server.metric("tidemq_connections")) < 20);
  equal(server.log.length, before);
});

test("the bystander noticed nothing, and the process ends well", async (t) => {
  const { records, slowestMs } = await bystander.stop();
  t.diagnostic(`${records} records, the slowest took ${slowestMs} ms`);
  ok(slowestMs < NOTICED_MS, `a record took ${slowestMs} ms`);
  equal(server.log.filter(({ level }) => level === "error").length, 0);
  equal(await server.end(), 0);
});
