import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { QueueError } from "../base/errors.ts";
import { withinTime } from "../io/backoff.ts";
import { ObjectStoreError } from "../io/object-store.ts";
import { type ObjectId, objectKey } from "../model/object-id.ts";
import { type ManifestPointer, type ObjectRange, UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import { COMMIT_WAIT_MS, MANIFEST_CHILDREN_MAX, MANIFEST_RANGES_MAX, ROLL_SPREAD, UNMERGED_RANGES_KEPT } from "./limits.ts";
import type { ManifestCache } from "./manifest-cache.ts";
import { encodeManifest, type Manifest, manifestSummary } from "./manifest-codec.ts";
import type { ManifestVerdict } from "./object-index.ts";
import { PutObject, type StoreWatch } from "./put-object.ts";
import { ObjectMissingError } from "./store-read.ts";
import type { UploadParts } from "./upload-task.ts";

/**
 * Whether a partition with so many ranges in the state is to be rolled. Not all at the same number: partitions that are
 * uploaded together would otherwise all be rolled at once.
 */
export function isRollDue(partitionId: number, unmerged: number): boolean {
  return unmerged >= UNMERGED_RANGES_MAX - (partitionId % ROLL_SPREAD);
}

/** Children and ranges of a new root before it is known under which ids it will be stored. */
export type RolledHistory = Readonly<{
  children: readonly ManifestPointer[];
  leaf: readonly ObjectRange[];
  ranges: readonly ObjectRange[];
}>;

/**
 * The old root's history and the ranges that leave the state, without what lies below logStart. When the ranges are too many
 * for one manifest, the oldest become a leaf.
 */
export function rollHistory(
  root: Pick<Manifest, "children" | "ranges"> | undefined,
  leaving: readonly ObjectRange[],
  logStart: number,
): RolledHistory {
  const isLive = (part: Readonly<{ endOffset: number }>): boolean => part.endOffset > logStart;
  const children = (root?.children ?? []).filter(isLive);
  const ranges = [...(root?.ranges ?? []), ...leaving].filter(isLive);
  if (ranges.length <= MANIFEST_RANGES_MAX) return { children, leaf: [], ranges };
  return { children, leaf: ranges.slice(0, MANIFEST_RANGES_MAX), ranges: ranges.slice(MANIFEST_RANGES_MAX) };
}

/** Moves the older ranges of a partition out of the cluster state, into a manifest object. */
export class ManifestRoll {
  readonly #parts: UploadParts;
  readonly #manifests: ManifestCache;
  readonly #watch: StoreWatch;

  constructor(parts: UploadParts, manifests: ManifestCache, watch: StoreWatch) {
    this.#parts = parts;
    this.#manifests = manifests;
    this.#watch = watch;
  }

  /**
   * Whether the state has room for more ranges afterwards. Store and commit may fail: then nothing has changed, or will
   * turn out to have; the next roll starts from what the state says. @throws QueueError, ObjectStoreError.
   */
  async run(partitionId: number, leaderEpoch: number): Promise<boolean> {
    const { index } = this.#parts;
    const previous = index.manifestOf(partitionId);
    const root = previous === undefined ? undefined : await this.#rootOf(previous);
    const leaving = index.unmerged(partitionId).slice(0, -UNMERGED_RANGES_KEPT);
    const history = rollHistory(root, leaving, index.logStartOf(partitionId));
    if (history.children.length + history.ranges.length === 0) return true;
    if (history.children.length >= MANIFEST_CHILDREN_MAX)
      throw new QueueError("POLICY_VIOLATION", `a partition has too many ranges for its manifest. partition=${partitionId}`);
    return this.#storeAndCommit(partitionId, history, previous?.object, leaderEpoch);
  }

  /** The root's id is drawn first: a bound that lets the root commit has not passed the leaf. */
  async #storeAndCommit(
    partitionId: number,
    history: RolledHistory,
    previous: ObjectId | undefined,
    leaderEpoch: number,
  ): Promise<boolean> {
    const { ids, index, clock } = this.#parts;
    const [rootId, leafId] = [ids.next(), ids.next()];
    try {
      const manifest = await this.#store(partitionId, history, rootId, leafId);
      const request = { manifest, previous, leaderEpoch };
      const verdict = await withinTime(clock, index.commitManifest(request), COMMIT_WAIT_MS, lateCommit);
      this.#count(verdict, manifest);
      return verdict === "accepted";
    } finally {
      ids.close(rootId);
      ids.close(leafId);
    }
  }

  #count(verdict: ManifestVerdict, { partitionId, endOffset }: ManifestPointer): void {
    const { metrics, log } = this.#parts;
    if (verdict === "accepted") metrics.manifestsWritten += 1;
    else {
      metrics.manifestsRefused += 1;
      log.warn("a manifest was refused", { partition: partitionId, end: endOffset });
    }
  }

  /** What the old root holds. One that is damaged or missing is kept as it is, as a child: new records must not wait for it. */
  async #rootOf(previous: ManifestPointer): Promise<Pick<Manifest, "children" | "ranges">> {
    try {
      return await this.#manifests.manifest(previous);
    } catch (error) {
      const lost = error instanceof ObjectMissingError || (error instanceof QueueError && error.code === "CORRUPT_RECORD");
      if (!lost) throw error;
      this.#parts.log.error("the manifest of a partition is damaged or missing", { partition: previous.partitionId, error: error.message });
      return { children: [previous], ranges: [] };
    }
  }

  async #store(partitionId: number, history: RolledHistory, rootId: ObjectId, leafId: ObjectId): Promise<ManifestPointer> {
    const children = [...history.children];
    if (history.leaf.length > 0) children.push(await this.#put(partitionId, leafId, [], history.leaf));
    return this.#put(partitionId, rootId, children, history.ranges);
  }

  async #put(
    partitionId: number,
    object: ManifestPointer["object"],
    children: readonly ManifestPointer[],
    ranges: readonly ObjectRange[],
  ): Promise<ManifestPointer> {
    const { clusterId } = this.#parts.ids;
    const manifest: Manifest = { identity: { clusterId, object }, partitionId, children, ranges };
    const bytes = encodeManifest(manifest);
    const crc = crc32c(bytes);
    const key = objectKey(clusterId, object, "manifest");
    const put = new PutObject(this.#parts, { key, pieces: [bytes], bytes: bytes.byteLength, crc, pace: "urgent" });
    if ((await put.run(this.#watch)) !== "verified") throw new ObjectStoreError("unavailable", `the store holds other bytes. key=${key}`);
    this.#watch.stored();
    return { ...manifestSummary(manifest), object, objectBytes: bytes.byteLength, objectCrc: crc };
  }
}

function lateCommit(): QueueError {
  return new QueueError("REQUEST_TIMED_OUT", "no answer to a commit of a manifest");
}
