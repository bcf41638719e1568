import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Address, Connection, ConnectionReader, Listener, Network } from "../../io/network.ts";

/** A network to listen on, and a client's way into it; `drive` makes time pass until the promise settles. */
export type NetworkUnderTest = Readonly<{
  network: Network;
  host: string;
  connect: (to: Address) => Promise<Connection>;
  waitMs: (ms: number) => Promise<void>;
  drive: <T>(promise: Promise<T>) => Promise<T>;
  dispose: () => Promise<void>;
}>;

/** What every Network must do. */
export function networkContract(name: string, create: () => NetworkUnderTest | Promise<NetworkUnderTest>): void {
  const check = (what: string, run: (net: NetworkUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, { timeout: 20_000 }, async () => {
      const net = await create();
      try {
        await net.drive(run(net));
      } finally {
        await net.dispose();
      }
    });
  };

  check("bytes arrive in order, in both directions", async (net) => {
    const { client, server } = await pair(net);
    const [there, back] = [pattern(300_000, 1), pattern(200_000, 2)];
    for (let at = 0; at < there.length; at += 30_000)
      client.connection.write([there.subarray(at, at + 10), there.subarray(at + 10, at + 30_000)]);
    server.connection.write([back]);
    await server.untilReceived(there.length);
    await client.untilReceived(back.length);
    ok(server.all.equals(there));
    ok(client.all.equals(back));
    await closeBoth(client, server);
  });

  check("addresses of both ends agree", async (net) => {
    const { client, server } = await pair(net);
    equal(server.connection.local.port, client.connection.remote.port);
    equal(server.connection.remote.port, client.connection.local.port);
    ok(server.connection.remote.host.length > 0 && server.connection.local.host.length > 0);
    await closeBoth(client, server);
  });

  check("the rest of a frame goes straight into the reader's memory", async (net) => {
    const { client, server } = await pair(net);
    const frame = Buffer.alloc(500_000);
    let filled = 0;
    server.targetOf = () => (filled < frame.length ? frame.subarray(filled) : undefined);
    server.onBytes = (bytes) => {
      if (filled === frame.length) return;
      ok(bytes.buffer === frame.buffer && bytes.byteOffset === frame.byteOffset + filled, "the very memory that was named");
      filled += bytes.byteLength;
    };
    const sent = pattern(500_100, 3);
    client.connection.write([sent]);
    await server.untilReceived(sent.length);
    ok(frame.equals(sent.subarray(0, frame.length)));
    ok(server.all.equals(sent));
    await closeBoth(client, server);
  });

  check("a slow reader lets bytes pile up here, counted, until they are drained", async (net) => {
    const { client, server } = await pair(net);
    client.connection.pause();
    const sent = pattern(24 * 1024 * 1024, 4);
    server.connection.write([sent.subarray(0, 1000), sent.subarray(1000)]);
    ok(server.connection.pendingBytes > 0 && server.connection.pendingBytes <= sent.length, `pending ${server.connection.pendingBytes}`);
    equal(server.drains, 0);
    client.connection.resume();
    await server.untilDrained();
    equal(server.connection.pendingBytes, 0);
    await client.untilReceived(sent.length);
    ok(client.all.equals(sent));
    await closeBoth(client, server);
  });

  check("a small write to a ready peer is taken at once", async (net) => {
    const { client, server } = await pair(net);
    server.connection.write([pattern(100, 5), pattern(1, 6)]);
    equal(server.connection.pendingBytes, 0);
    await client.untilReceived(101);
    await closeBoth(client, server);
    equal(server.drains, 0);
  });

  check("pause stops reading, resume goes on", async (net) => {
    const { client, server } = await pair(net);
    client.connection.write([pattern(10, 1)]);
    await server.untilReceived(10);
    server.connection.pause();
    server.connection.pause();
    client.connection.write([pattern(16 * 1024 * 1024, 7)]);
    const atPause = server.bytesReceived;
    await net.waitMs(50);
    ok(server.bytesReceived - atPause <= 64 * 1024, "at most what was read already");
    server.connection.resume();
    await server.untilReceived(10 + 16 * 1024 * 1024);
    await closeBoth(client, server);
  });

  check("each direction ends by itself", async (net) => {
    const { client, server } = await pair(net);
    client.connection.write([pattern(1000, 1)]);
    client.connection.end();
    await server.untilEnded();
    equal(server.bytesReceived, 1000);
    server.connection.write([pattern(2000, 2)]);
    server.connection.end();
    await client.untilEnded();
    equal(client.bytesReceived, 2000);
    equal(await client.untilClosed(), undefined);
    equal(await server.untilClosed(), undefined);
  });

  check("destroy tells both, once", async (net) => {
    const { client, server } = await pair(net);
    client.connection.destroy();
    equal(client.closings.length, 0, "not within the call");
    client.connection.destroy();
    equal(await client.untilClosed(), undefined);
    await server.untilEndedOrClosed();
    server.connection.destroy();
    await server.untilClosed();
    client.connection.destroy();
    deepEqual([client.closings.length, server.closings.length], [1, 1]);
  });

  check("writing to a peer that has gone ends the connection with a reason, and is no exception", async (net) => {
    const { client, server } = await pair(net);
    client.connection.destroy();
    await server.untilEndedOrClosed();
    for (let round = 0; round < 1000 && server.closings.length === 0; round++) {
      server.connection.write([pattern(1000, round)]);
      await Promise.race([server.untilClosed(), net.waitMs(10)]);
    }
    ok((await server.untilClosed()) !== undefined, "a reason");
    server.connection.write([pattern(1, 1)]);
    equal(server.connection.pendingBytes, 0);
  });

  check("nothing is read before start", async (net) => {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await net.network.listen(net.host, 0, accepted.resolve);
    const client = new End(await net.connect(listener));
    client.connection.write([pattern(1000, 1)]);
    const connection = await accepted.promise;
    await net.waitMs(10);
    const server = new End(connection);
    await server.untilReceived(1000);
    await closeBoth(client, server);
    await listener.close();
  });

  check("a port belongs to one listener; after close it accepts nothing, and what is open lives on", async (net) => {
    const { client, server, listener } = await pair(net);
    ok(listener.port > 0);
    await rejects(
      net.network.listen(net.host, listener.port, () => {}),
      { name: "NetworkError", code: "in-use" },
    );
    await listener.close();
    await rejects(net.connect(listener));
    client.connection.write([pattern(10, 1)]);
    await server.untilReceived(10);
    const again = await net.network.listen(net.host, listener.port, () => {});
    await again.close();
    await closeBoth(client, server);
  });
}

