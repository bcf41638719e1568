// The contract as brokers and controllers will use it, over the real transport: a controller that only plays its part.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { PeerServices, PeerStream, PeerStreamReader } from "../io/peer-transport.ts";
import { RealClock } from "../io/real/clock.ts";
import { Http2PeerTransport } from "../io/real/peer-transport-http2.ts";
import { RealRandom } from "../io/real/random.ts";
import { PeerEnd } from "../testing/peer-end.ts";
import { BROKER_SESSION, SNAPSHOT_PAYLOAD_FIELD } from "./broker-session.ts";
import { decodeMessage, encodeMessage, encodeWithPayload } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { Peers } from "./peers.ts";
import { SnapshotPiece } from "./proto/common/metadata.ts";
import { BrokerMessage, ControllerMessage, SnapshotRequest } from "./proto/controller/broker.ts";

const SNAPSHOT = Buffer.alloc(3_000_000, "snapshot");
const PIECE_BYTES = 1_000_000;

test("the paths are those of the contract", () => {
  const contract = readFileSync(new URL("../../../../proto/controller/broker.proto", import.meta.url), "utf8");
  const name = /^package ([\w.]+);/m.exec(contract)?.[1];
  const service = /^service (\w+) \{/m.exec(contract)?.[1];
  const methods = [...contract.matchAll(/^ {2}rpc (\w+)\(/gm)].map((match) => `/${name}.${service}/${match[1]}`);
  deepEqual(Object.values(BROKER_SESSION), methods);
});

/** Answers each message by hand. */
class PlayedSession extends PeerEnd {
  override message(bytes: Uint8Array): void {
    super.message(bytes);
    const { kind } = decodeMessage(BrokerMessage, bytes);
    if (kind?.$case === "register") this.#registered(kind.value.appliedIndex);
    if (kind?.$case === "submit") this.#answered(kind.value.token, kind.value.command.byteLength);
    if (kind?.$case === "heartbeat") this.#say({ $case: "notLeader", value: { leader: undefined } });
  }

  #registered(appliedIndex: number): void {
    this.#say({ $case: "registered", value: { brokerEpoch: 7, controllerEpoch: 2, endIndex: 13, sessionMs: 2000, heartbeatMs: 400 } });
    const payloads = [Uint8Array.of(1, 0), Uint8Array.of(1, 1)];
    const firstIndex = appliedIndex + 1;
    this.#say({ $case: "batches", value: { controllerEpoch: 2, firstIndex, endIndex: firstIndex + 2, payloads } });
  }

  #answered(token: number, bytes: number): void {
    const refusal = bytes === 0 ? { code: "INVALID_REQUEST", message: "no command" } : undefined;
    this.#say({ $case: "answered", value: { token, index: bytes === 0 ? 0 : 12, position: bytes, refusal } });
  }

  #say(kind: NonNullable<ControllerMessage["kind"]>): void {
    this.stream.send(encodeMessage(ControllerMessage, { kind }));
  }
}

function sendSnapshot(stream: PeerStream): PeerStreamReader {
  const end = new PeerEnd(stream);
  end.onMessage = (bytes) => {
    decodeMessage(SnapshotRequest, bytes);
    for (let offset = 0; offset < SNAPSHOT.length; offset += PIECE_BYTES) {
      const head = { index: 12, totalBytes: SNAPSHOT.length, offset, clusterId: "cluster-1", payload: new Uint8Array(0) };
      stream.send(encodeWithPayload(SnapshotPiece, head, SNAPSHOT_PAYLOAD_FIELD, [SNAPSHOT.subarray(offset, offset + PIECE_BYTES)]));
    }
    stream.end();
  };
  return end;
}

const SERVICES: PeerServices = {
  calls: new Map(),
  streams: new Map([
    [BROKER_SESSION.session, (stream) => new PlayedSession(stream)],
    [BROKER_SESSION.readSnapshot, sendSnapshot],
  ]),
};

