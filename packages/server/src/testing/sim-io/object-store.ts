import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import { isObjectKey, isObjectKeyPrefix } from "../../io/object-key.ts";
import { type ObjectStore, ObjectStoreError, type StoredObject } from "../../io/object-store.ts";
import type { SimProcess } from "./process.ts";
import type { MsRange, SimRandom } from "./random.ts";
import type { SimWorld } from "./sim-world.ts";
import { checksumOf, concatenate } from "./slices.ts";

/** Everything that can go wrong, and how long things take. Changeable at any time; without faults by default. */
export type SimObjectStoreFaults = {
  putMs: MsRange;
  readMs: MsRange;
  /** Head, list and remove. */
  nameMs: MsRange;
  /** Probability that a call fails with `unavailable` and nothing was done. */
  unavailableRatio: number;
  /** Probability that a put or a removal answers `unknown` after `unknownAfterMs`. What becomes of it: see the next three. */
  unknownRatio: number;
  unknownAfterMs: MsRange;
  /** Of the unknown ones: done in time, done only `lateMs` after the call, else never. */
  unknownDoneRatio: number;
  unknownLateRatio: number;
  lateMs: MsRange;
  /** Probability that a read returns a flipped bit. */
  corruptReadRatio: number;
  /** Probability that what is stored differs from what was sent: a flipped bit, or its end is missing. */
  corruptPutRatio: number;
  /** False: `put` and `head` return no checksum. */
  confirmsChecksum: boolean;
  /** LIST shows the state of some time ago, at most so long. */
  listStaleMs: number;
  /** Sum of all objects; beyond it `full`. */
  capacityBytes: number;
  /** Every call fails with `denied`. */
  denied: boolean;
  /** `fails`: every call `unavailable` at once. `hangs`: every call `unknown` after `unknownAfterMs`, and nothing was done. */
  outage: "none" | "fails" | "hangs";
};

export const HEALTHY_OBJECT_STORE: SimObjectStoreFaults = {
  putMs: [5, 40],
  readMs: [2, 20],
  nameMs: [2, 10],
  unavailableRatio: 0,
  unknownRatio: 0,
  unknownAfterMs: [1_000, 10_000],
  unknownDoneRatio: 0.4,
  unknownLateRatio: 0.3,
  lateMs: [1_000, 60_000],
  corruptReadRatio: 0,
  corruptPutRatio: 0,
  confirmsChecksum: true,
  listStaleMs: 0,
  capacityBytes: Number.POSITIVE_INFINITY,
  denied: false,
  outage: "none",
};

type StoredBytes = Readonly<{ bytes: Uint8Array; crc32c: number; storedAtMs: number }>;

/** The bucket. It outlives every process; what was sent to it may take effect after the sender's death. */
export class SimObjectStore {
  readonly world: SimWorld;
  readonly faults: SimObjectStoreFaults;
  readonly random: SimRandom;
  /** Plain counters, for checkers. */
  readonly counts = { puts: 0, reads: 0, removes: 0, refusedCreates: 0, lateCreates: 0, lateRemoves: 0, faults: 0 };
  /** Called in the moment in which an object goes: for checkers. */
  onRemove: (key: string) => void = () => undefined;
  /** Nothing that a call left behind takes effect later than this. */
  lateUntilMs = 0;
  /** Whoever got no answer in time knows by then. */
  hangsUntilMs = 0;
  readonly #objects = new Map<string, StoredBytes>();
  /** Every key that ever existed: reuse of a key is a bug of the program that a checker looks for. */
  readonly #removedAtMs = new Map<string, number>();

  constructor(world: SimWorld, name: string, faults: Partial<SimObjectStoreFaults> = {}) {
    this.world = world;
    this.random = world.random.fork(`object store ${name}`);
    this.faults = { ...HEALTHY_OBJECT_STORE, ...faults };
  }

  connect(process: SimProcess): ObjectStore {
    return new ConnectedObjectStore(this, process);
  }

  /** All keys, sorted, as they are now. */
  keys(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }

  object(key: string): StoredBytes | undefined {
    return this.#objects.get(key);
  }

  storedBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#objects.values()) sum += bytes.byteLength;
    return sum;
  }

  /** Puts an object there, or replaces it, behind everybody's back. */
  overwrite(key: string, bytes: Uint8Array): void {
    this.#objects.set(key, { bytes, crc32c: crc32c(bytes), storedAtMs: this.world.nowMs });
  }

  /** Takes an object away, behind everybody's back. */
  hide(key: string): void {
    this.#objects.delete(key);
  }

  /** Turns over `count` random bits of a stored object; the store still believes its old checksum. */
  flipBits(key: string, count = 1): void {
    const object = this.#mustHave(key);
    const bytes = object.bytes.slice();
    for (let flip = 0; flip < count; flip++) flipBit(bytes, this.random);
    this.#objects.set(key, { ...object, bytes });
  }

  /** Creates once. */
  create(key: string, sent: Uint8Array): StoredBytes {
    if (this.#objects.has(key)) {
      this.counts.refusedCreates += 1;
      throw new ObjectStoreError("exists", `the key is taken, key=${key}`);
    }
    const { capacityBytes } = this.faults;
    if (Number.isFinite(capacityBytes) && this.storedBytes() + sent.byteLength > capacityBytes)
      throw new ObjectStoreError("full", `the bucket is full, key=${key}`);
    const bytes = this.random.chance(this.faults.corruptPutRatio) ? this.#damaged(sent) : sent;
    const object = { bytes, crc32c: crc32c(bytes), storedAtMs: this.world.nowMs };
    this.#objects.set(key, object);
    this.counts.puts += 1;
    this.world.trace.text(`put ${key}`);
    this.world.trace.number(object.crc32c);
    return object;
  }

  remove(key: string): void {
    if (!this.#objects.delete(key)) return;
    this.counts.removes += 1;
    this.#removedAtMs.set(key, this.world.nowMs);
    this.onRemove(key);
    this.world.trace.text(`remove ${key}`);
  }

  /** The keys as they were `listStaleMs` ago at the worst: each late change shows, or does not. */
  list(prefix: string, after: string, countMax: number): string[] {
    const seenSinceMs = this.world.nowMs - this.faults.listStaleMs;
    const isVisible = (changedAtMs: number): boolean => changedAtMs <= seenSinceMs || this.random.chance(0.5);
    const keys = [...this.#objects]
      .filter(([, object]) => this.faults.listStaleMs === 0 || isVisible(object.storedAtMs))
      .map(([key]) => key);
    if (this.faults.listStaleMs > 0) {
      for (const [key, removedAtMs] of this.#removedAtMs) if (!this.#objects.has(key) && !isVisible(removedAtMs)) keys.push(key);
    }
    return keys
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .slice(0, countMax);
  }

  countFault(): void {
    this.counts.faults += 1;
  }

  #damaged(sent: Uint8Array): Uint8Array {
    this.counts.faults += 1;
    if (this.random.chance(0.5) || sent.byteLength === 0) return sent.slice(0, this.random.between(0, Math.max(0, sent.byteLength - 1)));
    const bytes = sent.slice();
    flipBit(bytes, this.random);
    return bytes;
  }

  #mustHave(key: string): StoredBytes {
    const object = this.#objects.get(key);
    assert(object !== undefined, `no object ${key}`);
    return object;
  }
}

class ConnectedObjectStore implements ObjectStore {
  readonly #store: SimObjectStore;
  readonly #process: SimProcess;

  constructor(store: SimObjectStore, process: SimProcess) {
    this.#store = store;
    this.#process = process;
  }

  async put(key: string, pieces: readonly Uint8Array[]): Promise<StoredObject> {
    checkKey(key);
    const sent = concatenate(pieces);
    const sum = checksumOf(pieces);
    const { faults, random } = this.#store;
    await this.#mayFail();
    const isUnknown = random.chance(faults.unknownRatio);
    if (isUnknown) await this.#unknown("lateCreates", () => this.#store.create(key, sent));
    const stored = await this.#call(faults.putMs, () => this.#store.create(key, sent));
    assert(checksumOf(pieces) === sum, `pieces changed while they were being put to ${key}`);
    return { bytes: stored.bytes.byteLength, crc32c: faults.confirmsChecksum ? stored.crc32c : undefined };
  }

