import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { type ObjectStore, ObjectStoreError } from "../../io/object-store.ts";
import { asyncOf } from "../../testing/async-of.ts";
import { METADATA_LOG_CHECKS, type MetadataLogUnderTest, metadataLogContract } from "../../testing/contracts/metadata-log-contract.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { ShiftedMetadataLog } from "../../testing/shifted-metadata-log.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import type { MetadataLog } from "../metadata-log.ts";
import { encodeEntry } from "./entry-codec.ts";
import { IncomingObjectLog } from "./incoming-log.ts";
import { ObjectMetadataLog } from "./object-log.ts";
import { encodeSnapshotHead } from "./snapshot-head-codec.ts";

const NONCE = "00000000000000aa";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One bucket; each `open` is a process of its own. */
class Bucket {
  readonly world: SimWorld;
  readonly store: SimObjectStore;
  readonly log = new RecordingLog();

  constructor(seed = 1, faults: Partial<SimObjectStoreFaults> = {}) {
    this.world = new SimWorld(seed);
    this.store = new SimObjectStore(this.world, "bucket", faults);
  }

  open(wrap: (store: ObjectStore) => ObjectStore = (store) => store): ObjectMetadataLog {
    const { clock, random, connected } = this.#process();
    return new ObjectMetadataLog({ store: wrap(connected), clock, random, logger: this.log, clusterId: "cluster-1" });
  }

  async beginAt(index: number): Promise<void> {
    const { connected, ...parts } = this.#process();
    const incoming = new IncomingObjectLog({ ...parts, store: connected, logger: this.log, clusterId: "cluster-1" });
    await this.run(incoming.activate(await this.run(incoming.prepare(index, asyncOf([bytes("state")])))));
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.world.nowMs + ms);
  }

  async append(log: ObjectMetadataLog, ...texts: string[]): Promise<void> {
    for (const text of texts) {
      const read = await this.run(log.readFrom(1_000_000));
      ok(read.kind === "end");
      deepEqual(await this.run(log.append(read.endIndex, { nonce: NONCE, payload: bytes(text) })), { kind: "appended" });
    }
  }

  async contents(log: ObjectMetadataLog, from = 1): Promise<string[]> {
    const texts: string[] = [];
    for (let read = await this.run(log.readFrom(from)); read.kind === "entries"; read = await this.run(log.readFrom(from + texts.length)))
      texts.push(...read.entries.map(({ payload }) => Buffer.from(payload).toString()));
    return texts;
  }

  #process() {
    const process = this.world.startProcess("controller");
    return { clock: process.clock, random: process.random, connected: this.store.connect(process) };
  }
}

/** @param base The index of a snapshot that the log begins behind; 0: it begins with batch 1. */
function underTest(faults: Partial<SimObjectStoreFaults> = {}, seed = 3, base = 0): () => Promise<MetadataLogUnderTest> {
  return async () => {
    const bucket = new Bucket(seed, faults);
    if (base > 0) await bucket.beginAt(base);
    const { clock } = bucket.world.startProcess("test");
    const opened: ObjectMetadataLog[] = [];
    const open = (): Promise<MetadataLog> => {
      const log = bucket.open();
      opened.push(log);
      return Promise.resolve(base === 0 ? log : new ShiftedMetadataLog(log, base));
    };
    return {
      clock,
      open,
      drive: (promise) => bucket.run(promise),
      dispose: async () => {
        for (const log of opened) await log.close();
      },
    };
  };
}

metadataLogContract("object", underTest());
metadataLogContract("object, begun behind a snapshot", underTest({}, 3, 1_000));
metadataLogContract("object, without checksums from the store", underTest({ confirmsChecksum: false }));

const FAULTS: Readonly<Record<string, Partial<SimObjectStoreFaults>>> = {
  "lost answers and late writes": { unknownRatio: 0.2, unknownAfterMs: [10, 200], lateMs: [10, 500] },
  "errors 503": { unavailableRatio: 0.3 },
  "flipped bits on the way, stale lists": { corruptReadRatio: 0.2, listStaleMs: 5_000 },
};

for (const [what, faults] of Object.entries(FAULTS))
  for (const check of METADATA_LOG_CHECKS.filter(({ name }) => name.includes("linearizable")))
    for (const base of [0, 1_000])
      test(`object, ${what}${base === 0 ? "" : ", begun behind a snapshot"}: ${check.name}`, async () => {
        const log = await underTest(faults, 17, base)();
        await log.drive(check.run(log));
        await log.dispose();
      });

