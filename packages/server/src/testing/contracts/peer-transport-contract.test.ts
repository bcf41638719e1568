// The suite is worth something: each of these wrong transports fails the check that names what is wrong with it.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { PeerLimits } from "../../io/peer-limits.ts";
import type { PeerConnection, PeerServices, PeerStream, PeerStreamReader, PeerTransport, StreamHandler } from "../../io/peer-transport.ts";
import { simulatedPeers } from "../sim-io/simulated-peers.ts";
import { type CreatePeers, PEER_CHECKS, type PeersUnderTest, runPeerCheck } from "./peer-transport-contract.ts";

/** What a wrong transport does to a reader, a stream or a connection of the right one. */
type Wrong = Readonly<{
  reader?: (reader: PeerStreamReader, stream: PeerStream) => PeerStreamReader;
  stream?: (stream: PeerStream) => PeerStream;
  connection?: (connection: PeerConnection) => PeerConnection;
  limits?: (limits: PeerLimits) => PeerLimits;
  peers?: (peers: PeersUnderTest) => PeersUnderTest;
}>;

/** `thing` with some of its parts replaced. */
function but<T extends object>(thing: T, changes: Partial<T>): T {
  return new Proxy(thing, {
    get(target, key) {
      if (Object.hasOwn(changes, key)) return changes[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function wrongPeers(wrong: Wrong): CreatePeers {
  const accepting =
    (accept: StreamHandler): StreamHandler =>
    (stream) => {
      const seen = wrong.stream?.(stream) ?? stream;
      const reader = accept(seen);
      return wrong.reader?.(reader, stream) ?? reader;
    };
  const transport = (right: PeerTransport): PeerTransport => ({
    listen: (host, port, services) => right.listen(host, port, wrongServices(services)),
    connect: async (to) => wrongConnection(await right.connect(to)),
  });
  const wrongServices = ({ calls, streams }: PeerServices): PeerServices => ({
    calls,
    streams: new Map([...streams].map(([path, accept]) => [path, accepting(accept)])),
  });
  const wrongConnection = (connection: PeerConnection): PeerConnection => {
    const opening = but(connection, { open: (path, accept, deadlineMs) => openWrong(connection, path, accept, deadlineMs) });
    return wrong.connection?.(opening) ?? opening;
  };
  const openWrong: (connection: PeerConnection, ...args: Parameters<PeerConnection["open"]>) => PeerStream = (
    connection,
    path,
    accept,
    ms,
  ) => {
    const stream = connection.open(path, accepting(accept), ms);
    return wrong.stream?.(stream) ?? stream;
  };
  return (limits) => {
    const right = simulatedPeers(wrong.limits?.(limits) ?? limits);
    const made = { ...right, server: transport(right.server), client: transport(right.client) };
    return wrong.peers?.(made) ?? made;
  };
}

/** Part of the name of the check that must fail → the fault. */
const WRONG: readonly (readonly [string, Wrong])[] = [
  [
    "arrive in order",
    {
      reader: (reader) => {
        const held: Uint8Array[] = [];
        const message = (bytes: Uint8Array): void => {
          held.push(bytes);
          if (held.length < 3) return;
          for (const each of held.splice(0).reverse()) reader.message(each);
        };
        return but(reader, { message });
      },
    },
  ],
  [
    "arrive in order",
    {
      reader: (reader) =>
        but(reader, {
          message: (bytes) => {
            reader.message(bytes);
            reader.message(bytes);
          },
        }),
    },
  ],
  [
    "each its own answer, and each runs once",
    { connection: (right) => but(right, { call: (...args) => right.call(...args).then(() => right.call(...args)) }) },
  ],
  [
    "brings its request there",
    { connection: (right) => but(right, { call: (...args) => right.call(...args).then((bytes) => bytes.subarray(1)) }) },
  ],
  [
    "travels whole",
    {
      connection: (right) =>
        but(right, {
          call: (...args) =>
            right.call(...args).catch((error: PeerError) => {
              throw new PeerError("refused", error.message, { refusal: "INTERNAL" });
            }),
        }),
    },
  ],
  ["takes too long", { connection: (right) => but(right, { call: (path, request) => right.call(path, request, 60_000) }) }],
  ["longer than the transport allows", { limits: (limits) => ({ ...limits, callMsMax: 60_000 }) }],
  [
    "ends by its deadline on both sides",
    { connection: (right) => but(right, { open: (path, accept) => right.open(path, accept, 5_000) }) },
  ],
  [
    "the server goes on and ends the stream",
    {
      reader: (reader) =>
        but(reader, {
          ended: () => {
            reader.ended();
            reader.closed(undefined);
          },
        }),
    },
  ],
  [
    "tells it after the messages before",
    {
      reader: (reader) => but(reader, { closed: (error) => reader.closed(error === undefined ? undefined : new PeerError("lost", "?")) }),
    },
  ],
  [
    "either side may cancel",
    {
      reader: (reader) =>
        but(reader, {
          closed: (error) => {
            reader.closed(error);
            reader.closed(error);
          },
        }),
    },
  ],
  ["either side may cancel", { stream: (right) => but(right, { cancel: () => right.end() }) }],
  ["a paused reader holds up", { stream: (right) => but(right, { pause: () => {} }) }],
  ["may pause within a message", { stream: (right) => but(right, { pause: () => {} }) }],
  ["more than may pend", { limits: (limits) => ({ ...limits, pendingBytesMax: 1e9 }) }],
  ["over the limit is not sent", { limits: (limits) => ({ ...limits, messageBytesMax: 1e9 }) }],
  ["one stream more than the limit", { limits: (limits) => ({ ...limits, streamsMax: 1000 }) }],
  ["beyond what a listener holds", { limits: (limits) => ({ ...limits, inFlightBytesMax: 1e9 }) }],
  [
    "a connection that breaks",
    {
      connection: (right) => but(right, { call: (...args) => right.call(...args).catch(() => right.call(...args)) }),
    },
  ],
  ["a connection that breaks", { connection: (right) => but(right, { onClosed: () => {} }) }],
  ["a connection that is closed here", { connection: (right) => but(right, { close: () => {} }) }],
  ["falls silent", { limits: (limits) => ({ ...limits, pingMs: 1e9 }) }],
  ["each side knows the other", { stream: (right) => but(right, { peer: { address: { host: "", port: 0 }, name: "everybody" } }) }],
];

for (const [name, wrong] of WRONG) {
  test(`a wrong transport fails: ${name}`, async () => {
    const check = must(
      PEER_CHECKS.find((each) => each.name.includes(name)),
      name,
    );
    await runPeerCheck(check, simulatedPeers);
    let failed = false;
    await runPeerCheck(check, wrongPeers(wrong)).catch(() => (failed = true));
    ok(failed, "the check passed");
  });
}