  async read(key: string, start: number, end: number, target?: Uint8Array): Promise<Uint8Array> {
    checkKey(key);
    assert(start >= 0 && start <= end, "a range does not end before it starts");
    await this.#mayFail();
    return this.#call(this.#store.faults.readMs, () => {
      this.#store.counts.reads += 1;
      const object = this.#store.object(key);
      if (object === undefined) throw new ObjectStoreError("not-found", `no such object, key=${key}`);
      if (end > object.bytes.byteLength) throw new ObjectStoreError("range", `the object is shorter than ${end} bytes, key=${key}`);
      const bytes = object.bytes.slice(start, end);
      if (bytes.byteLength > 0 && this.#store.random.chance(this.#store.faults.corruptReadRatio)) {
        this.#store.countFault();
        flipBit(bytes, this.#store.random);
      }
      if (target === undefined) return bytes;
      Buffer.from(bytes.buffer).copy(target);
      return target;
    });
  }

  async head(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    await this.#mayFail();
    return this.#call(this.#store.faults.nameMs, () => {
      const object = this.#store.object(key);
      if (object === undefined) return undefined;
      return { bytes: object.bytes.byteLength, crc32c: this.#store.faults.confirmsChecksum ? object.crc32c : undefined };
    });
  }

  async list(prefix: string, after: string, countMax: number): Promise<readonly string[]> {
    if (!isObjectKeyPrefix(prefix)) throw new ObjectStoreError("invalid-key", `not the front of a key: ${JSON.stringify(prefix)}`);
    await this.#mayFail();
    return this.#call(this.#store.faults.nameMs, () => this.#store.list(prefix, after, countMax));
  }

  async remove(key: string): Promise<void> {
    checkKey(key);
    const { faults, random } = this.#store;
    await this.#mayFail();
    if (random.chance(faults.unknownRatio)) await this.#unknown("lateRemoves", () => this.#store.remove(key));
    await this.#call(faults.nameMs, () => this.#store.remove(key));
  }

  /** Happens at the store, whatever becomes of the process; the answer comes a little later, if somebody still waits. */
  #call<T>(latencyMs: MsRange, act: () => T): Promise<T> {
    const { random, world } = this.#store;
    let answer: () => T = () => {
      throw new ObjectStoreError("unavailable", "the store has not answered");
    };
    const totalMs = random.withinMs(latencyMs);
    world.after(totalMs * random.float(), () => {
      try {
        const value = act();
        answer = () => value;
      } catch (error) {
        answer = () => {
          throw error;
        };
      }
    });
    return this.#process.call(totalMs, () => answer());
  }

  /** Rejects as the faults of this moment say. */
  async #mayFail(): Promise<void> {
    const { faults, random } = this.#store;
    if (faults.denied) await this.#reject(faults.nameMs, "denied", "the store refuses the credentials");
    if (faults.outage === "fails") await this.#reject(faults.nameMs, "unavailable", "simulated outage");
    if (faults.outage === "hangs") await this.#reject(faults.unknownAfterMs, "unknown", "simulated outage, no answer");
    if (random.chance(faults.unavailableRatio)) await this.#reject(faults.nameMs, "unavailable", "simulated error 503");
  }

  /** Done, done later or never: the answer is the same. */
  async #unknown(late: "lateCreates" | "lateRemoves", act: () => void): Promise<void> {
    const { faults, random, world } = this.#store;
    const fate = random.float();
    const quietly = (): void => {
      try {
        act();
      } catch (error) {
        if (!(error instanceof ObjectStoreError)) throw error;
      }
    };
    const happen = (afterMs: number): void => {
      const { atMs } = world.after(afterMs, quietly);
      this.#store.lateUntilMs = Math.max(this.#store.lateUntilMs, atMs);
    };
    if (fate < faults.unknownDoneRatio) happen(random.withinMs(faults.putMs));
    else if (fate < faults.unknownDoneRatio + faults.unknownLateRatio) {
      this.#store.counts[late] += 1;
      happen(random.withinMs(faults.lateMs));
    }
    await this.#reject(faults.unknownAfterMs, "unknown", "no answer in time");
  }

  #reject(latencyMs: MsRange, code: ObjectStoreError["code"], message: string): Promise<never> {
    this.#store.countFault();
    const atMs = this.#store.world.nowMs + this.#store.random.withinMs(latencyMs);
    if (code === "unknown") this.#store.hangsUntilMs = Math.max(this.#store.hangsUntilMs, atMs);
    return this.#process.callAt(atMs, () => {
      throw new ObjectStoreError(code, message);
    });
  }
}

function checkKey(key: string): void {
  if (!isObjectKey(key)) throw new ObjectStoreError("invalid-key", `not a key: ${JSON.stringify(key)}`);
}

function flipBit(bytes: Uint8Array, random: SimRandom): void {
  const at = random.between(0, bytes.byteLength - 1);
  bytes[at] = (bytes[at] as number) ^ (1 << random.between(0, 7));
}
