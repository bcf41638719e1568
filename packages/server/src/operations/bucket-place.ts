import { QueueError } from "../base/errors.ts";
import { Backoff, withinTime } from "../io/backoff.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type ObjectStore, ObjectStoreError } from "../io/object-store.ts";
import type { Random } from "../io/random.ts";
import type { MetadataReader, ReadResult, StoredSnapshot } from "../metadata-log/metadata-log.ts";
import { MetadataMovedError, type Moved } from "../metadata-log/moved.ts";
import { readClusterKey } from "../metadata-log/object/cluster-key.ts";
import { ENTRY_VERSION } from "../metadata-log/object/entry-codec.ts";
import { IncomingObjectLog } from "../metadata-log/object/incoming-log.ts";
import { ObjectMetadataLog } from "../metadata-log/object/object-log.ts";
import { PatientStore } from "../metadata-log/object/patient-store.ts";
import { CLUSTER_KEY, CLUSTER_KEY_VERSION, type LogBase } from "../model/cluster-key.ts";
import type { Log } from "../telemetry/log.ts";
import { foreignKey } from "../tier/bucket-owner.ts";
import { FIRST_ANSWER_MS, STOPPED_AFTER_MS } from "./limits.ts";
import type { FoundMetadata, MetadataTarget, MovableSource, Occupant, PreparedCopy } from "./metadata-place.ts";

export type BucketPlaceParts = Readonly<{ name: string; store: ObjectStore; clock: Clock; random: Random; logger: Log }>;

/** A bucket, or a folder that serves as one. Outages are waited for, except at the first question. */
export class BucketPlace implements MovableSource, MetadataTarget {
  readonly kind = "bucket";
  readonly name: string;
  readonly #parts: BucketPlaceParts;

  constructor(parts: BucketPlaceParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  isRunning(): undefined {
    return undefined;
  }

  async find(): Promise<FoundMetadata | undefined> {
    await this.#checkAnswers();
    const key = await readClusterKey(new PatientStore(this.#parts));
    if (key === undefined || key.isElsewhere) return undefined;
    const { clusterId, base } = key;
    const log = new MovedEndsReading(new ObjectMetadataLog({ ...this.#parts, clusterId }));
    return {
      clusterId,
      firstIndex: (base?.index ?? 0) + 1,
      formats: { cluster: CLUSTER_KEY_VERSION, log: ENTRY_VERSION },
      log,
      get moved() {
        return log.moved;
      },
      snapshotAgeMs: () => Promise.resolve(undefined),
      close: () => log.close(),
    };
  }

  async checkStopped(newestIndex: number): Promise<void> {
    await sleep(this.#parts.clock, STOPPED_AFTER_MS);
    const found = await this.find();
    const read = await found?.log.readFrom(newestIndex + 1);
    await found?.close();
    if (read?.kind === "end" && read.endIndex === newestIndex + 1) return;
    throw new QueueError(
      "START_REFUSED",
      `a controller writes to the metadata in ${this.name}: stop all controllers first. index=${newestIndex + 1}`,
    );
  }

  async retire(clusterId: string, moved: Moved): Promise<undefined> {
    await this.#incoming(clusterId).retire(moved);
    return undefined;
  }

  async occupant(clusterId: string): Promise<Occupant | undefined> {
    await this.#checkAnswers();
    const key = await readClusterKey(new PatientStore(this.#parts));
    if (key !== undefined && (key.clusterId !== clusterId || !key.isElsewhere))
      return { what: `${CLUSTER_KEY}, the metadata of cluster ${key.clusterId}`, clusterId: key.clusterId };
    const foreign = await foreignKey(this.#parts.store, clusterId);
    if (foreign !== undefined) return { what: `objects of another cluster, as ${foreign}`, clusterId: undefined };
    const what = await this.#incoming(clusterId).occupant();
    return what === undefined ? undefined : { what, clusterId: undefined };
  }

  async prepare(
    { clusterId, index }: Readonly<{ clusterId: string; index: number }>,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<PreparedCopy> {
    const incoming = this.#incoming(clusterId);
    const base = await incoming.prepare(index, pieces);
    const log = preparedReader(incoming, base);
    return {
      open: () => Promise.resolve({ log, close: () => Promise.resolve() }),
      activate: async () => (await incoming.activate(base)) === clusterId,
    };
  }

  async advice(clusterId: string, objects: number): Promise<string | undefined> {
    if (objects === 0) return undefined;
    const [data] = await this.#parts.store.list(`${clusterId}/data/`, "", 1);
    if (data !== undefined) return undefined;
    return `the records of this cluster are not in ${this.name}: copy its objects there, or start with the bucket that has them`;
  }

  #incoming(clusterId: string): IncomingObjectLog {
    return new IncomingObjectLog({ ...this.#parts, clusterId });
  }

  /** A bucket that does not exist, or refuses, is told soon; everything later waits. */
  async #checkAnswers(): Promise<void> {
    const { store, clock, random } = this.#parts;
    const backoff = new Backoff(random);
    const untilMs = clock.monotonicMs() + FIRST_ANSWER_MS;
    for (;;) {
      try {
        const late = (): Error => new ObjectStoreError("unavailable", `no answer within ${FIRST_ANSWER_MS} ms`);
        return void (await withinTime(clock, store.list("", "", 1), Math.max(0, untilMs - clock.monotonicMs()), late));
      } catch (error) {
        if (!(error instanceof ObjectStoreError)) throw error;
        if (error.code === "denied" || clock.monotonicMs() >= untilMs)
          throw new QueueError("OBJECT_STORAGE_UNAVAILABLE", `${this.name} does not answer: ${error.message}`, { cause: error });
      }
      await sleep(clock, backoff.nextMs());
    }
  }
}

/** The snapshot of a copy alone: there is nothing behind it yet. */
function preparedReader(incoming: IncomingObjectLog, base: LogBase): MetadataReader {
  return {
    latestSnapshot: () => incoming.prepared(base),
    readFrom: (index) => Promise.resolve({ kind: "end", endIndex: index }),
  };
}

/** A log that went elsewhere is read to where it went. */
class MovedEndsReading implements MetadataReader {
  readonly #log: ObjectMetadataLog;
  moved: Moved | undefined;

  constructor(log: ObjectMetadataLog) {
    this.#log = log;
  }

  async readFrom(index: number): Promise<ReadResult> {
    try {
      return await this.#log.readFrom(index);
    } catch (error) {
      if (!(error instanceof MetadataMovedError)) throw error;
      this.moved = error.moved;
      return { kind: "end", endIndex: error.moved.index + 1 };
    }
  }

  latestSnapshot(): Promise<StoredSnapshot | undefined> {
    return this.#log.latestSnapshot();
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