type Pair = Readonly<{ client: End; server: End; listener: Listener }>;

async function pair(net: NetworkUnderTest): Promise<Pair> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await net.network.listen(net.host, 0, accepted.resolve);
  const client = new End(await net.connect(listener));
  return { client, server: new End(await accepted.promise), listener };
}

async function closeBoth(client: End, server: End): Promise<void> {
  client.connection.end();
  server.connection.end();
  await Promise.all([client.untilClosed(), server.untilClosed()]);
}

/** Bytes that differ by position and seed. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) + seed) & 0xff;
  return bytes;
}

/** A reader that collects, with promises for what a test waits for. */
export class End implements ConnectionReader {
  readonly connection: Connection;
  readonly chunks: Buffer[] = [];
  readonly closings: (string | undefined)[] = [];
  bytesReceived = 0;
  drains = 0;
  ends = 0;
  targetOf: () => Uint8Array | undefined = () => undefined;
  onBytes: (bytes: Uint8Array) => void = () => {};
  #waiting: { until: () => boolean; resolve: () => void }[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start(this);
  }

  get all(): Buffer {
    return Buffer.concat(this.chunks);
  }

  target(): Uint8Array | undefined {
    return this.targetOf();
  }

  bytes(bytes: Uint8Array): void {
    this.onBytes(bytes);
    this.chunks.push(Buffer.from(bytes));
    this.bytesReceived += bytes.byteLength;
    this.#check();
  }

  drained(): void {
    this.drains += 1;
    this.#check();
  }

  ended(): void {
    this.ends += 1;
    this.#check();
  }

  closed(reason: string | undefined): void {
    this.closings.push(reason);
    this.#check();
  }

  untilReceived(bytes: number): Promise<void> {
    return this.#until(() => this.bytesReceived >= bytes);
  }

  untilDrained(): Promise<void> {
    return this.#until(() => this.drains > 0);
  }

  untilEnded(): Promise<void> {
    return this.#until(() => this.ends > 0);
  }

  untilEndedOrClosed(): Promise<void> {
    return this.#until(() => this.ends + this.closings.length > 0);
  }

  /** The reason. */
  async untilClosed(): Promise<string | undefined> {
    await this.#until(() => this.closings.length > 0);
    return this.closings[0];
  }

  #until(until: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ until, resolve });
      this.#check();
    });
  }

  #check(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (one.until()) one.resolve();
      else this.#waiting.push(one);
    }
  }
}
