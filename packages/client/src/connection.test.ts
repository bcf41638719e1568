import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeRequestHeader, encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import { API } from "./apis.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { ClientError } from "./errors.ts";
import { MemoryTransport, type ServerSide } from "./testing/memory-transport.ts";
import { ScriptedCluster } from "./testing/scripted-cluster.ts";
import { VirtualWorld } from "./testing/virtual-world.ts";

const OPTIONS: ConnectionOptions = {
  clientId: "test",
  software: { name: "test", version: "1" },
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 5_000,
};

function world() {
  const clock = new VirtualWorld();
  const transport = new MemoryTransport(clock);
  const cluster = new ScriptedCluster(clock, transport);
  const open = (options: Partial<ConnectionOptions> = {}) =>
    clock.run(Connection.open(cluster.addressOf(1), { ...OPTIONS, ...options }, { transport, clock }));
  return { clock, transport, cluster, open };
}

function isError(code: string): (error: unknown) => boolean {
  return (error) => {
    ok(error instanceof ClientError, String(error));
    equal(error.code, code);
    return true;
  };
}

const METADATA = { topics: [], allowAutoTopicCreation: false };

test("versions are negotiated once and used", async () => {
  const { clock, cluster, open } = world();
  const connection = await open();
  await clock.run(connection.request(API.metadata, METADATA));
  await clock.run(connection.request(API.metadata, METADATA));
  deepEqual(
    cluster.requests.map(({ api, version }) => [api.name, version]),
    [
      ["ApiVersions", 4],
      ["Metadata", 13],
      ["Metadata", 13],
    ],
  );
});

test("a broker that does not know our ApiVersions is asked in its own version", async () => {
  const { cluster, clock, open } = world();
  cluster.versions = new Map([
    [18, { min: 0, max: 2 }],
    [3, { min: 0, max: 5 }],
  ]);
  const connection = await open();
  await clock.run(connection.request(API.metadata, METADATA));
  deepEqual(
    cluster.requests.map(({ api, version }) => [api.name, version]),
    [
      ["ApiVersions", 2],
      ["Metadata", 5],
    ],
  );
});

test("no common version is an error that names both ranges", async () => {
  const { cluster, clock, open } = world();
  cluster.versions = new Map([[0, { min: 0, max: 2 }]]);
  const connection = await open();
  const produce = connection.request(API.produce, { acks: 1, timeoutMs: 1, topicData: [] });
  await rejects(clock.run(produce), (error: ClientError) => error.code === "UNSUPPORTED_BY_BROKER" && error.message.includes("0–2"));
});

test("requests are pipelined up to the limit, in order", async () => {
  const { clock, cluster, open } = world();
  const connection = await open({ inFlightMax: 3 });
  cluster.script = () => 10;
  const all = Array.from({ length: 8 }, (_, i) =>
    connection.request(API.metadata, { topics: [{ name: `t${i}` }], allowAutoTopicCreation: false }),
  );
  equal(connection.pendingRequests, 8);
  await clock.pass(5);
  equal(cluster.requests.length, 1 + 1, "the broker works on one at a time");
  const answers = await clock.run(Promise.all(all));
  deepEqual(
    answers.map((answer) => answer.topics[0]?.name),
    all.map((_, i) => `t${i}`),
  );
});

test("answers find their request whatever their order, in pieces of any size", async () => {
  for (const pieceBytesMax of [1, 3, 7, 4096]) {
    const clock = new VirtualWorld();
    const transport = new MemoryTransport(clock);
    transport.pieceBytesMax = pieceBytesMax;
    const waiting: { correlationId: number; version: number; name: string }[] = [];
    let side: ServerSide | undefined;
    transport.listen({ host: "b", port: 1 }, (served) => {
      side = served;
      return { received: (bytes) => answerLater(bytes, served, waiting), closed: () => undefined };
    });
    const connection = await clock.run(Connection.open({ host: "b", port: 1 }, OPTIONS, { transport, clock }));
    const names = ["a", "b", "c"].map((letter) => letter.repeat(9_000));
    const answers = Promise.all(
      names.map((name) => connection.request(API.metadata, { topics: [{ name }], allowAutoTopicCreation: false })),
    );
    await clock.pass(10);
    for (const { correlationId, version, name } of waiting.reverse()) side?.send(metadataFrame(correlationId, version, name));
    deepEqual(
      (await clock.run(answers)).map((answer) => answer.topics[0]?.name),
      names,
    );
  }
});

test("an answer that does not come in time ends the connection, and all that waits behind it", async () => {
  const { clock, cluster, open } = world();
  const connection = await open();
  cluster.script = () => "ignore";
  const first = connection.request(API.metadata, METADATA, { timeoutMs: 100 });
  const second = connection.request(API.metadata, METADATA);
  await Promise.all([rejects(clock.run(first), isError("REQUEST_TIMED_OUT")), rejects(second, isError("CONNECTION_CLOSED"))]);
  equal(clock.monotonicMs() < 200, true);
  equal(connection.isOpen, false);
  await rejects(connection.request(API.metadata, METADATA), isError("CONNECTION_CLOSED"));
});

