import { Buffer } from "node:buffer";
import { assert, must } from "../../base/assert.ts";
import type { Clock } from "../../io/clock.ts";
import type { Random } from "../../io/random.ts";
import type { LogBase } from "../../model/cluster-key.ts";
import type { Log } from "../../telemetry/log.ts";
import { LIST_KEYS_MAX, SNAPSHOTS_KEPT } from "../limits.ts";
import type { StoredSnapshot } from "../metadata-log.ts";
import { damagedObject } from "./checked-read.ts";
import { type MetadataKeys, parseHeadKey, partIndex } from "./keys.ts";
import type { PatientStore } from "./patient-store.ts";
import { SnapshotObjects } from "./snapshot-objects.ts";

export type SnapshotStoreParts = Readonly<{
  store: PatientStore;
  keys: MetadataKeys;
  clusterId: string;
  clock: Clock;
  random: Random;
  logger: Log;
}>;

type Found = Readonly<{ index: number; random: string }>;

/** The snapshots of a log in the bucket. The one that the log begins behind stays for ever, as its batches would. */
export class SnapshotStore {
  readonly #parts: SnapshotStoreParts;
  readonly #objects: SnapshotObjects;
  #newestIndex = 0;
  #writing = false;

  constructor(parts: SnapshotStoreParts) {
    this.#parts = parts;
    this.#objects = new SnapshotObjects(parts);
  }

  /** Of the newest one that this process wrote or found; 0 = none. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /** There is one of this index at least. */
  exists(index: number): void {
    this.#newestIndex = Math.max(this.#newestIndex, index);
  }

  /** Not when it is older than one known. The ones behind the two newest go afterwards. */
  async put(index: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    assert(!this.#writing, "one snapshot is written at a time");
    if (index <= this.#newestIndex) return;
    this.#writing = true;
    try {
      const { keys, random } = this.#parts;
      await this.#objects.write(keys.snapshot(index, Buffer.from(random.bytes(8)).toString("hex")), index, pieces);
      this.exists(index);
      await this.#removeOlder();
    } finally {
      this.#writing = false;
    }
  }

  /** Those that went since they were listed are passed over. @param base What the log begins behind: older ones are none of its own. */
  async latest(base: LogBase | undefined): Promise<StoredSnapshot | undefined> {
    for (const { index, random } of await this.#list()) {
      if (base !== undefined && index <= base.index) continue;
      const found = await this.#objects.find(this.#parts.keys.snapshot(index, random), index);
      if (found === undefined) continue;
      this.exists(index);
      return found;
    }
    return base === undefined ? undefined : this.#baseSnapshot(base);
  }

  async #baseSnapshot(base: LogBase): Promise<StoredSnapshot> {
    const keys = this.#parts.keys.base(base);
    const found = await this.#objects.find(keys, base.index);
    if (found === undefined) throw damagedObject(keys.head, "the snapshot that the log begins behind is missing");
    return found;
  }

  /** Newest first. */
  async #list(): Promise<Found[]> {
    const keys = await this.#parts.store.list(this.#parts.keys.heads, "", LIST_KEYS_MAX);
    const found = keys.flatMap((key) => parseHeadKey(key) ?? []);
    return found.sort((a, b) => b.index - a.index || (a.random < b.random ? -1 : 1));
  }

  /** Heads first: what has none is never read. */
  async #removeOlder(): Promise<void> {
    const { store, keys, logger } = this.#parts;
    const found = await this.#list();
    const kept = found.slice(0, SNAPSHOTS_KEPT);
    if (kept.length < SNAPSHOTS_KEPT) return;
    for (const { index, random } of found.slice(SNAPSHOTS_KEPT)) await store.remove(keys.snapshot(index, random).head);
    const oldestKept = must(kept.at(-1), "a snapshot that stays").index;
    let removed = 0;
    for (const key of await store.list(keys.parts, "", LIST_KEYS_MAX)) {
      if ((partIndex(key) ?? oldestKept) >= oldestKept) break;
      await store.remove(key);
      removed += 1;
    }
    if (removed > 0) logger.debug("parts of older snapshots were removed", { parts: removed });
  }
}
