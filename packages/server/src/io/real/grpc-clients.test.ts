// A gRPC library that knows nothing of us: as client of our server, and as server of our client.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as sleepMs } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { QueueError } from "../../base/errors.ts";
import { joined, message, PeerEnd } from "../../testing/peer-end.ts";
import type { CallHandler, PeerServices, ServedCall } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

const bytes = (value: Buffer): Buffer => value;
const method = (name: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `/tidemq.test.v1.Test/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});
const SERVICE = {
  Echo: method("Echo", false, false),
  Hang: method("Hang", false, false),
  Both: method("Both", true, true),
  Up: method("Up", true, false),
  Down: method("Down", false, true),
  Nobody: method("Nobody", false, false),
};
const at = (name: keyof typeof SERVICE): string => SERVICE[name].path;
const transport = new Http2PeerTransport(new RealClock());

/** Our server, and the library's client of it. */
async function ourServer(t: TestContext, services: Partial<PeerServices>): Promise<grpc.Client> {
  const listener = await transport.listen("127.0.0.1", 0, { calls: new Map(), streams: new Map(), ...services });
  const client = new grpc.Client(`127.0.0.1:${listener.port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  t.after(async () => {
    client.close();
    await listener.close();
  });
  return client;
}

function unary(client: grpc.Client, path: string, request: Buffer, options: grpc.CallOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, bytes, bytes, request, new grpc.Metadata(), options, (error, value) => {
      if (error === null) resolve(value as Buffer);
      else reject(error);
    });
  });
}

test("its calls are answered, small, empty and large", async (t) => {
  const client = await ourServer(t, { calls: new Map([[at("Echo"), (request) => Promise.resolve([request])]]) });
  for (const length of [0, 10, 4_000_000])
    ok(joined(message(length)).equals(await unary(client, at("Echo"), joined(message(length)))), `${length}`);
});

test("errors reach it as status, text and our code in the trailers", async (t) => {
  const failing = new Map([
    [at("Echo"), () => Promise.reject(new QueueError("NOT_CONTROLLER", "ask 3: é"))],
    [at("Hang"), () => Promise.reject(new Error("secret"))],
  ]);
  const client = await ourServer(t, { calls: failing });
  await rejects(unary(client, at("Echo"), Buffer.alloc(1)), (error: grpc.ServiceError) => {
    deepEqual([error.code, error.details], [grpc.status.FAILED_PRECONDITION, "ask 3: é"]);
    deepEqual(error.metadata.get("tidemq-error"), ["NOT_CONTROLLER"]);
    return true;
  });
  await rejects(unary(client, at("Hang"), Buffer.alloc(1)), { code: grpc.status.INTERNAL, details: "internal error" });
  await rejects(unary(client, at("Nobody"), Buffer.alloc(1)), { code: grpc.status.UNIMPLEMENTED });
});

test("its deadline and its cancel reach the handler", { timeout: 20_000 }, async (t) => {
  const served: ServedCall[] = [];
  const hang = async (_: Uint8Array, call: ServedCall): Promise<never[]> => {
    served.push(call);
    while (!call.isOver) await sleepMs(5);
    return [];
  };
  const echo = (request: Uint8Array): Promise<Uint8Array[]> => Promise.resolve([request]);
  const client = await ourServer(t, {
    calls: new Map<string, CallHandler>([
      [at("Hang"), hang],
      [at("Echo"), echo],
    ]),
  });
  await unary(client, at("Echo"), Buffer.alloc(1)); // connected: what follows is on its way at once
  await rejects(unary(client, at("Hang"), Buffer.alloc(1), { deadline: Date.now() + 500 }), { code: grpc.status.DEADLINE_EXCEEDED });
  const call = client.makeUnaryRequest(at("Hang"), bytes, bytes, Buffer.alloc(1), () => {});
  while (served.length < 2) await sleepMs(5);
  call.cancel();
  while (served.some((each) => !each.isOver)) await sleepMs(5);
});

test("streams in both directions at once, half-closed by the client, ended by us", async (t) => {
  const ends: PeerEnd[] = [];
  const client = await ourServer(t, {
    streams: new Map([
      [
        at("Both"),
        (stream) => {
          const end = new PeerEnd(stream);
          end.onMessage = (received) => stream.send([received, Buffer.from("!")]);
          void end.until(() => end.count("ended") > 0).then(() => stream.end());
          ends.push(end);
          return end;
        },
      ],
    ]),
  });
  const call = client.makeBidiStreamRequest(at("Both"), bytes, bytes);
  const received: number[] = [];
  call.on("data", (chunk: Buffer) => received.push(chunk.length));
  const sizes = Array.from({ length: 200 }, (_, n) => (n % 20 === 0 ? 100_000 : n));
  for (const size of sizes) call.write(joined(message(size)));
  call.end();
  const [status] = (await once(call, "status")) as [grpc.StatusObject];
  equal(status.code, grpc.status.OK);
  deepEqual(
    received,
    sizes.map((size) => size + 1),
  );
  equal(await ends[0]?.untilClosed(), undefined);
});

test("one-way streams: up with one answer, down until an error", async (t) => {
  const client = await ourServer(t, {
    streams: new Map([
      [
        at("Up"),
        (stream) => {
          const end = new PeerEnd(stream);
          void end
            .until(() => end.count("ended") > 0)
            .then(() => {
              stream.send([Buffer.from(String(end.messages.length))]);
              stream.end();
            });
          return end;
        },
      ],
      [
        at("Down"),
        (stream) => {
          for (let n = 0; n < 100; n++) stream.send(message(50_000, n));
          stream.end(new QueueError("OVERLOADED", "enough"));
          return new PeerEnd(stream);
        },
      ],
    ]),
  });
  const answer = new Promise<Buffer | undefined>((resolve, reject) => {
    const up = client.makeClientStreamRequest(at("Up"), bytes, bytes, (error, value) => (error === null ? resolve(value) : reject(error)));
    for (let n = 0; n < 50; n++) up.write(joined(message(1000)));
    up.end();
  });
  equal((await answer)?.toString(), "50");
  const down = client.makeServerStreamRequest(at("Down"), bytes, bytes, Buffer.alloc(3));
  let count = 0;
  down.on("data", () => (count += 1));
  const [error] = (await once(down, "error")) as [grpc.ServiceError];
  deepEqual([count, error.code, error.details], [100, grpc.status.RESOURCE_EXHAUSTED, "enough"]);
});

test("our client calls the library's server: answers, errors, streams", async (t) => {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(SERVICE, {
    Echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => answer(null, call.request),
    Hang: (_: unknown, answer: grpc.sendUnaryData<Buffer>) => answer({ code: grpc.status.PERMISSION_DENIED, details: "no: é" }),
    Both: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (chunk: Buffer) => call.write(chunk));
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  const connection = await transport.connect({ host: "127.0.0.1", port });
  t.after(() => connection.close());
  ok(joined(message(3_000_000)).equals(await connection.call(at("Echo"), message(3_000_000), 5_000)));
  await rejects(connection.call(at("Hang"), message(1), 5_000), { code: "denied", message: "no: é" });
  await rejects(connection.call(at("Nobody"), message(1), 5_000), { code: "unknown-path" });
  let end: PeerEnd | undefined;
  const stream = connection.open(at("Both"), (opened) => (end = new PeerEnd(opened)));
  for (let n = 0; n < 20; n++) stream.send(message(n * 1000));
  stream.end();
  equal(await end?.untilClosed(), undefined);
  deepEqual(
    end?.messages.map((each) => each.length),
    Array.from({ length: 20 }, (_, n) => n * 1000),
  );
});
