// The contract is worth something for logs in a bucket, too: each of these wrong ones fails the check that names what is wrong with it.
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type ObjectStore, ObjectStoreError } from "../../io/object-store.ts";
import { METADATA_LOG_CHECKS, type MetadataLogUnderTest } from "../../testing/contracts/metadata-log-contract.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { SimObjectStore, type SimObjectStoreFaults } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import type { LogBatch, MetadataLog } from "../metadata-log.ts";
import { MetadataKeys } from "./keys.ts";
import { ObjectMetadataLog } from "./object-log.ts";

const CLUSTER_ID = "cluster-1";
const KEYS = new MetadataKeys(CLUSTER_ID);
const VIRTUAL_MS_MAX = 600_000;

type Wrong = Readonly<{
  /** Part of the names of the checks one of which has to fail. */
  caughtBy: string;
  faults?: Partial<SimObjectStoreFaults>;
  /** What it makes of a right store, or of a right log. */
  store?: (right: ObjectStore, bucket: SimObjectStore) => Partial<ObjectStore>;
  log?: (right: MetadataLog, bucket: SimObjectStore) => Partial<MetadataLog>;
}>;

const isBatch = (key: string): boolean => key.startsWith(KEYS.entries);

/** Believes that a batch was stored when the store says this. */
function believes(code: ObjectStoreError["code"]): NonNullable<Wrong["store"]> {
  return (right) => ({
    put: (key, pieces, pace) =>
      right.put(key, pieces, pace).catch((error: unknown) => {
        if (!isBatch(key) || !(error instanceof ObjectStoreError) || error.code !== code) throw error;
        return { bytes: pieces.reduce((sum, piece) => sum + piece.byteLength, 0), crc32c: undefined };
      }),
  });
}

const WRONG: Readonly<Record<string, Wrong>> = {
  "overwrites a batch": {
    caughtBy: "one of two appends at an index wins",
    store: (right, bucket) => ({
      async put(key, pieces, pace) {
        if (isBatch(key)) bucket.hide(key);
        return right.put(key, pieces, pace);
      },
    }),
  },
  "takes a key that is taken for its own": { caughtBy: "linearizable", store: believes("exists") },
  "takes an error 503 for an append": { caughtBy: "linearizable", faults: { unavailableRatio: 0.3 }, store: believes("unavailable") },
  "takes a lost answer for an append": {
    caughtBy: "linearizable",
    faults: { unknownRatio: 0.2, unknownAfterMs: [10, 200], lateMs: [10, 500] },
    store: believes("unknown"),
  },
  "finds its end in a list": {
    caughtBy: "where it is, in the moment",
    faults: { listStaleMs: 5_000 },
    store: (right) => ({
      async head(key) {
        if (!isBatch(key)) return right.head(key);
        return (await right.list(KEYS.entries, "", 10_000)).includes(key) ? { bytes: 1_024, crc32c: undefined } : undefined;
      },
    }),
  },
  "remembers for a while that a batch was not there": {
    caughtBy: "where it is, in the moment",
    store: (right, { world }) => {
      const missing = new Map<string, number>();
      return {
        async head(key) {
          if (world.nowMs < (missing.get(key) ?? 0)) return undefined;
          const stored = await right.head(key);
          if (stored === undefined) missing.set(key, world.nowMs + 500);
          return stored;
        },
      };
    },
  },
  "deletes what it trims": {
    caughtBy: "a writer that paused",
    log: (right, bucket) => ({
      async trimBelow(index) {
        await right.trimBelow(index);
        for (let at = 1; at < index; at += 1) bucket.remove(KEYS.entry(at));
      },
    }),
  },
  "appends behind whatever is there": {
    caughtBy: "appends at the next index, and nowhere else",
    log: (right) => ({
      async append(index: number, batch: LogBatch) {
        const result = await right.append(index, batch);
        return result.kind === "conflict" ? right.append(result.endIndex, batch) : result;
      },
    }),
  },
  "answers before the store has": {
    caughtBy: "linearizable",
    log: (right) => ({
      append(index: number, batch: LogBatch) {
        right.append(index, batch).catch(() => undefined);
        return Promise.resolve({ kind: "appended" } as const);
      },
    }),
  },
  "lets an older snapshot replace a newer one": {
    caughtBy: "keeps the newest snapshot",
    log: (right, bucket) => ({
      async putSnapshot(index, pieces) {
        for (const key of bucket.keys()) if (key.startsWith(KEYS.heads)) bucket.hide(key);
        await right.putSnapshot(index, pieces);
      },
    }),
  },
};

for (const [name, wrong] of Object.entries(WRONG))
  test(`the contract catches a log in a bucket that ${name}`, async () => {
    const checks = METADATA_LOG_CHECKS.filter((check) => check.name.includes(wrong.caughtBy));
    ok(checks.length > 0);
    equal(await isCaught({ caughtBy: wrong.caughtBy, faults: wrong.faults ?? {} }, checks), false, "a right one passes under these faults");
    ok(await isCaught(wrong, checks));
  });

async function isCaught(wrong: Wrong, checks: typeof METADATA_LOG_CHECKS): Promise<boolean> {
  for (const check of checks) {
    const log = underTest(wrong);
    const failed = await log.drive(check.run(log)).then(
      () => false,
      () => true,
    );
    await log.dispose();
    if (failed) return true;
  }
  return false;
}

function underTest({ faults, store, log: change }: Wrong): MetadataLogUnderTest {
  const world = new SimWorld(17);
  const bucket = new SimObjectStore(world, "bucket", faults);
  const opened: ObjectMetadataLog[] = [];
  const open = (): Promise<MetadataLog> => {
    const process = world.startProcess("controller");
    const { clock, random } = process;
    const right = bucket.connect(process);
    const parts = { clock, random, logger: new RecordingLog(), clusterId: CLUSTER_ID };
    const log = new ObjectMetadataLog({ ...parts, store: but(right, store?.(right, bucket) ?? {}) });
    opened.push(log);
    return Promise.resolve(but<MetadataLog>(log, change?.(log, bucket) ?? {}));
  };
  return {
    clock: world.startProcess("test").clock,
    open,
    drive: (promise) => world.settle(promise, VIRTUAL_MS_MAX),
    dispose: async () => {
      for (const log of opened) await log.close();
    },
  };
}

/** `thing` with some of its parts replaced. */
function but<T extends object>(thing: T, changes: Partial<T>): T {
  return new Proxy(thing, {
    get(target, key) {
      if (Object.hasOwn(changes, key)) return changes[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
