import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import fc from "fast-check";
import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { asyncOf } from "../testing/async-of.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { commandOf, commandSteps, OPENING, uuid } from "../testing/random-commands.ts";
import { applyBatch } from "./apply.ts";
import { ClusterState, NO_LEADER } from "./cluster-state.ts";
import { checkCommand, decodeBatch, encodeBatch, encodeCommand } from "./command-codec.ts";
import type { Command } from "./commands.ts";
import { loadSnapshot } from "./snapshot-reader.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import { stateHash } from "./state-hash.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

// docs/formats/metadata-log.md, "Payload of a batch": these bytes are on disks.
test("golden: a batch of a claim and a topic", () => {
  const claim = encodeCommand({ controllerEpoch: 2, command: { kind: "claim-controller", holder: "ab", controllerEpoch: 2 } });
  equal(hex(claim), `01${"0000000000000002"}${"036162"}`);
  const topic = encodeCommand({
    controllerEpoch: 2,
    command: {
      kind: "create-topic",
      topicId: "AAECAwQFBgcICQoLDA0ODw",
      name: "t",
      configs: new Map([["k", "v"]]),
      assignments: [[1], [2, 1]],
    },
  });
  const fields = `000102030405060708090a0b0c0d0e0f${"0274"}${"01"}${"026b"}${"0276"}${"02"}${"0100000001"}${"020000000200000001"}`;
  equal(hex(topic), `04${"0000000000000002"}${fields}`);
  equal(hex(encodeBatch([claim, topic])), `01${"02"}${"0c"}${hex(claim)}${(topic.byteLength).toString(16)}${hex(topic)}`);
});

test("golden: commit-object names each object once", () => {
  const cluster = new ClusterFixture();
  const data = cluster.range(1, 16, 32, 3);
  const ranges = [data, cluster.without({ ...data, startOffset: 32, endOffset: 33 }, "hole"), { ...data, startOffset: 33, endOffset: 34 }];
  const bytes = encodeCommand({ controllerEpoch: 1, command: { kind: "commit-object", broker: 1, brokerEpoch: 1, ranges } });
  const object = "00000001" + "0000000000000001" + "0000000000000003" + "0000000000000003" + "00000000000003e8";
  const section = "0000000000000001" + "0000000000000000" + "0000000000000384" + "0000000000000064" + "00000005";
  const row = (kind: string, start: string, end: string) => `0000000000000001${kind}${start}${end}00000000${"0000000000000001"}`;
  const rows = [
    row("00", "0000000000000010", "0000000000000020") + section,
    row("01", "0000000000000020", "0000000000000021"),
    row("00", "0000000000000021", "0000000000000022") + section,
  ];
  equal(hex(bytes), `0a${"0000000000000001"}${"00000001"}${"0000000000000001"}${"01"}${object}${"03"}${rows.join("")}`);
});

test("golden: registration, as it is written and as it was, and the acceptance of a lost log", () => {
  const registration = { kind: "register-broker", broker: 1, incarnation: "ab", host: "h", rack: "" } as const;
  const log = { walId: "c4", walIndex: 5, walDamaged: true };
  const listeners = [{ name: "in", host: "h", port: 9092 }];
  const bytes = encodeCommand({ controllerEpoch: 2, command: { ...registration, ...log, listeners } });
  const fields = `${"0000000000000002"}${"00000001"}${"036162"}${"0268"}${"01"}`;
  const named = `${fields}${"036334"}${"0000000000000005"}${"01"}`;
  equal(hex(bytes), `13${named}${"01"}${"03696e"}${"0268"}${"00002384"}`);
  const unknown = { walIndex: -1, walDamaged: false, listeners: [] };
  const read = (text: string) => decodeBatch(encodeBatch([Buffer.from(text, "hex")]));
  deepEqual(read(`02${fields}`), [{ controllerEpoch: 2, command: { ...registration, walId: "", ...unknown } }]);
  deepEqual(read(`0f${fields}${"036334"}`), [{ controllerEpoch: 2, command: { ...registration, walId: "c4", ...unknown } }]);
  deepEqual(read(`11${named}`), [{ controllerEpoch: 2, command: { ...registration, ...log, listeners: [] } }]);
  const fence = encodeCommand({ controllerEpoch: 2, command: { kind: "fence-broker", broker: 1, brokerEpoch: 3 } });
  equal(hex(fence), `14${"0000000000000002"}${"00000001"}${"0000000000000003"}`);
  const accept = encodeCommand({ controllerEpoch: 2, command: { kind: "accept-log-loss", partitionId: 7, broker: 1, brokerEpoch: 3 } });
  equal(hex(accept), `10${"0000000000000002"}${"0000000000000007"}${"00000001"}${"0000000000000003"}`);
});

