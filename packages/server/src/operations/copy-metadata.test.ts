import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../base/errors.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { CommandLog } from "../controller/command-log.ts";
import { Controller } from "../controller/controller.ts";
import { replay } from "../controller/replay.ts";
import { LocalMetadataLog } from "../metadata-log/local/local-log.ts";
import type { MetadataLog } from "../metadata-log/metadata-log.ts";
import { createClusterId, readClusterId } from "../metadata-log/object/cluster-key.ts";
import { ObjectMetadataLog } from "../metadata-log/object/object-log.ts";
import { PatientStore } from "../metadata-log/object/patient-store.ts";
import { CLUSTER_KEY, encodeClusterKey } from "../model/cluster-key.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { SimDisk } from "../testing/sim-io/disk.ts";
import { SimObjectStore } from "../testing/sim-io/object-store.ts";
import type { SimProcess } from "../testing/sim-io/process.ts";
import { SimWorld } from "../testing/sim-io/sim-world.ts";
import { BucketPlace } from "./bucket-place.ts";
import { type CopyOptions, type CopyResult, copyMetadata } from "./copy-metadata.ts";
import { describeMetadata } from "./describe-metadata.ts";
import { FolderPlace } from "./folder-place.ts";
import type { MetadataPlace } from "./metadata-place.ts";

const CLUSTER = "cluster-1";
const logger = new RecordingLog();
const NO_OPTIONS: CopyOptions = { dryRun: false, acceptSecondCopy: false };
type PlaceName = "folder" | "bucket" | "folder-2" | "bucket-2";

/** Folders and buckets that outlive the processes that use them, one process at a time. */
class Places {
  readonly world: SimWorld;
  readonly disks: Readonly<Record<string, SimDisk>>;
  readonly buckets: Readonly<Record<string, SimObjectStore>>;
  #process: SimProcess;

  constructor(seed: number) {
    this.world = new SimWorld(seed);
    this.disks = { folder: new SimDisk(this.world, "disk"), "folder-2": new SimDisk(this.world, "disk-2") };
    this.buckets = { bucket: new SimObjectStore(this.world, "bucket"), "bucket-2": new SimObjectStore(this.world, "bucket-2") };
    this.#process = this.world.startProcess("first");
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.settle(promise);
  }

  next(): SimProcess {
    this.#process.crash();
    this.#process = this.world.startProcess("next");
    return this.#process;
  }

  place(name: PlaceName, process: SimProcess): MetadataPlace {
    const { clock, random } = process;
    const store = this.buckets[name]?.connect(process);
    if (store !== undefined) return new BucketPlace({ name, store, clock, random, logger });
    const disk = this.#disk(name).mount(process);
    return new FolderPlace({ name, disk, random, isRunning: () => false, ageMs: () => Promise.resolve(undefined) });
  }