test("a time-out counts for requests that were held back, too", async () => {
  const { clock, cluster, open } = world();
  const connection = await open({ inFlightMax: 1 });
  cluster.script = () => 1_000;
  const first = connection.request(API.metadata, METADATA);
  const second = connection.request(API.metadata, METADATA, { timeoutMs: 1_500 });
  await Promise.all([clock.run(first), rejects(clock.run(second), isError("REQUEST_TIMED_OUT"))]);
});

test("a lost connection fails what is pending and says so once", async () => {
  const { clock, cluster, open } = world();
  const connection = await open();
  const reasons: string[] = [];
  connection.onClosed((error) => reasons.push(error.code));
  cluster.script = () => "close";
  await rejects(clock.run(connection.request(API.metadata, METADATA)), isError("CONNECTION_CLOSED"));
  connection.close();
  deepEqual(reasons, ["CONNECTION_CLOSED"]);
});

test("nothing listens: refused", async () => {
  const { clock, cluster, open } = world();
  cluster.stop(1);
  await rejects(open(), isError("CONNECTION_REFUSED"));
  equal(clock.monotonicMs() < 10, true);
});

test("whoever is no Kafka is named as such", async () => {
  const clock = new VirtualWorld();
  const transport = new MemoryTransport(clock);
  transport.listen({ host: "web", port: 80 }, (side) => ({
    received: () => side.send(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")),
    closed: () => undefined,
  }));
  await rejects(clock.run(Connection.open({ host: "web", port: 80 }, OPTIONS, { transport, clock })), isError("NOT_KAFKA"));
});

test("an answer nobody asked for, and one that cannot be read, end the connection", async () => {
  for (const frame of [
    Buffer.from([0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 6, 0, 0, 0, 1, 0, 0xff]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  ]) {
    const { clock, transport, cluster } = world();
    let side: ServerSide | undefined;
    const address = { host: "strange", port: 1 };
    transport.listen(address, (served) => {
      side = served;
      return { received: (bytes) => answerApiVersions(bytes, served, cluster), closed: () => undefined };
    });
    const connection = await clock.run(Connection.open(address, OPTIONS, { transport, clock }));
    const request = connection.request(API.metadata, METADATA);
    side?.send(frame);
    await rejects(clock.run(request), isError("MALFORMED_RESPONSE"));
    equal(connection.isOpen, false);
  }
});

test("a body that cannot be encoded fails alone", async () => {
  const { clock, open } = world();
  const connection = await open();
  await rejects(
    connection.request(API.metadata, { topics: [{ name: null }], includeClusterAuthorizedOperations: true }, { version: 5 }),
    isError("INVALID_ARGUMENT"),
  );
  await clock.run(connection.request(API.metadata, METADATA));
});

function answerApiVersions(bytes: Uint8Array, side: ServerSide, cluster: ScriptedCluster): void {
  const reader = new ByteReader(bytes.subarray(4));
  const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader);
  if (apiKey !== API.apiVersions.key) return;
  const answer = cluster.serve({ api: API.apiVersions, version: apiVersion, body: {}, nodeId: 1 });
  const writer = new ByteWriter();
  encodeResponseFrame(API.apiVersions.response, apiVersion, correlationId, answer as never, writer);
  side.send(Buffer.from(writer.finish()));
}

/** Answers ApiVersions; keeps metadata requests. */
function answerLater(bytes: Uint8Array, side: ServerSide, waiting: { correlationId: number; version: number; name: string }[]): void {
  for (let at = 0; at < bytes.byteLength; ) {
    const size = new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(0);
    const reader = new ByteReader(bytes, at + 4, at + 4 + size);
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader);
    if (apiKey === API.metadata.key) {
      reader.skip(1 + 16);
      waiting.push({ correlationId, version: apiVersion, name: reader.nullableCompactString() ?? "" });
    } else {
      const writer = new ByteWriter();
      const apiKeys = [{ apiKey: 3, minVersion: 0, maxVersion: 13 }];
      encodeResponseFrame(API.apiVersions.response, apiVersion, correlationId, { errorCode: 0, apiKeys }, writer);
      side.send(Buffer.from(writer.finish()));
    }
    at += 4 + size;
  }
}

function metadataFrame(correlationId: number, version: number, name: string): Buffer {
  const writer = new ByteWriter();
  const topics = [{ errorCode: 0, name, topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitions: [] }];
  encodeResponseFrame(API.metadata.response, version, correlationId, { brokers: [], topics, throttleTimeMs: 0, errorCode: 0 }, writer);
  return Buffer.from(writer.finish());
}