test("golden: a snapshot of a small state", async () => {
  const cluster = new ClusterFixture();
  cluster.commit(cluster.range(1, 0, 10, 1));
  cluster.answer({ kind: "raise-commit-bound", broker: 1, brokerEpoch: 1, sequence: 1 });
  const chunks = snapshotOf(cluster.state);
  deepEqual(
    chunks.map((chunk) => [chunk[4], chunk.byteLength]),
    [
      [1, 192],
      [2, 69],
      [3, 64],
      [4, 221],
      [5, 44],
    ],
  );
  // Whatever changes these bytes makes old snapshots unreadable: raise a version and keep reading the old ones.
  const header = `544d5343${"03"}${"01"}0000${"00000002"}${"0000002c"}${"d43440fa"}`;
  const object = `${"0000000000000001"}${"00000001"}${"0000000000000001"}${"0000000000000001"}${"0000000000000001"}${"00000000000003e8"}`;
  equal(hex(must(chunks[2], "objects")), header + object);
  const first =
    "0000000000000001" +
    hex(Buffer.from("ordersxxxxxxxxxx")) +
    "00" +
    "0100000001" +
    "0100000001" +
    "0000" +
    "00000001" +
    "00000000" +
    "00000000";
  const numbers = "0000000000000000" + "000000000000000a" + "00" + "00" + "01";
  const range = "00" + "0000000000000000" + "000000000000000a" + "00000000" + "0000000000000001";
  const section = "0000000000000001" + "0000000000000000" + "0000000000000384" + "0000000000000064" + "00000005";
  equal(hex(must(chunks[3], "partitions").subarray(20, 20 + 133)), first + numbers + range + section);
  equal(stateHash(await load(chunks, cluster.state)), stateHash(cluster.state));
});

/** What the first version wrote of the same state, whose brokers did not say which log they have. */
const SNAPSHOT_1 =
  "VE1TQwEBAAAAAAAAAAAAe14jIeMNdGVzdC1jbHVzdGVyAAAAAAAAAAYAAAAAAAAAAQNtZQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAAgAAAAAAAAAAAgAAAA" +
  "EAAAAAAAAAAQJhA2gxAQAAAAIAAAAAAAAAAgJhA2gyAQABAAAAAQAAAAAAAAABAAAAAAAAAAFUTVNDAgEAAAAAAAEAAAAxww35yG9yZGVyc3h4eHh4eHh4" +
  "eHgHb3JkZXJzAAAAAAAAAAAAAgAAAAAAAAABAAAAAAAAAAJUTVNDAwEAAAAAAAIAAAAs1DRA+gAAAAAAAAABAAAAAQAAAAAAAAABAAAAAAAAAAEAAAAAAA" +
  "AAAQAAAAAAAAPoVE1TQwQBAAAAAAADAAAAvWUQVt4AAAAAAAAAAW9yZGVyc3h4eHh4eHh4eHgAAQAAAAEBAAAAAQAAAAEAAAAAAAAAAAAAAAAAAAAAAAAA" +
  "CgAAAQAAAAAAAAAAAAAAAAAAAAAKAAAAAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAOEAAAAAAAAAGQAAAAFAAAAAAAAAAJvcmRlcnN4eHh4eH" +
  "h4eHh4AQEAAAACAQAAAAIAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABUTVNDBQEAAAAAAAQAAAAYfnz+qAAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAg==";

