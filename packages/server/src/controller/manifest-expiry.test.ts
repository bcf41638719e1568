import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { MiB } from "../base/units.ts";
import { type ObjectId, objectKey } from "../model/object-id.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { SimObjectStore } from "../testing/sim-io/object-store.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { ManifestCache } from "../tier/manifest-cache.ts";
import { encodeManifest, manifestSummary } from "../tier/manifest-codec.ts";
import { TierMetrics } from "../tier/tier-metrics.ts";
import { expireInManifest } from "./manifest-expiry.ts";
import { Expiry } from "./plan-retention.ts";

const CLUSTER = "cluster-1";
const RULES = { isDeletable: true, retentionMs: 1_000, retentionBytes: -1, isInternal: false };

/** A bucket in which manifests are put together by hand. */
class Shelf {
  readonly world = new SimWorld(1);
  readonly bucket = new SimObjectStore(this.world, "bucket");
  readonly metrics = new TierMetrics();
  readonly #process = this.world.startProcess("p");
  #sequence = 0;
  readonly cache = new ManifestCache(
    { store: this.bucket.connect(this.#process), clock: this.#process.clock, random: this.#process.random, metrics: this.metrics },
    CLUSTER,
    1 * MiB,
  );

  /** Ten offsets and 100 bytes. */
  range(startOffset: number, maxTimestampMs: number): ObjectRange {
    const place = { objectBytes: 200, position: 0, dataBytes: 100, indexBytes: 50, indexCrc: 1 };
    const offsets = { partitionId: 1, startOffset, endOffset: startOffset + 10, leaderEpoch: 1, maxTimestampMs };
    return { ...offsets, kind: "data", object: this.#id(), ...place };
  }

  put(children: readonly ManifestPointer[], ranges: readonly ObjectRange[]): ManifestPointer {
    const object = this.#id();
    const manifest = { identity: { clusterId: CLUSTER, object }, partitionId: 1, children, ranges };
    const bytes = encodeManifest(manifest);
    this.bucket.overwrite(objectKey(CLUSTER, object, "manifest"), bytes);
    return { ...manifestSummary(manifest), object, objectBytes: bytes.byteLength, objectCrc: crc32c(bytes) };
  }

  /** @param nowMs What is older than a second goes. */
  async expire(root: ManifestPointer, logStart: number, nowMs: number, excessBytes = 0) {
    const expiryOf = () => new Expiry(RULES, nowMs, logStart, excessBytes);
    const { plan, edge } = await this.world.settle(expireInManifest(this.cache, root, logStart, expiryOf));
    const start = plan?.kind === "raise" ? plan.logStart : undefined;
    return { start, oldest: edge?.oldest.startOffset, liveBytes: edge?.liveBytes, reads: this.metrics.storeReads };
  }

  #id(): ObjectId {
    this.#sequence += 1;
    return { broker: 1, brokerEpoch: 1, sequence: this.#sequence, random: this.#sequence.toString(16).padStart(16, "0") };
  }
}

/** Two leaves of three ranges each and two ranges of the root's own, with timestamps 0, 100, 200… */
function history(shelf: Shelf): ManifestPointer {
  const ranges = Array.from({ length: 8 }, (_, n) => shelf.range(n * 10, n * 100));
  const leaves = [shelf.put([], ranges.slice(0, 3)), shelf.put([], ranges.slice(3, 6))];
  return shelf.put(leaves, ranges.slice(6));
}

test("the root and the one leaf that is cut are read, the others are not", async () => {
  const shelf = new Shelf();
  const root = history(shelf);
  deepEqual(await shelf.expire(root, 0, 1_000), { start: undefined, oldest: 0, liveBytes: 800, reads: 2 });
  deepEqual(await shelf.expire(root, 0, 1_101), { start: 20, oldest: 20, liveBytes: 600, reads: 2 });
  deepEqual(await shelf.expire(root, 25, 1_401), { start: 50, oldest: 50, liveBytes: 300, reads: 3 });
  deepEqual(await shelf.expire(root, 50, 1_501), { start: 60, oldest: 60, liveBytes: 200, reads: 3 });
  deepEqual(await shelf.expire(root, 60, 1_601), { start: 70, oldest: 70, liveBytes: 100, reads: 3 });
});

test("a leaf in front that goes as a whole is not read for it", async () => {
  const shelf = new Shelf();
  const leaf = shelf.put([], [shelf.range(0, 50), shelf.range(10, 0)]);
  const root = shelf.put([leaf], [shelf.range(20, 500)]);
  deepEqual(await shelf.expire(root, 0, 1_100), { start: 20, oldest: 20, liveBytes: 100, reads: 2 });
});

test("by size, in leaves", async () => {
  const shelf = new Shelf();
  deepEqual(await shelf.expire(history(shelf), 0, 0, 450), { start: 40, oldest: 40, liveBytes: 400, reads: 3 });
});

test("everything goes by age and size together, though neither alone takes all: nothing is left inside", async () => {
  const shelf = new Shelf();
  const root = shelf.put([], [shelf.range(0, 5_000), shelf.range(10, 0)]);
  deepEqual(await shelf.expire(root, 0, 2_000, 100), { start: 20, oldest: undefined, liveBytes: undefined, reads: 1 });
});

test("a leaf that is missing is an error; nothing goes on the word of what cannot be read", async () => {
  const shelf = new Shelf();
  const leaf = shelf.put([], [shelf.range(0, 0)]);
  const root = shelf.put([leaf], [shelf.range(10, 500)]);
  shelf.bucket.remove(objectKey(CLUSTER, leaf.object, "manifest"));
  await rejects(shelf.expire(root, 0, 1_001), { code: "OBJECT_STORAGE_UNAVAILABLE" });
  equal(shelf.metrics.storeReads, 1);
});
