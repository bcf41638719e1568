import type { LogHistory } from "../replication/log-history.ts";
import type { FoldDigest, LedLog, ReplicaRead } from "../replication/logs.ts";
import { digestOf } from "./fold-digest.ts";
import { isWhole } from "./followed-records.ts";
import type { HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import type { Partition } from "./partition.ts";

/** What followers get of a partition that is led here. */
export class PartitionLedLog implements LedLog {
  readonly #partition: Partition;
  #digest: Readonly<{ base: HeaderFold; logStart: number; digest: FoldDigest | undefined }> | undefined;

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  get id(): number {
    return this.#partition.identity.id;
  }

  get name(): string {
    return this.#partition.name;
  }

  get leaderEpoch(): number {
    return this.#partition.leaderEpoch;
  }

  get logEnd(): number {
    return this.#partition.logEnd;
  }

  get durableEnd(): number {
    return this.#partition.wal.durableEnd;
  }

  get uploadedEnd(): number {
    return this.#partition.uploadedEnd;
  }

  get highWatermark(): number {
    return this.#partition.highWatermark;
  }

  history(): LogHistory {
    return historyOf(this.#partition);
  }

  bytesFrom(offset: number): number {
    return this.#partition.wal.bytesBetween(offset, this.logEnd);
  }

  baseForReplica(): Uint8Array | undefined {
    const isKnown = this.#partition.recordFolds === undefined || isWhole(this.#partition.base);
    return isKnown ? encodeHeaderFold(this.#partition.base) : undefined;
  }

  foldDigest(): FoldDigest | undefined {
    const { base, logStart } = this.#partition;
    if (this.#digest?.base !== base || this.#digest.logStart !== logStart)
      this.#digest = { base, logStart, digest: digestOf(base, logStart) };
    return this.#digest.digest;
  }

  readForReplica(offset: number, bytesMax: number): ReplicaRead | Promise<ReplicaRead> {
    const slices = this.#partition.wal.readForUpload(offset, this.durableEnd, bytesMax);
    return slices instanceof Promise ? slices.then((read) => this.#timed(offset, read)) : this.#timed(offset, slices);
  }

  /** With the append time of each batch. */
  #timed(offset: number, slices: Omit<ReplicaRead, "appendTimesMs">): ReplicaRead | Promise<ReplicaRead> {
    const appendTimesMs: number[] = [];
    const read = { ...slices, appendTimesMs };
    const scanned = this.#partition.wal.scanHeaders(offset, slices.nextOffset, (_header, _address, appendTimeMs) => {
      appendTimesMs.push(appendTimeMs);
    });
    return scanned === undefined ? read : scanned.then(() => read);
  }

  moveMark(): void {
    this.#partition.moveMark();
  }
}

export function historyOf({ live, logEnd }: Partition): LogHistory {
  return { epochs: live.epochs, starts: live.epochStarts, end: logEnd };
}