test("golden: a snapshot of the first version is read", async () => {
  const cluster = new ClusterFixture();
  cluster.commit(cluster.range(1, 0, 10, 1));
  cluster.answer({ kind: "raise-commit-bound", broker: 1, brokerEpoch: 1, sequence: 1 });
  const loaded = await load([Buffer.from(SNAPSHOT_1, "base64")], cluster.state);
  deepEqual(
    [...loaded.brokers.values()].map((broker) => broker.walId),
    ["", ""],
  );
  for (const broker of cluster.state.brokers.values()) Object.assign(broker, { walId: "", registeredAt: 0 });
  equal(stateHash(loaded), stateHash(cluster.state));
});

/** What the second version wrote: brokers said which log they have, but not what it names. */
const SNAPSHOT_2 =
  "VE1TQwECAAAAAAAAAAAAcd879g8NdGVzdC1jbHVzdGVyAAAAAAAAAAcAAAAAAAAAAQNtZQAAAAAAAAADAAAAAAAAAAUAAAAAAAAAAQAAAAAAAAAAAgAAAAEAAAAAAAAAAwJiA2gxAQRu" +
  "ZXcAAAACAAAAAAAAAAICYQNoMgEGbG9nLTIAAFRNU0MCAQAAAAAAAQAAAGGXOBUgb3JkZXJzeHh4eHh4eHh4eAdvcmRlcnMAAAAAAAAAAAACAAAAAAAAAAEAAAAAAAAAAnBhaXJzeHh4" +
  "eHh4eHh4eHgGcGFpcnMAAAAAAAAAAAACAAAAAAAAAAMAAAAAAAAABFRNU0MEAgAAAAAAAgAAAQwE52V1AAAAAAAAAAFvcmRlcnN4eHh4eHh4eHh4AAEAAAABAAEAAAABBmxvZy0x////" +
  "/wAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAJvcmRlcnN4eHh4eHh4eHh4AQEAAAACAQAAAAIAAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANwYWlyc3h4eHh4" +
  "eHh4eHh4AAIAAAABAAAAAgEAAAACAP////8AAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEcGFpcnN4eHh4eHh4eHh4eAEBAAAAAQABAAAAAQZsb2ctMf////8AAAABAAAAAAAA" +
  "AAAAAAAAAAAAAAAAAFRNU0MFAQAAAAAAAwAAABiAFTfwAAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAE";

test("golden: a snapshot of the second version is read", async () => {
  const cluster = new ClusterFixture();
  cluster.createTopic("pairs", [[1, 2], [1]]);
  cluster.restart(1, "b", "new");
  cluster.partition(3).leader = NO_LEADER; // as it was elected then
  const loaded = await load([Buffer.from(SNAPSHOT_2, "base64")], cluster.state);
  deepEqual(loaded.partitions.get(4)?.lastInSync, { broker: 1, walId: "log-1", from: 0, before: Number.MAX_SAFE_INTEGER });
  for (const broker of cluster.state.brokers.values()) Object.assign(broker, { registeredAt: 0, walIndex: 0 });
  for (const partition of cluster.state.partitions.values()) partition.partitionEpoch = 0;
  for (const partition of cluster.state.partitions.values())
    if (partition.lastInSync !== undefined) partition.lastInSync = { ...partition.lastInSync, from: 0, before: Number.MAX_SAFE_INTEGER };
  equal(stateHash(loaded), stateHash(cluster.state));
});