// docs/formats/metadata-log.md, "In object storage": these bytes are in buckets.
test("a batch as it lies in the bucket", async () => {
  const bucket = new Bucket();
  await bucket.append(bucket.open(), "payload");
  const stored = must(bucket.store.object("cluster-1/meta/log/0000000000000001"), "the first batch").bytes;
  equal(stored.byteLength, 1024);
  const golden =
    "544d514d4f424a31" +
    "00000001" +
    "0000000000000001" +
    "00000000000000aa" +
    `09${Buffer.from("cluster-1").toString("hex")}`.padEnd(136, "0") +
    "00000007" +
    "f4e36970";
  equal(Buffer.from(stored.subarray(0, 104)).toString("hex"), golden);
  deepEqual(stored.subarray(128, 135), bytes("payload"));
  ok(stored.subarray(135).every((byte) => byte === 0));
});

test("a large batch is stored whole, without padding", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  const payload = new Uint8Array(2_000_000).map((_, at) => at * 7);
  await bucket.run(log.append(1, { nonce: NONCE, payload }));
  equal(bucket.store.object("cluster-1/meta/log/0000000000000001")?.bytes.byteLength, 128 + payload.byteLength);
  const read = await bucket.run(bucket.open().readFrom(1));
  ok(read.kind === "entries");
  equal(Buffer.compare(must(read.entries[0], "entry").payload, payload), 0);
});

test("three killed, three others go on", async () => {
  const bucket = new Bucket();
  const first = bucket.open();
  await bucket.append(first, "a", "b", "c");
  await bucket.run(first.putSnapshot(2, asyncOf([bytes("state")])));
  await bucket.run(first.trimBelow(3));
  const second = bucket.open();
  const snapshot = await bucket.run(second.latestSnapshot());
  equal(snapshot?.index, 2);
  deepEqual(await bucket.contents(second, 3), ["c"]);
  await bucket.append(second, "d");
  deepEqual(await bucket.contents(first, 3), ["c", "d"]);
});

test("nothing of the log is ever deleted", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a", "b", "c");
  await bucket.run(log.putSnapshot(3, asyncOf([bytes("state")])));
  await bucket.run(log.trimBelow(4));
  equal(bucket.store.keys().filter((key) => key.startsWith("cluster-1/meta/log/")).length, 3);
  deepEqual(await bucket.contents(log), ["a", "b", "c"], "whoever is behind is spared the snapshot");
});

test("what somebody deleted is in the snapshot behind it", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a", "b", "c", "d");
  await bucket.run(log.putSnapshot(3, asyncOf([bytes("state")])));
  for (const index of [2, 4]) bucket.store.hide(`cluster-1/meta/log/000000000000000${index}`);
  deepEqual(await bucket.contents(log), ["a"]);
  deepEqual(await bucket.run(log.readFrom(2)), { kind: "trimmed", snapshotIndex: 3 });
  await rejects(bucket.run(log.readFrom(4)), { code: "CORRUPT_METADATA" });
});

test("an outage is waited for; appends are unknown meanwhile", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a");
  bucket.store.faults.outage = "fails";
  deepEqual(await bucket.run(log.append(2, { nonce: NONCE, payload: bytes("b") })), { kind: "unknown" });
  match(log.problem ?? "", /does not answer/);
  const read = log.readFrom(1);
  bucket.world.after(60_000, () => {
    bucket.store.faults.outage = "none";
  });
  equal((await bucket.run(read)).kind, "entries");
  equal(log.problem, undefined);
});

test("whoever waited through a long outage asks soon after the store has answered somebody", async () => {
  const bucket = new Bucket();
  const [writer, standby] = [bucket.open(), bucket.open()];
  await bucket.append(writer, "a");
  equal((await bucket.contents(standby)).length, 1);
  let isWoken = false;
  standby.watch(2, () => {
    isWoken = true;
  });
  bucket.store.faults.outage = "fails";
  await bucket.pass(60_000); // its wait has grown to the longest
  bucket.store.faults.outage = "none";
  await bucket.append(writer, "b");
  await bucket.pass(200);
  equal(isWoken, false, "it does not know yet");
  equal((await bucket.run(standby.append(9, { nonce: NONCE, payload: bytes("x") }))).kind, "conflict");
  isWoken = false;
  standby.watch(3, () => {
    isWoken = true;
  });
  await bucket.append(writer, "c");
  await bucket.pass(600);
  equal(isWoken, true);
});

