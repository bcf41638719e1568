import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import tls from "node:tls";
import { joined, message } from "../../testing/peer-end.ts";
import { TestAuthority } from "../../testing/test-certificates.ts";
import { PEER_LIMITS } from "../peer-limits.ts";
import type { PeerIdentity, PeerListener } from "../peer-transport.ts";
import { RealClock } from "./clock.ts";
import { type Denied, type PeerTls } from "./peer-certificates.ts";
import { Http2PeerTransport } from "./peer-transport-http2.ts";

const PATH = "/tidemq.test.v1.Test/Echo";
const clock = new RealClock();
const authority = await TestAuthority.make("cluster", Date.now());
const stranger = await TestAuthority.make("cluster", Date.now());
const limits = { ...PEER_LIMITS, firstBytesMs: 2_000 };

async function server(t: TestContext, peers: PeerIdentity[], identity?: PeerTls, denied?: Denied): Promise<PeerListener> {
  const transport = new Http2PeerTransport(clock, limits, identity ?? (await authority.issue("broker-1")), denied);
  const echo = (request: Uint8Array, call: { readonly peer: PeerIdentity }): Promise<Uint8Array[]> => {
    peers.push(call.peer);
    return Promise.resolve([request]);
  };
  const listener = await transport.listen("127.0.0.1", 0, { calls: new Map([[PATH, echo]]), streams: new Map() });
  t.after(() => listener.close());
  return listener;
}

test("two certificates of one authority: each side knows the other's name", async (t) => {
  const peers: PeerIdentity[] = [];
  const listener = await server(t, peers);
  const client = new Http2PeerTransport(clock, limits, await authority.issue("broker-2"));
  const connection = await client.connect(listener);
  t.after(() => connection.close());
  ok(joined(message(2_000_000)).equals(await connection.call(PATH, message(2_000_000), 5_000)));
  deepEqual([connection.peer.name, peers.map((peer) => peer.name)], ["broker-1", ["broker-2"]]);
});

test("a certificate of another authority, of another time or none: no handler runs", async (t) => {
  const peers: PeerIdentity[] = [];
  const listener = await server(t, peers);
  const { cert, key } = await stranger.issue("broker-2");
  const refused: readonly PeerTls[] = [{ ca: authority.ca, cert, key }, await authority.issue("broker-2", -1000)];
  for (const identity of refused) {
    const call = async (): Promise<unknown> => {
      const connection = await new Http2PeerTransport(clock, limits, identity).connect(listener);
      t.after(() => connection.close());
      return connection.call(PATH, message(1), 2_000);
    };
    await rejects(call(), (error: { code: string }) => ["denied", "unavailable", "lost"].includes(error.code));
  }
  const socket = tls.connect({ host: "127.0.0.1", port: listener.port, ca: authority.ca, ALPNProtocols: ["h2"] });
  await new Promise<void>((resolve) => {
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
  await rejects(new Http2PeerTransport(clock, limits).connect(listener), { code: "unavailable" });
  equal(peers.length, 0);
  const still = await new Http2PeerTransport(clock, limits, await authority.issue("broker-3")).connect(listener);
  equal((await still.call(PATH, message(1), 2_000)).length, 1);
  still.close();
});

test("a server of another authority is not believed", async (t) => {
  const peers: PeerIdentity[] = [];
  const { cert, key } = await stranger.issue("broker-1");
  const listener = await server(t, peers, { ca: authority.ca, cert, key });
  const client = new Http2PeerTransport(clock, limits, await authority.issue("broker-2"));
  await rejects(client.connect(listener), { code: "denied", error: "PEER_UNAVAILABLE" });
});

test("each side is told of a certificate that it does not accept, or that is not accepted, and of nothing else", async (t) => {
  const [here, there]: [string[], string[]] = [[], []];
  const listener = await server(t, [], undefined, (peer, reason) => there.push(`${peer} ${reason}`));
  const told = (identity: PeerTls | undefined) => new Http2PeerTransport(clock, limits, identity, (peer) => here.push(peer));
  const another = await TestAuthority.make("another", Date.now());
  await rejects(told(await another.issue("broker-2")).connect(listener), { code: "denied" });
  deepEqual(here, [`${listener.host}:${listener.port}`]);
  for (const { cert, key } of [
    await another.issue("broker-2"),
    await stranger.issue("broker-2"),
    await authority.issue("broker-2", -1000),
  ]) {
    const connecting = told({ ca: authority.ca, cert, key }).connect(listener);
    // The client may take the connection for open before the server has looked at its certificate.
    await connecting.then((connection) => connection.call(PATH, message(1), 2_000)).catch(() => undefined);
  }
  await rejects(told(undefined).connect(listener), { code: "unavailable" });
  deepEqual(there, ["127.0.0.1 UNABLE_TO_VERIFY_LEAF_SIGNATURE", "127.0.0.1 CERT_SIGNATURE_FAILURE", "127.0.0.1 CERT_HAS_EXPIRED"]);
});