/** What the third version wrote: nothing subscribed to metrics of clients yet. */
const SNAPSHOT_3 =
  "VE1TQwEDAAAAAAAAAAAAuOBxu4ANdGVzdC1jbHVzdGVyAAAAAAAAAAYAAAAAAAAAAQNtZQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAAQAAAAAAAAAAAgAAAAEAAAAAAAAAAQJhA2gxAQZsb2ctMQAAAA" +
  "AAAAACAAAAAAAAAAAAAAACAAAAAAAAAAICYQNoMgEGbG9nLTIAAAAAAAAAAwAAAAAAAAAAAf////8AAAAAAAAAAQECYQJiAQAAAAEAAAAAAAAAAQAAAAAAAAABVE1TQwIBAAAAAAABAAAAMcMN+chv" +
  "cmRlcnN4eHh4eHh4eHh4B29yZGVycwAAAAAAAAAAAAIAAAAAAAAAAQAAAAAAAAACVE1TQwQDAAAAAAACAAAAfqpHfLcAAAAAAAAAAW9yZGVyc3h4eHh4eHh4eHgAAQAAAAEBAAAAAQAAAAABAAAAAA" +
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAm9yZGVyc3h4eHh4eHh4eHgBAQAAAAIBAAAAAgAAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABUTVNDBQEAAAAAAAMAAAAYRpm0+QAAAAAAAAABAAAA" +
  "AAAAAAAAAAAAAAAAAg==";

test("golden: a snapshot of the third version is read", async () => {
  const cluster = new ClusterFixture();
  cluster.answer({ kind: "set-broker-configs", broker: -1, versionBefore: 0, changes: [{ name: "a", value: "b" }] });
  cluster.answer({ kind: "raise-commit-bound", broker: 1, brokerEpoch: 1, sequence: 1 });
  equal(stateHash(await load([Buffer.from(SNAPSHOT_3, "base64")], cluster.state)), stateHash(cluster.state));
});

test("golden: a subscription to metrics of clients, as a command and in a snapshot", async () => {
  const command = {
    kind: "set-client-metrics",
    name: "s",
    versionBefore: 0,
    changes: [
      { name: "m", value: "v" },
      { name: "x", value: undefined },
    ],
  } as const;
  const bytes = encodeCommand({ controllerEpoch: 2, command });
  equal(hex(bytes), `12${"0000000000000002"}${"0273"}${"0000000000000000"}${"02"}${"026d"}${"01"}${"0276"}${"0278"}${"00"}`);
  deepEqual(decodeBatch(encodeBatch([bytes])), [{ controllerEpoch: 2, command }]);
  throws(() => checkCommand(encodeCommand({ controllerEpoch: 2, command: { ...command, name: "" } })), { code: "INVALID_REQUEST" });
  const cluster = new ClusterFixture();
  const { configVersion } = cluster.answer(command);
  const chunks = snapshotOf(cluster.state);
  const version = configVersion.toString(16).padStart(16, "0");
  ok(hex(must(chunks[0], "head")).endsWith(`01${"0273"}${version}${"01"}${"026d"}${"0276"}`));
  const loaded = await load(chunks, cluster.state);
  deepEqual(loaded.clientMetrics, new Map([["s", { configs: new Map([["m", "v"]]), configVersion }]]));
  equal(stateHash(loaded), stateHash(cluster.state));
});