  /** As a start does it: undefined, there is nothing there; else refused, or the log. */
  async start(name: PlaceName, process: SimProcess): Promise<MetadataLog> {
    const { clock, random } = process;
    const store = this.buckets[name]?.connect(process);
    const fatal = (error: Error): never => {
      throw error;
    };
    if (store === undefined) return LocalMetadataLog.open({ disk: this.#disk(name).mount(process), clock, random, logger, fatal }, CLUSTER);
    const clusterId = await readClusterId(new PatientStore({ store, clock, random, logger }));
    if (clusterId === undefined) throw new QueueError("START_REFUSED", "nobody's bucket");
    const log = new ObjectMetadataLog({ store, clock, random, logger, clusterId });
    await replay(log, clusterId);
    return log;
  }

  /** A cluster with topics, and changes behind its newest snapshot. @returns The hash of its state. */
  async fill(name: PlaceName, topics = 3): Promise<string> {
    const process = this.next();
    const { clock, random } = process;
    return this.run(
      (async () => {
        const store = this.buckets[name]?.connect(process);
        if (store !== undefined) await createClusterId(new PatientStore({ store, clock, random, logger }), CLUSTER);
        const log = await this.start(name, process);
        const fatal = (error: Error): never => {
          throw error;
        };
        const commands = await CommandLog.open({ clusterId: CLUSTER, snapshotLogBytesMin: 1_000 }, { log, clock, random, logger, fatal });
        await commands.claim();
        const controller = new Controller(
          { defaultPartitions: 2, defaultReplicationFactor: 1 },
          { applied: commands.applied, commands, random },
        );
        const identity = { walId: "00000000000000aa", walIndex: 0, walDamaged: false, listeners: [] };
        await controller.registerBroker({ id: 1, host: "localhost", rack: "", incarnation: "one", ...identity });
        await controller.electLeaders(1);
        for (let topic = commands.applied.state.topicsByName.size; topic < topics; topic += 1)
          await controller.createInternalTopic(`@topic-${topic}`, 2);
        await commands.close();
        await log.close();
        return stateHash(commands.applied.state);
      })(),
    );
  }

  /** Makes a bucket this cluster's, whose log lies elsewhere. */
  async own(name: PlaceName): Promise<void> {
    const process = this.next();
    const { clock, random } = process;
    const store = this.buckets[name]?.connect(process);
    if (store !== undefined) await this.run(createClusterId(new PatientStore({ store, clock, random, logger }), CLUSTER, "elsewhere"));
  }

  copying(from: PlaceName, to: PlaceName, options: Partial<CopyOptions> = {}): Promise<CopyResult> {
    const process = this.next();
    const ui = { step: () => undefined, wrote: () => undefined };
    const source = this.place(from, process);
    return copyMetadata(source, this.place(to, process), { ...NO_OPTIONS, ...options }, { clock: process.clock, ui });
  }

  copy(from: PlaceName, to: PlaceName, options: Partial<CopyOptions> = {}): Promise<CopyResult> {
    return this.run(this.copying(from, to, options));
  }

  /** The hash of the state that a start finds; undefined: the start is refused. */
  async startedHash(name: PlaceName): Promise<string | undefined> {
    const process = this.next();
    // A start in an empty folder begins a cluster of its own.
    if (this.disks[name]?.names.list("meta").length === 0) return undefined;
    return this.run(
      (async () => {
        try {
          const log = await this.start(name, process);
          const { state } = await replay(log, CLUSTER);
          return state.index === 0 ? undefined : stateHash(state);
        } catch (error) {
          ok(error instanceof QueueError && error.code === "START_REFUSED", `${error}`);
          return undefined;
        }
      })(),
    );
  }

  #disk(name: string): SimDisk {
    const disk = this.disks[name];
    ok(disk !== undefined);
    return disk;
  }
}

const WAYS: readonly (readonly [PlaceName, PlaceName])[] = [
  ["folder", "bucket"],
  ["bucket", "folder"],
  ["folder", "folder-2"],
  ["bucket", "bucket-2"],
];

for (const [from, to] of WAYS)
  test(`from a ${from} to a ${to}: the same state at the same index, and only there`, async () => {
    const places = new Places(1);
    const hash = await places.fill(from);
    const result = await places.copy(from, to);
    deepEqual([result.outcome, result.stateHash, result.clusterId], ["copied", hash, CLUSTER]);
    equal(await places.startedHash(to), hash);
    equal(await places.startedHash(from), undefined);
    equal((await places.copy(from, to)).outcome, "already");
    // The log goes on behind it.
    const later = await places.fill(to, 5);
    const process = places.next();
    const description = await places.run(describeMetadata(places.place(to, process), process.clock));
    deepEqual([description.stateHash, description.firstIndex > result.index, description.counts.internalTopics], [later, true, 5]);
    const left = await places.run(describeMetadata(places.place(from, process), process.clock));
    deepEqual([left.stateHash, left.movedTo], [hash, { index: result.index, place: to }]);
  });

test("there and back again, into another folder", async () => {
  const places = new Places(2);
  await places.fill("folder");
  await places.copy("folder", "bucket");
  const hash = await places.fill("bucket", 4);
  await places.copy("bucket", "folder-2");
  equal(await places.startedHash("folder-2"), hash);
  deepEqual([await places.startedHash("folder"), await places.startedHash("bucket")], [undefined, undefined]);
});

for (const [from, to] of WAYS)
  test(`a crash at any moment of a copy from a ${from} to a ${to} leaves at most one that starts; the same copy again finishes`, async () => {
    const seen = { source: 0, neither: 0, target: 0 };
    for (let seed = 1; seed <= 60; seed += 1) {
      const places = new Places(seed);
      const hash = await places.fill(from);
      // The bucket of a cluster whose controller kept its log in a folder.
      if (seed % 2 === 0) await places.own(to);
      // Reading and waiting take long and change nothing.
      const begunMs = await crashMoment(places, from, to, seed);
      if (seed % 3 === 0) for (const disk of Object.values(places.disks)) disk.losePower();
      const started = [await places.startedHash(from), await places.startedHash(to)];
      ok(started[0] === undefined || started[1] === undefined, `both start, seed ${seed}, crash after ${begunMs}`);
      for (const found of started) ok(found === undefined || found === hash, `another state, seed ${seed}`);
      seen[started[0] !== undefined ? "source" : started[1] !== undefined ? "target" : "neither"] += 1;
      const again = await places.copy(from, to);
      ok(again.outcome === (started[1] === undefined ? "copied" : "already"), `seed ${seed}: ${again.outcome}`);
      deepEqual([await places.startedHash(from), await places.startedHash(to)], [undefined, hash], `seed ${seed}`);
    }
    ok(seen.source > 0 && seen.target > 0 && seen.neither > 0, JSON.stringify(seen));
  });

/** Copies, and crashes at a moment that the seed chooses between its first write and its end. */
async function crashMoment(places: Places, from: PlaceName, to: PlaceName, seed: number): Promise<string> {
  const process = places.next();
  let step = "";
  let left = 0;
  const steps = ["writing", "verifying", "retiring", "activating", "reading back"];
  const wanted = steps[seed % steps.length];
  const ui = {
    step: (now: string) => {
      step = now;
      if (now === wanted) left = 1 + places.world.random.between(0, 40);
    },
    wrote: () => undefined,
  };
  let done = false;
  const copy = copyMetadata(places.place(from, process), places.place(to, process), NO_OPTIONS, { clock: process.clock, ui });
  copy.then(
    () => (done = true),
    () => (done = true),
  );
  await places.world.run(places.world.nowMs + 100_000, () => done || (left > 0 && --left === 0));
  process.crash();
  return step;
}

test("lost answers, late writes, 503, flipped reads and stale lists, and crashes beside: at most one that starts, in the end the copy", async () => {
  const faults = {
    unknownRatio: 0.2,
    unknownAfterMs: [10, 200],
    lateMs: [10, 3_000],
    unavailableRatio: 0.1,
    corruptReadRatio: 0.05,
    listStaleMs: 500,
  } as const;
  for (const [from, to] of WAYS)
    for (let seed = 1; seed <= 12; seed += 1) {
      const places = new Places(seed);
      const hash = await places.fill(from);
      for (const bucket of Object.values(places.buckets)) Object.assign(bucket.faults, faults);
      let outcome = "";
      for (let tries = 0; outcome !== "copied" && outcome !== "already"; tries += 1) {
        ok(tries < 20, `${from} to ${to}, seed ${seed}: ${outcome}`);
        if (places.world.random.chance(0.5)) outcome = await crashMoment(places, from, to, places.world.random.between(0, 4));
        else
          outcome = await places.copy(from, to).then(
            (result) => result.outcome,
            (error: Error) => error.message,
          );
        const started = [await places.startedHash(from), await places.startedHash(to)];
        ok(started[0] === undefined || started[1] === undefined, `both start: ${from} to ${to}, seed ${seed}`);
      }
      deepEqual([await places.startedHash(from), await places.startedHash(to)], [undefined, hash], `${from} to ${to}, seed ${seed}`);
    }
});

test("a copy whose activation came late, after the process had died, counts: the next one does not let the source start again", async () => {
  const places = new Places(9);
  const hash = await places.fill("folder");
  const process = places.next();
  const { clock } = process;
  const [source, target] = [places.place("folder", process), places.place("bucket", process)];
  const ui = {
    step: (step: string) => {
      // What an earlier copy of the same state had sent lands now.
      const base = /bases\/0*([0-9]+)-([0-9a-f]{16})$/.exec(places.buckets["bucket"]?.keys().find((key) => key.includes("/bases/")) ?? "");
      if (step !== "retiring" || base === null) return;
      const late = { index: Number(base[1]), random: base[2] ?? "" };
      const key = { clusterId: CLUSTER, isElsewhere: false, base: { ...late, random: "00000000000000ff" } };
      places.buckets["bucket"]?.overwrite(CLUSTER_KEY, encodeClusterKey(key));
      for (const name of places.buckets["bucket"]?.keys() ?? []) {
        const twin = name.replace(late.random, key.base.random);
        const bytes = places.buckets["bucket"]?.object(name)?.bytes;
        if (twin !== name && bytes !== undefined) places.buckets["bucket"]?.overwrite(twin, bytes);
      }
    },
    wrote: () => undefined,
  };
  equal((await places.run(copyMetadata(source, target, NO_OPTIONS, { clock, ui }))).outcome, "copied");
  deepEqual([await places.startedHash("folder"), await places.startedHash("bucket")], [undefined, hash]);
});

test("a source that somebody writes to is refused, and goes on", async () => {
  const places = new Places(3);
  await places.fill("bucket");
  const copy = places.copying("bucket", "folder");
  const alive = places.world.startProcess("controller");
  places.world.after(2_000, () => {
    void places.start("bucket", alive).then(async (log) => {
      const read = await log.readFrom(1_000);
      if (read.kind === "end") await log.append(read.endIndex, { nonce: "00000000000000bb", payload: new Uint8Array([1, 0]) });
    });
  });
  await rejects(places.run(copy), { code: "START_REFUSED", message: /stop all controllers/ });
  ok((await places.startedHash("bucket")) !== undefined);
});

test("a target that is not empty is refused, naming what is there; the source goes on", async () => {
  const places = new Places(4);
  const hash = await places.fill("folder");
  await places.fill("folder-2");
  await rejects(places.copy("folder", "folder-2"), { code: "START_REFUSED", message: /not empty.*meta\/format of cluster cluster-1/ });
  places.buckets["bucket"]?.overwrite("another/data/1", new Uint8Array(1));
  await rejects(places.copy("folder", "bucket"), { code: "START_REFUSED", message: /not empty.*another\/data\/1/ });
  places.buckets["bucket-2"]?.overwrite(`${CLUSTER}/meta/log/0000000000000001`, new Uint8Array(1));
  await rejects(places.copy("folder", "bucket-2"), { code: "START_REFUSED", message: /not empty.*0000000000000001/ });
  equal(await places.startedHash("folder"), hash);
});

test("a source that went elsewhere is copied to another place only when that is accepted", async () => {
  const places = new Places(5);
  const hash = await places.fill("folder");
  await places.copy("folder", "bucket");
  await rejects(places.copy("folder", "folder-2"), { code: "START_REFUSED", message: /was moved to bucket/ });
  equal((await places.copy("folder", "folder-2", { acceptSecondCopy: true })).outcome, "copied");
  equal(await places.startedHash("folder-2"), hash);
});

test("when somebody begins a cluster in the bucket meanwhile, the folder may be started again", async () => {
  const places = new Places(6);
  const hash = await places.fill("folder");
  const process = places.next();
  const source = places.place("folder", process);
  const target = places.place("bucket", process);
  const { clock, random } = process;
  const ui = {
    step: (step: string) => {
      const store = places.buckets["bucket"]?.connect(process);
      if (step === "verifying" && store !== undefined) void createClusterId(new PatientStore({ store, clock, random, logger }), "other");
    },
    wrote: () => undefined,
  };
  await rejects(places.run(copyMetadata(source, target, NO_OPTIONS, { clock, ui })), {
    code: "START_REFUSED",
    message: /became another cluster/,
  });
  equal(await places.startedHash("folder"), hash);
});

test("a dry run changes nothing; what is not there, or has no batch, is refused", async () => {
  const places = new Places(7);
  const hash = await places.fill("folder");
  const writes = places.disks["folder"]?.counts.writes;
  deepEqual((await places.copy("folder", "bucket", { dryRun: true })).outcome, "would copy");
  deepEqual([places.disks["folder"]?.counts.writes, places.buckets["bucket"]?.keys()], [writes, []]);
  equal(await places.startedHash("folder"), hash);
  await rejects(places.copy("bucket", "folder-2"), { code: "INVALID_REQUEST", message: /there is no metadata in bucket/ });
  await rejects(places.copy("folder-2", "bucket"), { code: "INVALID_REQUEST", message: /there is no metadata in folder-2/ });
  await places.run(places.start("folder-2", places.next()));
  await rejects(places.copy("folder-2", "bucket"), { code: "INVALID_REQUEST", message: /no batch yet/ });
});

test("a copy that reads back otherwise than it was written leaves the source as it was", async () => {
  const places = new Places(8);
  const hash = await places.fill("folder");
  const process = places.next();
  const [source, target] = [places.place("folder", process), places.place("bucket", process)];
  const ui = {
    step: (step: string) => {
      const part = places.buckets["bucket"]?.keys().find((key) => key.includes("/base-parts/"));
      if (step === "verifying" && part !== undefined) places.buckets["bucket"]?.flipBits(part);
    },
    wrote: () => undefined,
  };
  await rejects(places.run(copyMetadata(source, target, NO_OPTIONS, { clock: process.clock, ui })), { code: "CORRUPT_METADATA" });
  equal(await places.startedHash("folder"), hash);
  match(places.buckets["bucket"]?.keys().join() ?? "", /bases/);
  equal((await places.copy("folder", "bucket")).outcome, "copied");
  equal(places.buckets["bucket"]?.keys().filter((key) => key.includes("/base")).length, 2, "what the first left is gone");
});
