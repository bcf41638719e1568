import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { asyncOf } from "../../testing/async-of.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { MetadataMovedError } from "../moved.ts";
import { createClusterId } from "./cluster-key.ts";
import { IncomingObjectLog } from "./incoming-log.ts";
import { ObjectMetadataLog } from "./object-log.ts";
import { PatientStore } from "./patient-store.ts";

const NONCE = "00000000000000aa";
const batch = (text: string) => ({ nonce: NONCE, payload: Buffer.from(text) });
const CLUSTER = "cluster-1";

class Bucket {
  readonly world: SimWorld;
  readonly store: SimObjectStore;

  constructor(seed = 1, faults: Partial<SimObjectStoreFaults> = {}) {
    this.world = new SimWorld(seed);
    this.store = new SimObjectStore(this.world, "bucket", faults);
  }

  open(): ObjectMetadataLog {
    return new ObjectMetadataLog(this.#parts());
  }

  incoming(clusterId = CLUSTER): IncomingObjectLog {
    return new IncomingObjectLog({ ...this.#parts(), clusterId });
  }

  connect(): PatientStore {
    return new PatientStore(this.#parts());
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  /** A log that begins behind a snapshot of this index. */
  async beginAt(index: number, text = "state"): Promise<void> {
    const incoming = this.incoming();
    const base = await this.run(incoming.prepare(index, asyncOf([Buffer.from(text)])));
    await this.run(incoming.activate(base));
  }

  #parts() {
    const process = this.world.startProcess("controller");
    const { clock, random } = process;
    return { store: this.store.connect(process), clock, random, logger: new RecordingLog(), clusterId: CLUSTER };
  }
}

async function snapshotText(log: ObjectMetadataLog): Promise<string> {
  const snapshot = must(await log.latestSnapshot(), "a snapshot");
  let text = `${snapshot.index}:`;
  for await (const piece of snapshot.pieces) text += Buffer.from(piece).toString();
  return text;
}

test("a log that begins behind a snapshot: whatever is asked first", async () => {
  const first: readonly ((log: ObjectMetadataLog) => Promise<unknown>)[] = [
    async (log) => deepEqual(await log.append(1, batch("x")), { kind: "conflict", endIndex: 42 }),
    async (log) => deepEqual(await log.append(41, batch("x")), { kind: "conflict", endIndex: 42 }),
    async (log) => deepEqual(await log.append(43, batch("x")), { kind: "conflict", endIndex: 42 }),
    async (log) => deepEqual(await log.readFrom(1), { kind: "trimmed", snapshotIndex: 41 }),
    async (log) => deepEqual(await log.readFrom(41), { kind: "trimmed", snapshotIndex: 41 }),
    async (log) => deepEqual(await log.readFrom(42), { kind: "end", endIndex: 42 }),
    async (log) => deepEqual(await log.readFrom(1_000_000), { kind: "end", endIndex: 42 }),
    async (log) => equal(await snapshotText(log), "41:state"),
  ];
  for (const ask of first) {
    const bucket = new Bucket();
    await bucket.beginAt(41);
    const log = bucket.open();
    await bucket.run(ask(log));
    deepEqual(await bucket.run(log.append(42, batch("a"))), { kind: "appended" });
    deepEqual(await bucket.run(bucket.open().append(43, batch("b"))), { kind: "appended" });
    const read = await bucket.run(bucket.open().readFrom(42));
    deepEqual(read.kind === "entries" && read.entries.map(({ index, payload }) => `${index}${Buffer.from(payload)}`), ["42a", "43b"]);
    ok(!bucket.store.keys().some((key) => key.endsWith("/log/0000000000000001")));
  }
});

test("a watcher of such a log is woken by its first batch", async () => {
  const bucket = new Bucket();
  await bucket.beginAt(41);
  const log = bucket.open();
  const woken: number[] = [];
  log.watch(42, () => woken.push(42));
  await bucket.world.run(bucket.world.nowMs + 2_000);
  deepEqual(woken, []);
  await bucket.run(bucket.open().append(42, batch("a")));
  await bucket.world.run(bucket.world.nowMs + 2_000);
  deepEqual(woken, [42]);
  await log.close();
});

test("the snapshot that a log begins behind stays; without a list of the newer ones it is taken", async () => {
  const bucket = new Bucket();
  await bucket.beginAt(41);
  const log = bucket.open();
  for (let index = 42; index <= 46; index += 1) {
    await bucket.run(log.append(index, batch("x")));
    await bucket.run(log.putSnapshot(index, asyncOf([Buffer.from(`state ${index}`)])));
  }
  const names = bucket.store.keys().filter((key) => key.includes("/meta/snapshots/") || key.includes("/meta/bases/"));
  deepEqual(
    names.map((key) => key.replace(/-[0-9a-f]{16}$/, "")),
    ["bases/0000000000000041", "snapshots/0000000000000045", "snapshots/0000000000000046"].map((name) => `${CLUSTER}/meta/${name}`),
  );
  equal(await bucket.run(snapshotText(bucket.open())), "46:state 46");
  for (const key of names.slice(1)) bucket.store.hide(key);
  equal(await bucket.run(snapshotText(bucket.open())), "41:state");
  bucket.store.hide(must(names[0], "the base"));
  await rejects(bucket.run(bucket.open().latestSnapshot()), { code: "CORRUPT_METADATA", message: /bases/ });
});

test("what is prepared counts for nothing; of two copies the first one activated counts, and the other's bytes go", async () => {
  const bucket = new Bucket();
  const [one, two] = [bucket.incoming(), bucket.incoming()];
  const [first, second] = [
    await bucket.run(one.prepare(41, asyncOf([Buffer.from("one")]))),
    await bucket.run(two.prepare(41, asyncOf([Buffer.from("two")]))),
  ];
  equal(await bucket.run(one.occupant()), undefined);
  equal(await bucket.run(bucket.open().latestSnapshot()), undefined);
  await bucket.run(two.activate(second));
  equal(await bucket.run(one.activate(first)), CLUSTER, "the same index: the same state");
  await rejects(bucket.run(one.activate({ ...first, index: 42 })), { code: "START_REFUSED", message: /already, behind index 41/ });
  equal(await bucket.run(snapshotText(bucket.open())), "41:two");
  equal(bucket.store.keys().length, 3, bucket.store.keys().join());
  match(must(await bucket.run(one.occupant()), "an occupant"), /tidemq-cluster.*cluster-1/);
  equal(await bucket.run(bucket.incoming("cluster-2").activate(first)), CLUSTER);
});

test("a bucket with a log, snapshots or parts of this cluster is occupied, by name", async () => {
  for (const name of ["log/0000000000000001", "snapshots/0000000000000007-0123456789abcdef", "snapshot-parts/a/000000"]) {
    const bucket = new Bucket();
    bucket.store.overwrite(`${CLUSTER}/meta/${name}`, new Uint8Array(1));
    equal(await bucket.run(bucket.incoming().occupant()), `${CLUSTER}/meta/${name}`);
  }
});

test("a log that was moved is read to its end, and nobody appends to it any more", async () => {
  const bucket = new Bucket();
  const asleep = bucket.open();
  for (const index of [1, 2, 3]) await bucket.run(asleep.append(index, batch(`${index}`)));
  await bucket.run(bucket.incoming().retire({ index: 3, place: "s3://elsewhere/prefix" }));
  deepEqual((await bucket.run(asleep.append(4, batch("late")))).kind, "conflict");
  const moved = (error: unknown): true => {
    ok(error instanceof MetadataMovedError);
    deepEqual(error.moved, { index: 3, place: "s3://elsewhere/prefix" });
    return true;
  };
  await rejects(bucket.run(asleep.readFrom(4)), moved);
  const reader = bucket.open();
  const read = await bucket.run(reader.readFrom(1));
  deepEqual(read.kind === "entries" && read.entries.map(({ index }) => index), [1, 2, 3]);
  await rejects(bucket.run(reader.readFrom(4)), moved);
});

test("a bucket whose cluster has its log in a folder: no controller begins another there, and the log can be brought", async () => {
  const bucket = new Bucket();
  await bucket.run(createClusterId(bucket.connect(), CLUSTER, "elsewhere"));
  const asks: readonly ((log: ObjectMetadataLog) => Promise<unknown>)[] = [
    (log) => log.latestSnapshot(),
    (log) => log.readFrom(1),
    (log) => log.append(1, batch("x")),
  ];
  for (const ask of asks)
    await rejects(bucket.run(ask(bucket.open())), { code: "START_REFUSED", message: /data folder of its controller.*metadata copy/ });
  equal(await bucket.run(bucket.incoming().occupant()), undefined);
  match(must(await bucket.run(bucket.incoming("cluster-2").occupant()), "an occupant"), /cluster-1/);
  await bucket.beginAt(41);
  equal(await bucket.run(snapshotText(bucket.open())), "41:state");
  match(must(await bucket.run(bucket.incoming().occupant()), "an occupant"), /cluster-1/);
});

test("a log to which somebody appended meanwhile is not retired", async () => {
  const bucket = new Bucket();
  for (const index of [1, 2]) await bucket.run(bucket.open().append(index, batch("x")));
  await rejects(bucket.run(bucket.incoming().retire({ index: 1, place: "dir:there" })), {
    code: "START_REFUSED",
    message: /0000000000000002/,
  });
  equal((await bucket.run(bucket.open().readFrom(1))).kind, "entries");
});

// docs/formats/metadata-log.md, "In object storage": these bytes are in buckets.
test("golden: the end of a log that was moved", async () => {
  const bucket = new Bucket();
  await bucket.run(bucket.open().append(1, batch("x")));
  await bucket.run(bucket.incoming().retire({ index: 1, place: "dir:there" }));
  const stored = Buffer.from(must(bucket.store.object(`${CLUSTER}/meta/log/0000000000000002`), "the end").bytes);
  equal(stored.byteLength, 1024);
  equal(stored.toString("hex", 0, 20), `${Buffer.from("TMQMMOV1").toString("hex")}${"00000001"}${"0000000000000002"}`);
  equal(stored.readUInt32BE(96), 9);
  equal(stored.toString("utf8", 128, 137), "dir:there");
});

test("under lost answers, late writes, 503, flipped reads and stale lists a copy is whole or not there", async () => {
  for (let seed = 1; seed <= 15; seed += 1) {
    const faults = {
      unknownRatio: 0.2,
      unknownAfterMs: [10, 200],
      lateMs: [10, 500],
      unavailableRatio: 0.2,
      corruptReadRatio: 0.1,
      listStaleMs: 5_000,
    } as const;
    const bucket = new Bucket(seed, faults);
    await bucket.beginAt(41);
    const log = bucket.open();
    equal(await bucket.run(snapshotText(log)), "41:state", `seed ${seed}`);
    const answer = await bucket.run(log.append(1, batch("x")));
    ok(answer.kind === "conflict" || answer.kind === "unknown", `seed ${seed}: ${answer.kind}`);
    deepEqual(await bucket.run(log.readFrom(42)), { kind: "end", endIndex: 42 });
  }
});