/** What the fourth version wrote (of partitions the third): nobody was fenced, and brokers did not say where they are reached. */
const SNAPSHOT_4 =
  "VE1TQwEEAAAAAAAAAAAAozPWeSsNdGVzdC1jbHVzdGVyAAAAAAAAAAUAAAAAAAAAAQNtZQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAAQAAAAAAAAAAAgAAAAEAAAAAAAAAAQJhA2gxAQZs" +
  "b2ctMQAAAAAAAAACAAAAAAAAAAAAAAACAAAAAAAAAAICYQNoMgEGbG9nLTIAAAAAAAAAAwAAAAAAAAAAAAABAnMAAAAAAAAABQECbQJ2VE1TQwIBAAAAAAABAAAAMcMN+chvcmRlcnN4" +
  "eHh4eHh4eHh4B29yZGVycwAAAAAAAAAAAAIAAAAAAAAAAQAAAAAAAAACVE1TQwQDAAAAAAACAAAAfqpHfLcAAAAAAAAAAW9yZGVyc3h4eHh4eHh4eHgAAQAAAAEBAAAAAQAAAAABAAAA" +
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAm9yZGVyc3h4eHh4eHh4eHgBAQAAAAIBAAAAAgAAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABUTVNDBQEAAAAAAAMAAAAYRpm0+QAA" +
  "AAAAAAABAAAAAAAAAAAAAAAAAAAAAg==";

test("golden: a snapshot of the fourth version is read", async () => {
  const cluster = new ClusterFixture();
  cluster.answer({ kind: "set-client-metrics", name: "s", versionBefore: 0, changes: [{ name: "m", value: "v" }] });
  equal(stateHash(await load([Buffer.from(SNAPSHOT_4, "base64")], cluster.state)), stateHash(cluster.state));
});

test("golden: listeners and a fenced broker in a snapshot", async () => {
  const cluster = new ClusterFixture();
  const log = { walId: "c4", walIndex: 5, walDamaged: false };
  const listeners = [{ name: "in", host: "h", port: 9092 }];
  cluster.answer({ kind: "register-broker", broker: 3, incarnation: "a", host: "h3", rack: "r", ...log, listeners });
  const chunks = snapshotOf(cluster.state);
  const head = hex(must(chunks[0], "head"));
  ok(head.includes(`${"01"}${"01"}${"03696e"}${"0268"}${"00002384"}`));
  const loaded = await load(chunks, cluster.state);
  deepEqual([loaded.brokers.get(3)?.fenced, loaded.brokers.get(3)?.listeners, loaded.brokers.get(1)?.fenced], [true, listeners, false]);
  equal(stateHash(loaded), stateHash(cluster.state));
});

test("a broker has sixteen listeners for clients and one for brokers", () => {
  const cluster = new ClusterFixture();
  const listeners = Array.from({ length: 17 }, (_, n) => ({ name: `l${n}`, host: "h", port: 9092 + n }));
  const log = { walId: "c4", walIndex: 5, walDamaged: false };
  const command: Command = { kind: "register-broker", broker: 3, incarnation: "a", host: "h3", rack: "r", ...log, listeners };
  deepEqual(decodeBatch(encodeBatch([encodeCommand({ controllerEpoch: 2, command })])), [{ controllerEpoch: 2, command }]);
  cluster.answer(command);
  deepEqual(cluster.state.brokers.get(3)?.listeners, listeners);
});

test("golden: what changes the replicas of a partition, who of them is in sync, and who leads", () => {
  const epoch = "0000000000000002";
  const partition = { partitionId: 7, leaderEpoch: 4 };
  const life = { broker: 1, brokerEpoch: 3 };
  const wish = { kind: "change-in-sync", ...partition, ...life, partitionEpoch: 6, to: [life, { broker: 2, brokerEpoch: 5 }] } as const;
  const members = `${"02"}${"00000001"}${"0000000000000003"}${"00000002"}${"0000000000000005"}`;
  const golden: readonly (readonly [Command, string])[] = [
    [wish, `15${epoch}${"0000000000000007"}${"00000004"}${"00000001"}${"0000000000000003"}${"00000006"}${members}`],
    [
      { kind: "report-damage", ...life, partitionIds: [7, 9] },
      `16${epoch}${"00000001"}${"0000000000000003"}${"02"}${"0000000000000007"}${"0000000000000009"}`,
    ],
    [{ kind: "elect-leader", ...partition, leader: 2 }, `17${epoch}${"0000000000000007"}${"00000004"}${"00000002"}`],
    [{ kind: "reassign-partition", partitionId: 7, replicas: [2, 1] }, `18${epoch}${"0000000000000007"}${"01"}${"020000000200000001"}`],
    [{ kind: "reassign-partition", partitionId: 7, replicas: undefined }, `18${epoch}${"0000000000000007"}${"00"}`],
  ];
  for (const [command, bytes] of golden) {
    equal(hex(encodeCommand({ controllerEpoch: 2, command })), bytes);
    deepEqual(decodeBatch(encodeBatch([Buffer.from(bytes, "hex")])), [{ controllerEpoch: 2, command }]);
  }
  const refused = (command: Command) =>
    throws(() => checkCommand(encodeCommand({ controllerEpoch: 2, command })), { code: "INVALID_REQUEST" });
  refused({ ...wish, to: [life, life] });
  refused({ ...wish, to: [] });
  refused({ kind: "reassign-partition", partitionId: 7, replicas: [2, 2] });
});

