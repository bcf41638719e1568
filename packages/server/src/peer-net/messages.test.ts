import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import type { PeerMessage } from "../io/peer-transport.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { SNAPSHOT_PAYLOAD_FIELD } from "./broker-session.ts";
import { decodeMessage, encodeMessage, encodeWithPayload } from "./messages.ts";
import { SnapshotPiece } from "./proto/common/metadata.ts";
import { BrokerMessage, ControllerMessage, SnapshotNeeded } from "./proto/controller/broker.ts";

const bytesOf = (message: PeerMessage): Buffer => Buffer.concat(message);

const REGISTER: BrokerMessage = {
  kind: {
    $case: "register",
    value: {
      brokerId: 3,
      incarnation: "a1",
      host: "h",
      rack: "r",
      walId: "00112233aabbccdd",
      walIndex: 7_000_000_000,
      walDamaged: true,
      clusterId: "c",
      formatVersion: 1,
      advertisedListeners: [{ name: "PLAINTEXT", host: "h", port: 9092, securityProtocol: "PLAINTEXT" }],
      roles: ["broker"],
      appliedIndex: 5,
      brokerEpoch: 2,
    },
  },
};

const BATCHES: ControllerMessage = {
  kind: {
    $case: "batches",
    value: { controllerEpoch: 4, firstIndex: 10, endIndex: 13, payloads: [Uint8Array.of(1, 0), new Uint8Array(0), Uint8Array.of(2)] },
  },
};

const SUBMIT: BrokerMessage = { kind: { $case: "submit", value: { token: 7, command: Uint8Array.of(9) } } };

const ANSWERED: ControllerMessage = {
  kind: { $case: "answered", value: { token: 7, index: 12, position: 1, refusal: { code: "X", message: "y" } } },
};

/** Written by another encoder (buf convert). What crosses the wire today has to be read by every later version. */
const GOLDEN: readonly (readonly [PeerMessage, string])[] = [
  [
    encodeMessage(BrokerMessage, REGISTER),
    "0a550803120261311a01682201722a103030313132323333616162626363646430808cee891a380142016348" +
      "01521c0a09504c41494e544558541201681884472209504c41494e544558545a0662726f6b657260056802",
  ],
  [encodeMessage(ControllerMessage, BATCHES), "1a0f0804100a180d220201002200220102"],
  [encodeMessage(BrokerMessage, SUBMIT), "1a050807120109"],
  [encodeMessage(ControllerMessage, ANSWERED), "3a0e0807100c180122060a0158120179"],
];

test("golden bytes", () => {
  for (const [message, hex] of GOLDEN) equal(bytesOf(message).toString("hex"), hex);
});

test("a broker's message and a controller's come back as they were", () => {
  deepEqual(decodeMessage(BrokerMessage, bytesOf(encodeMessage(BrokerMessage, REGISTER))), REGISTER);
  deepEqual(decodeMessage(ControllerMessage, Uint8Array.from(bytesOf(encodeMessage(ControllerMessage, BATCHES)))), BATCHES);
  deepEqual(decodeMessage(ControllerMessage, new Uint8Array(0)), { kind: undefined });
});

test("a payload is sent as it lies and read as a view", () => {
  const payload = [Buffer.from("ab"), Buffer.alloc(100_000, 7)];
  const piece = { index: 9, totalBytes: 200_000, offset: 50_000, clusterId: "c", payload: new Uint8Array(0) };
  const message = encodeWithPayload(SnapshotPiece, piece, SNAPSHOT_PAYLOAD_FIELD, payload);
  ok(message[1] === payload[0] && message[2] === payload[1]);
  const received = bytesOf(message);
  const found = decodeMessage(SnapshotPiece, received);
  ok(Buffer.concat(payload).equals(found.payload));
  equal(found.payload.buffer, received.buffer);
  deepEqual(received, bytesOf(encodeMessage(SnapshotPiece, { ...piece, payload: Buffer.concat(payload) })), "as any encoder writes it");
  deepEqual(decodeMessage(SnapshotPiece, bytesOf(encodeWithPayload(SnapshotPiece, piece, SNAPSHOT_PAYLOAD_FIELD, []))), piece);
});

test("fields of a newer version are passed over", () => {
  const known = bytesOf(encodeMessage(BrokerMessage, SUBMIT));
  const newer = Buffer.from([0xa2, 0x06, 2, 1, 2]); // field 100, two bytes
  deepEqual(decodeMessage(BrokerMessage, Buffer.concat([known, newer])), decodeMessage(BrokerMessage, known));
});

test("what is damaged is refused, or is another message; nothing else happens", () => {
  const malformed = { name: "QueueError", code: "MALFORMED_FRAME" };
  throws(() => decodeMessage(BrokerMessage, Uint8Array.of(0x0a, 0x05, 1)), malformed);
  throws(() => decodeMessage(SnapshotNeeded, Buffer.from("08ffffffffffffffff7f", "hex")), malformed, "beyond 2^53");
  throws(() => decodeMessage(SnapshotNeeded, Uint8Array.of(0, 8, 1)), malformed);
  const whole = bytesOf(encodeMessage(BrokerMessage, REGISTER));
  const random = new SimRandom(1);
  for (let round = 0; round < 20_000; round++) {
    const damaged = Buffer.from(whole.subarray(0, random.chance(0.3) ? random.between(0, whole.length) : whole.length));
    for (let flips = random.between(1, 3); flips > 0 && damaged.length > 0; flips--)
      damaged[random.between(0, damaged.length - 1)] = random.between(0, 255);
    try {
      decodeMessage(BrokerMessage, damaged);
    } catch (error) {
      equal((error as { code?: string }).code, "MALFORMED_FRAME");
    }
  }
});
