import { deepEqual, equal, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { CLUSTER_KEY, decodeClusterKey, encodeClusterKey } from "../../model/cluster-key.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { createClusterId, createLogBegin, readClusterId, readClusterKey } from "./cluster-key.ts";
import { PatientStore } from "./patient-store.ts";

class Bucket {
  readonly world: SimWorld;
  readonly store: SimObjectStore;

  constructor(seed = 1, faults: Partial<SimObjectStoreFaults> = {}) {
    this.world = new SimWorld(seed);
    this.store = new SimObjectStore(this.world, "bucket", faults);
  }

  /** As a process of its own sees it. */
  connect(): PatientStore {
    const process = this.world.startProcess("controller");
    const { clock, random } = process;
    return new PatientStore({ store: this.store.connect(process), clock, random, logger: new RecordingLog() });
  }

  read(): Promise<string | undefined> {
    return this.world.settle(readClusterId(this.connect()));
  }
}

// docs/formats/metadata-log.md, "The cluster of a bucket": these bytes are in buckets.
test("golden: the cluster key", async () => {
  const bucket = new Bucket();
  const front = `544d51434c55533100000001${`09${Buffer.from("cluster-1").toString("hex")}`.padEnd(136, "0")}`;
  equal(await bucket.world.settle(createClusterId(bucket.connect(), "cluster-1")), "cluster-1");
  deepEqual(bucket.store.keys(), ["tidemq-cluster"]);
  const stored = Buffer.from(must(bucket.store.object(CLUSTER_KEY), "the key").bytes);
  equal(stored.toString("hex"), `${front}${"0".repeat(32)}10d05e06`);
  const key = { clusterId: "cluster-1", isElsewhere: false, base: { index: 7, random: "0123456789abcdef" } };
  equal(Buffer.from(encodeClusterKey(key)).toString("hex"), `${front}00000000000000070123456789abcdef74ea2db6`);
  deepEqual(decodeClusterKey(encodeClusterKey(key)), key);
  const elsewhere = Buffer.from(encodeClusterKey({ ...key, isElsewhere: true, base: undefined }));
  deepEqual([elsewhere.toString("hex", 0, 79), elsewhere.toString("hex", 79, 96)], [front.slice(0, 158), `01${"0".repeat(32)}`]);
});

test("a bucket without the key is nobody's; with it, it is the first one's", async () => {
  const bucket = new Bucket();
  equal(await bucket.read(), undefined);
  equal(await bucket.world.settle(createClusterId(bucket.connect(), "first")), "first");
  equal(await bucket.world.settle(createClusterId(bucket.connect(), "second")), "first");
  equal(await bucket.world.settle(createClusterId(bucket.connect(), "first")), "first");
  equal(await bucket.read(), "first");
});

test("a log that lay elsewhere begins here once it was brought", async () => {
  const bucket = new Bucket();
  const { world } = bucket;
  equal(await world.settle(createClusterId(bucket.connect(), "first", "elsewhere")), "first");
  equal((await world.settle(readClusterKey(bucket.connect())))?.isElsewhere, true);
  const one = { clusterId: "first", isElsewhere: false, base: { index: 7, random: "0123456789abcdef" } };
  const two = { ...one, base: { index: 7, random: "fedcba9876543210" } };
  deepEqual(await world.settle(createLogBegin(bucket.connect(), one)), one);
  deepEqual(await world.settle(createLogBegin(bucket.connect(), two)), one);
  deepEqual(await world.settle(readClusterKey(bucket.connect())), one);
  deepEqual(bucket.store.keys(), ["first/meta/begin", "tidemq-cluster"]);
  const other = await world.settle(createLogBegin(bucket.connect(), { ...one, clusterId: "other" }));
  equal(other.clusterId, "first");
});

test("many at once, with lost answers, late writes, 503 and flipped reads: all take the same id", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const faults = {
      unknownRatio: 0.3,
      unknownAfterMs: [10, 200],
      lateMs: [10, 500],
      unavailableRatio: 0.2,
      corruptReadRatio: 0.2,
    } as const;
    const bucket = new Bucket(seed, faults);
    const ids = await bucket.world.settle(Promise.all(["a", "b", "c"].map((id) => createClusterId(bucket.connect(), id))));
    equal(new Set(ids).size, 1, `seed ${seed}: ${ids}`);
  }
});

test("a damaged key, a short one and a newer one are refused, naming the key", async () => {
  const bucket = new Bucket();
  const whole = encodeClusterKey({ clusterId: "cluster-1", isElsewhere: false, base: { index: 7, random: "0123456789abcdef" } });
  for (let at = 0; at < whole.byteLength; at += 1) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    equal(decodeClusterKey(flipped), undefined, `byte ${at}`);
  }
  bucket.store.overwrite(CLUSTER_KEY, whole.subarray(0, 99));
  await rejects(bucket.read(), { code: "CORRUPT_METADATA", message: /tidemq-cluster/ });
  bucket.store.overwrite(CLUSTER_KEY, new Uint8Array(100));
  await rejects(bucket.read(), { code: "CORRUPT_METADATA", message: /tidemq-cluster/ });
  const newer = Buffer.from("544d51434c555331000000020a", "hex");
  bucket.store.overwrite(CLUSTER_KEY, Buffer.concat([newer, Buffer.alloc(83), Buffer.from("54051b91", "hex"), Buffer.alloc(8)]));
  await rejects(bucket.read(), { code: "NEWER_FORMAT", message: /version=2/ });
});

test("an id that is none, or that the directory has no room for, begins nothing", async () => {
  const bucket = new Bucket();
  for (const id of ["", "a/b", CLUSTER_KEY])
    await rejects(bucket.world.settle(createClusterId(bucket.connect(), id)), { code: "START_REFUSED" });
  deepEqual(bucket.store.keys(), []);
});