test("golden: a reassignment that runs, in a snapshot", async () => {
  const cluster = new ClusterFixture();
  cluster.answer({ kind: "reassign-partition", partitionId: 1, replicas: [2] });
  const partitions = hex(must(snapshotOf(cluster.state)[2], "partitions").subarray(20));
  const replicas = `${"020000000200000001"}${"0100000001"}${"00"}`;
  ok(partitions.includes(`${replicas}${"01"}${"0100000002"}${"0100000001"}${"00000001"}${"00000000"}`));
  const loaded = await load(snapshotOf(cluster.state), cluster.state);
  deepEqual(loaded.partitions.get(1)?.reassignment, { target: [2], before: [1] });
  equal(stateHash(loaded), stateHash(cluster.state));
});

test("a batch of newer software is refused as such", () => {
  const newer = (error: unknown): boolean => error instanceof QueueError && error.code === "NEWER_FORMAT";
  throws(() => decodeBatch(Buffer.from([2, 0])), newer);
  throws(() => decodeBatch(Buffer.from([1, 1, 1, 99])), newer);
});

test("what no reader would accept is not let into a log", () => {
  const register = (host: string) =>
    encodeCommand({
      controllerEpoch: 1,
      command: {
        kind: "register-broker",
        broker: 1,
        incarnation: "a",
        host,
        rack: "",
        walId: "w",
        walIndex: 0,
        walDamaged: false,
        listeners: [],
      },
    });
  checkCommand(register("h"));
  throws(() => checkCommand(register("h".repeat(300))), { code: "INVALID_REQUEST" });
  const assignments = Array.from({ length: 10_000 }, () => Array.from({ length: 64 }, (_, broker) => broker));
  const huge = encodeCommand({
    controllerEpoch: 1,
    command: { kind: "create-topic", topicId: "AAECAwQFBgcICQoLDA0ODw", name: "t", configs: new Map(), assignments },
  });
  throws(() => checkCommand(huge), { code: "POLICY_VIOLATION" });
});

test("fuzz: a changed batch is refused or read, nothing else", () => {
  const batch = encodeBatch(sampleCommands().map(encodeCommand));
  let refused = 0;
  fc.assert(
    fc.property(mutations(batch.byteLength), (changes) => {
      try {
        decodeBatch(mutated(batch, changes));
      } catch (error) {
        ok(error instanceof ProtocolError || (error instanceof QueueError && error.code === "NEWER_FORMAT"), `${error}`);
        refused += 1;
      }
    }),
    { numRuns: 3000, seed: 21 },
  );
  ok(refused > 1000);
});