async function controllerPeer(t: TestContext): Promise<Peer> {
  const clock = new RealClock();
  const transport = new Http2PeerTransport(clock);
  const listener = await transport.listen("127.0.0.1", 0, SERVICES);
  const peers = new Peers({ transport, clock, random: new RealRandom() });
  t.after(async () => {
    peers.close();
    await listener.close();
  });
  return peers.register(1, { host: listener.host, port: listener.port });
}

async function openAt(peer: Peer, path: string): Promise<PeerEnd> {
  const ends: PeerEnd[] = [];
  await peer.open(path, (stream) => {
    const end = new PeerEnd(stream);
    ends.push(end);
    return end;
  });
  return ends[0] as PeerEnd;
}

test("a session: register, batches, heartbeat, sent elsewhere", async (t) => {
  const end = await openAt(await controllerPeer(t), BROKER_SESSION.session);
  const register = {
    brokerId: 3,
    incarnation: "a1",
    host: "h",
    rack: "",
    walId: "00112233aabbccdd",
    walIndex: 40,
    walDamaged: false,
    clusterId: "c",
    formatVersion: 1,
    advertisedListeners: [],
    roles: ["broker"],
    appliedIndex: 41,
    brokerEpoch: 0,
  };
  end.stream.send(encodeMessage(BrokerMessage, { kind: { $case: "register", value: register } }));
  await end.untilMessages(2);
  const load = undefined;
  end.stream.send(encodeMessage(BrokerMessage, { kind: { $case: "heartbeat", value: { load, appliedIndex: 43, controllerEpoch: 2 } } }));
  await end.untilMessages(3);
  const [registered, batches, last] = end.messages.map((bytes) => decodeMessage(ControllerMessage, bytes).kind);
  deepEqual(registered, {
    $case: "registered",
    value: { brokerEpoch: 7, controllerEpoch: 2, endIndex: 13, sessionMs: 2000, heartbeatMs: 400 },
  });
  ok(batches?.$case === "batches");
  deepEqual(
    [batches.value.firstIndex, batches.value.endIndex, batches.value.payloads.map((each) => [...each])],
    [
      42,
      44,
      [
        [1, 0],
        [1, 1],
      ],
    ],
  );
  deepEqual(last, { $case: "notLeader", value: { leader: undefined } });
  end.stream.cancel();
});

test("a command is submitted, and answered with its place, or refused", async (t) => {
  const end = await openAt(await controllerPeer(t), BROKER_SESSION.session);
  for (const [token, command] of [
    [1, Uint8Array.of(1, 2, 3)],
    [2, new Uint8Array(0)],
  ] as const)
    end.stream.send(encodeMessage(BrokerMessage, { kind: { $case: "submit", value: { token, command } } }));
  await end.untilMessages(2);
  const refusal = { code: "INVALID_REQUEST", message: "no command" };
  deepEqual(
    end.messages.map((bytes) => decodeMessage(ControllerMessage, bytes).kind),
    [
      { $case: "answered", value: { token: 1, index: 12, position: 3, refusal: undefined } },
      { $case: "answered", value: { token: 2, index: 0, position: 0, refusal } },
    ],
  );
  end.stream.cancel();
});

test("a snapshot in pieces is the whole of its bytes", async (t) => {
  const end = await openAt(await controllerPeer(t), BROKER_SESSION.readSnapshot);
  end.stream.send(encodeMessage(SnapshotRequest, {}));
  end.stream.end();
  equal(await end.untilClosed(), undefined);
  const pieces = end.messages.map((bytes) => decodeMessage(SnapshotPiece, bytes));
  deepEqual(
    pieces.map(({ index, offset, totalBytes }) => [index, offset, totalBytes]),
    [0, 1_000_000, 2_000_000].map((offset) => [12, offset, 3_000_000]),
  );
  ok(SNAPSHOT.equals(Buffer.concat(pieces.map((piece) => piece.payload))));
});
