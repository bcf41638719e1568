// Calls and streams between two processes over loopback: rates, times, and CPU of both sides.
// node packages/server/src/io/real/peer-transport.bench.ts [seconds a case] [name of a case]
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { KiB, MiB } from "../../base/units.ts";
import { TestAuthority } from "../../testing/test-certificates.ts";
import type { PeerConnection, PeerStream, PeerStreamReader } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { type PeerTls } from "./peer-certificates.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

const ECHO = "/tidemq.bench.v1.Bench/Echo";
const SINK = "/tidemq.bench.v1.Bench/Sink";
const SOURCE = "/tidemq.bench.v1.Bench/Source";
/** Bytes and messages of a stream that may wait for their acknowledgement. */
const WINDOW_BYTES = 8 * MiB;
const WINDOW = 32;
const clock = new RealClock();

type Case = Readonly<{
  name: string;
  run: (connection: PeerConnection, untilMs: number, times: number[]) => Promise<number>;
  bytes: number;
}>;

const calls = (concurrency: number, bytes: number): Case => ({
  name: `calls, ${concurrency} at a time, ${bytes} B each way`,
  bytes: 2 * bytes,
  async run(connection, untilMs, times) {
    const request = [Buffer.alloc(bytes, 1)];
    const one = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        const startMs = performance.now();
        await connection.call(ECHO, request, 10_000);
        times.push(performance.now() - startMs);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, one));
    return times.length;
  },
});

/** Messages of `bytes`, each acknowledged by a small one; the time is that of the acknowledgement. */
const up = (bytes: number): Case => ({
  name: `stream up, messages of ${bytes} B`,
  bytes,
  run: (connection, untilMs, times) =>
    new Promise((resolve, reject) => {
      const payload = [Buffer.from(new SharedArrayBuffer(bytes))];
      const sentAtMs: number[] = [];
      let count = 0;
      connection.open(SINK, (stream) => {
        const fill = (): void => {
          const room = Math.min(WINDOW, WINDOW_BYTES / bytes);
          while (sentAtMs.length < room && performance.now() < untilMs) {
            sentAtMs.push(performance.now());
            stream.send(payload);
          }
          if (sentAtMs.length === 0) stream.end();
        };
        clock.nextTurn(fill);
        return reader({
          message: () => {
            count += 1;
            times.push(performance.now() - (sentAtMs.shift() ?? 0));
            fill();
          },
          closed: (error) => (error === undefined ? resolve(count) : reject(error)),
        });
      });
    }),
});

const down = (bytes: number): Case => ({
  name: `stream down, messages of ${bytes} B`,
  bytes,
  run: (connection, untilMs) =>
    new Promise((resolve, reject) => {
      let count = 0;
      const stream = connection.open(SOURCE, () =>
        reader({
          message: () => {
            count += 1;
            if (performance.now() >= untilMs) stream.cancel();
          },
          closed: (error) => (error === undefined || error.code === "cancelled" ? resolve(count) : reject(error)),
        }),
      );
      const size = Buffer.alloc(4);
      size.writeUInt32BE(bytes);
      stream.send([size]);
    }),
});

const CASES: readonly Case[] = [calls(1, 100), calls(64, 100), calls(8, 64 * KiB), up(KiB), up(64 * KiB), up(MiB), down(MiB)];

function reader(parts: Partial<PeerStreamReader>): PeerStreamReader {
  return { message: () => {}, drained: () => {}, ended: () => {}, closed: () => {}, ...parts };
}

function serveSource(stream: PeerStream): PeerStreamReader {
  let payload: Buffer[] | undefined;
  const fill = (): void => {
    if (payload !== undefined) while (stream.pendingBytes < 4 * MiB) stream.send(payload);
  };
  const message = (bytes: Uint8Array): void => {
    payload = [Buffer.from(new SharedArrayBuffer(Buffer.from(bytes).readUInt32BE(0)))];
    fill();
  };
  const closed = (): void => {
    payload = undefined;
  };
  return reader({ message, drained: fill, closed });
}

/** The other process: serves until it is told to end, and says what CPU it took when it is asked. */
async function serve(tls: PeerTls | undefined): Promise<void> {
  const ack = [Buffer.alloc(8)];
  const listener = await new Http2PeerTransport(clock, undefined, tls).listen("127.0.0.1", 0, {
    calls: new Map([[ECHO, (request) => Promise.resolve([request])]]),
    streams: new Map([
      [SINK, (stream) => reader({ message: () => stream.send(ack), ended: () => stream.end() })],
      [SOURCE, serveSource],
    ]),
  });
  process.on("message", () => process.send?.(cpuSeconds()));
  process.on("disconnect", () => process.exit(0));
  process.send?.(listener.port);
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function ask(child: ChildProcess): Promise<number> {
  const answer = once(child, "message") as Promise<[number]>;
  child.send("cpu");
  return (await answer)[0];
}

async function measure(label: string, one: Case, connection: PeerConnection, child: ChildProcess, seconds: number): Promise<void> {
  await one.run(connection, performance.now() + 300, []);
  const times: number[] = [];
  const [here, there, startMs] = [cpuSeconds(), await ask(child), performance.now()];
  const count = await one.run(connection, startMs + seconds * 1000, times);
  const took = (performance.now() - startMs) / 1000;
  const [cpuHere, cpuThere] = [cpuSeconds() - here, (await ask(child)) - there];
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times.length === 0 ? "–" : (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(2));
  const gib = (count * one.bytes) / (1024 * MiB);
  console.log(
    `${label} ${one.name.padEnd(42)} ${(count / took).toFixed(0).padStart(7)}/s ${((gib * 1024) / took).toFixed(1).padStart(8)} MiB/s  ` +
      `p50 ${at(0.5)} p99 ${at(0.99)} ms  CPU here ${(cpuHere / took).toFixed(2)} there ${(cpuThere / took).toFixed(2)}` +
      (one.bytes >= KiB
        ? `  ${(cpuHere / gib).toFixed(2)} + ${(cpuThere / gib).toFixed(2)} s/GiB`
        : `  ${(((cpuHere + cpuThere) / count) * 1e6).toFixed(0)} µs each`),
  );
}

async function main(seconds: number, only: string): Promise<void> {
  const authority = await TestAuthority.make("bench", Date.now());
  for (const identity of [undefined, [await authority.issue("here"), await authority.issue("there")] as const]) {
    const child = fork(import.meta.filename, ["serve"], { serialization: "json" });
    child.send(JSON.stringify(identity?.[1] ?? null));
    const [port] = (await once(child, "message")) as [number];
    const connection = await new Http2PeerTransport(clock, undefined, identity?.[0]).connect({ host: "127.0.0.1", port });
    for (const one of CASES)
      if (one.name.includes(only)) await measure(identity === undefined ? "h2c " : "mTLS", one, connection, child, seconds);
    connection.close();
    child.disconnect();
  }
}

if (process.argv[2] === "serve") {
  const [identity] = (await once(process, "message")) as [string];
  await serve((JSON.parse(identity) as PeerTls | null) ?? undefined);
} else await main(Number(process.argv[2] ?? 2), process.argv[3] ?? "");