test("fuzz: a changed, shortened or lengthened snapshot is refused, always", async () => {
  const history = new ClusterState("test-cluster");
  for (const command of sampleCommands()) applyBatch(history, history.index + 1, [command], []);
  const whole = Buffer.concat(snapshotOf(history));
  await fc.assert(
    fc.asyncProperty(mutations(whole.byteLength), async (changes) => {
      const bytes = mutated(whole, changes);
      if (whole.equals(bytes)) return;
      await rejects(
        load([bytes], history),
        (error: unknown) => error instanceof QueueError && /CORRUPT_METADATA|NEWER_FORMAT/.test(error.code),
      );
    }),
    { numRuns: 1000, seed: 22 },
  );
  await rejects(load([whole.subarray(0, -1)], history), { code: "CORRUPT_METADATA" });
  await rejects(load([Buffer.concat([whole, Buffer.alloc(1)])], history), { code: "CORRUPT_METADATA" });
});

test("a snapshot of another cluster, or under another's name, is refused", async () => {
  const { state } = new ClusterFixture();
  const chunks = snapshotOf(state);
  const read = (expected: { clusterId: string; index: number }) => loadSnapshot(asyncOf(chunks), expected);
  await rejects(read({ clusterId: "other", index: state.index }), { code: "CORRUPT_METADATA" });
  await rejects(read({ clusterId: state.clusterId, index: state.index + 1 }), { code: "CORRUPT_METADATA" });
});

test("an internal topic is in no list of clients, nor can its name be looked up by them; a snapshot keeps it so", async () => {
  const cluster = new ClusterFixture();
  const { partitionIds } = cluster.createTopic("@groups", [[1], [1]]);
  const topicId = uuid("@groups");
  equal(
    cluster.refusal({ kind: "create-topic", topicId: uuid("again"), name: "@groups", configs: new Map(), assignments: [[1]] }),
    "TOPIC_EXISTS",
  );
  const loaded = await load(snapshotOf(cluster.state), cluster.state);
  for (const state of [cluster.state, loaded]) {
    deepEqual([...state.topicsByName.keys()], ["orders"]);
    deepEqual([state.topic("@groups"), state.topicById(topicId)], [undefined, undefined]);
    deepEqual(state.internalTopics.get("@groups")?.partitions, partitionIds);
    equal(state.partition("@groups", 1)?.id, partitionIds[1]);
  }
  cluster.answer({ kind: "delete-topic", topicId });
  equal(cluster.state.internalTopics.size, 0);
});

test("a snapshot is read in pieces of any size", async () => {
  const { state } = new ClusterFixture();
  const whole = Buffer.concat(snapshotOf(state));
  for (const size of [1, 7, 64, 100_000]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < whole.byteLength; at += size) pieces.push(whole.subarray(at, at + size));
    equal(stateHash(await load(pieces, state)), stateHash(state));
  }
});

function sampleCommands() {
  const state = new ClusterState("test-cluster");
  const commands = [...OPENING];
  for (const command of OPENING) applyBatch(state, state.index + 1, [command], []);
  const [steps = []] = fc.sample(commandSteps(60), { numRuns: 1, seed: 5 });
  steps.forEach((step, sequence) => {
    const command = commandOf(state, step, sequence);
    applyBatch(state, state.index + 1, [command], []);
    commands.push(command);
  });
  return commands;
}

function snapshotOf(state: ClusterState): Uint8Array[] {
  const writer = new SnapshotWriter(state);
  const chunks: Uint8Array[] = [];
  for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next()) chunks.push(chunk);
  return chunks;
}

function load(pieces: readonly Uint8Array[], like: ClusterState): Promise<ClusterState> {
  return loadSnapshot(asyncOf(pieces), { clusterId: like.clusterId, index: like.index });
}

type Mutation = Readonly<{ at: number; byte: number }>;

function mutations(length: number): fc.Arbitrary<Mutation[]> {
  return fc.array(fc.record({ at: fc.nat(length - 1), byte: fc.nat(255) }), { minLength: 1, maxLength: 3 });
}

function mutated(bytes: Uint8Array, changes: readonly Mutation[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const { at, byte } of changes) copy[at] = byte;
  return copy;
}