test("a reader beyond the end whom the log overtakes is answered batches, not an end behind them", async () => {
  const bucket = new Bucket();
  const writer = bucket.open();
  await bucket.append(writer, "a", "b");
  const reader = bucket.open((store) => ({
    ...bound(store),
    async read(key, start, end) {
      const isMissing = (await store.head(key)) === undefined;
      if (isMissing) for (const index of [3, 4, 5]) await writer.append(index, { nonce: NONCE, payload: bytes(`${index}`) });
      if (isMissing) throw new ObjectStoreError("not-found", "no such object");
      return store.read(key, start, end);
    },
  }));
  const read = await bucket.run(reader.readFrom(4));
  deepEqual(read.kind === "entries" && read.entries.map(({ index }) => index), [4, 5]);
});

test("close lets go of whoever waits for an outage to end", async () => {
  const bucket = new Bucket(1, { outage: "fails" });
  const log = bucket.open();
  const read = log.readFrom(1);
  bucket.world.after(5_000, () => void log.close());
  await rejects(bucket.run(read), { code: "SHUTTING_DOWN" });
});

test("a store that creates a key twice is refused before the first append", async () => {
  const bucket = new Bucket();
  const log = bucket.open((store) => ({
    ...bound(store),
    put(key, pieces) {
      bucket.store.hide(key);
      return store.put(key, pieces);
    },
  }));
  await rejects(bucket.run(log.append(1, { nonce: NONCE, payload: bytes("a") })), { code: "START_REFUSED" });
  ok(bucket.store.keys().every((key) => !key.includes("/log/")));
});

test("while the probe has no answer nothing is appended, and it is asked again", async () => {
  const bucket = new Bucket(1, { outage: "hangs" });
  const log = bucket.open();
  deepEqual(await bucket.run(log.append(1, { nonce: NONCE, payload: bytes("a") })), { kind: "unknown" });
  bucket.store.faults.outage = "none";
  deepEqual(await bucket.run(log.append(1, { nonce: NONCE, payload: bytes("a") })), { kind: "appended" });
  deepEqual(bucket.store.keys(), ["cluster-1/meta/log/0000000000000001"], "the probe's key went");
});

test("what is stored otherwise than it was sent is not acknowledged", async () => {
  for (const confirmsChecksum of [true, false]) {
    const bucket = new Bucket(1, { confirmsChecksum });
    const log = bucket.open();
    await bucket.append(log, "a");
    bucket.store.faults.corruptPutRatio = 1;
    await rejects(bucket.run(log.append(2, { nonce: NONCE, payload: bytes("b") })), { code: "CORRUPT_METADATA" });
  }
});

test("a damaged batch, a missing one, one of another place or cluster: refused, naming the key", async () => {
  const key = "cluster-1/meta/log/0000000000000002";
  const entry = { index: 2, nonce: NONCE, payload: bytes("b") };
  const damages: Readonly<Record<string, (store: SimObjectStore) => void>> = {
    checksum: (store) => store.overwrite(key, new Uint8Array(1024)),
    "checksum ": (store) => store.overwrite(key, encodeEntry("cluster-1", entry).subarray(0, 600)),
    "another batch": (store) => store.overwrite(key, encodeEntry("cluster-1", { ...entry, index: 3 })),
    "another batch ": (store) => store.overwrite(key, encodeEntry("cluster-2", entry)),
    missing: (store) => store.hide(key),
  };
  for (const [problem, damage] of Object.entries(damages)) {
    const bucket = new Bucket();
    const log = bucket.open();
    await bucket.append(log, "a", "b", "c");
    damage(bucket.store);
    const error = await bucket.run(log.readFrom(2)).catch((reason: unknown) => reason as Error & { code: string });
    ok(error instanceof Error, problem);
    equal(error.code, "CORRUPT_METADATA");
    match(error.message, new RegExp(`${problem.trim()}`));
    match(error.message, /0000000000000002/);
  }
});

test("a crash at any put of a snapshot leaves the one before, or the new one whole", async () => {
  const parts = 3;
  for (let puts = 0; puts <= parts + 1; puts += 1) {
    const bucket = new Bucket();
    const log = bucket.open();
    await bucket.append(log, "a", "b");
    await bucket.run(log.putSnapshot(1, asyncOf([bytes("old")])));
    let left = puts;
    const dying = bucket.open((store) => ({
      ...bound(store),
      put: (key, pieces) => {
        left -= 1;
        return left < 0 ? new Promise(() => {}) : store.put(key, pieces);
      },
    }));
    const state = new Uint8Array(20 * 1024 * 1024).fill(puts);
    void dying.putSnapshot(2, asyncOf([state]));
    await bucket.world.run(200_000);
    const found = must(await bucket.run(bucket.open().latestSnapshot()), "a snapshot");
    equal(found.index, puts === parts + 1 ? 2 : 1);
    let length = 0;
    await bucket.run(
      (async () => {
        for await (const piece of found.pieces) length += piece.byteLength;
      })(),
    );
    equal(length, puts === parts + 1 ? state.byteLength : 3);
  }
});

test("two snapshots stay; what a crash left of a third goes with the next", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a", "b", "c", "d");
  bucket.store.overwrite("cluster-1/meta/snapshot-parts/0000000000000001-00000000000000ff/000000", bytes("left"));
  for (const index of [1, 2, 3, 4]) await bucket.run(log.putSnapshot(index, asyncOf([bytes(`state ${index}`)])));
  const names = bucket.store.keys().filter((key) => key.includes("snapshot"));
  deepEqual(
    names.map((key) => key.replace(/-[0-9a-f]{16}/, "")),
    [
      "cluster-1/meta/snapshot-parts/0000000000000003/000000",
      "cluster-1/meta/snapshot-parts/0000000000000004/000000",
      "cluster-1/meta/snapshots/0000000000000003",
      "cluster-1/meta/snapshots/0000000000000004",
    ],
  );
});

test("a damaged or newer head, a missing or flipped part: refused, naming the key", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a");
  await bucket.run(log.putSnapshot(1, asyncOf([bytes("state")])));
  const [part = "", head = ""] = bucket.store.keys().filter((key) => key.includes("snapshot"));
  const whole = must(bucket.store.object(head), "head").bytes;
  bucket.store.overwrite(head, whole.subarray(0, 50));
  await rejects(bucket.run(bucket.open().latestSnapshot()), { code: "CORRUPT_METADATA" });
  bucket.store.overwrite(head, encodeSnapshotHead({ index: 1, clusterId: "another", bytes: 0, partCrcs: [] }));
  await rejects(bucket.run(bucket.open().latestSnapshot()), { code: "CORRUPT_METADATA" });
  bucket.store.overwrite(head, whole);
  bucket.store.flipBits(part);
  await rejects(bucket.run(readAll(bucket.open())), { code: "CORRUPT_METADATA" });
  bucket.store.hide(part);
  await rejects(bucket.run(readAll(bucket.open())), { code: "CORRUPT_METADATA" });
});

test("a removed snapshot that a stale list still names is passed over", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a", "b");
  await bucket.run(log.putSnapshot(1, asyncOf([bytes("state")])));
  const gone = "cluster-1/meta/snapshots/0000000000000002-00000000000000ff";
  const listing = bucket.open((store) => ({ ...bound(store), list: async (...args) => [...(await store.list(...args)), gone] }));
  equal((await bucket.run(listing.latestSnapshot()))?.index, 1);
});

test("idle, without a watcher, nothing is asked", async () => {
  const bucket = new Bucket();
  const log = bucket.open();
  await bucket.append(log, "a");
  const woken: number[] = [];
  const cancel = log.watch(2, () => woken.push(2));
  await bucket.pass(2_000);
  cancel();
  await bucket.pass(1_000);
  const before = bucket.world.eventsRun;
  await bucket.pass(60_000);
  equal(bucket.world.eventsRun - before, 0);
  deepEqual(woken, []);
});

async function readAll(log: ObjectMetadataLog): Promise<void> {
  const snapshot = await log.latestSnapshot();
  for await (const piece of must(snapshot, "a snapshot").pieces) ok(piece.byteLength > 0);
}

function bound(store: ObjectStore): ObjectStore {
  return {
    put: (key, pieces, pace) => store.put(key, pieces, pace),
    read: (key, start, end, target) => store.read(key, start, end, target),
    head: (key) => store.head(key),
    list: (prefix, after, countMax) => store.list(prefix, after, countMax),
    remove: (key) => store.remove(key),
  };
}
