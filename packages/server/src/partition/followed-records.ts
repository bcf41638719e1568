import { assert, must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { HeaderFold } from "./header-fold.ts";
import type { Partition } from "./partition.ts";
import type { RecordFold } from "./record-fold.ts";
import { foldOfBytes, replayRecords } from "./record-replay.ts";
import type { BaseRecords } from "./restored-records.ts";

/** What a follower needs to make a fold again. */
export type RecordSource = Readonly<{
  /** At uploadedEnd. Undefined: a part is lost. Rejects with OBJECT_STORAGE_UNAVAILABLE: later. */
  base(): Promise<BaseRecords | undefined>;
  pause(): Promise<void>;
}>;

/**
 * The fold of an internal partition's records on a broker that follows: made of what is durable, as it becomes so, so that nothing has to be
 * replayed when the partition is led here. What it took from a part of the log that is cut off goes with the whole fold: it is made again from the base.
 */
export class FollowedRecords {
  readonly #partition: Partition;
  readonly #source: RecordSource;
  /** Of everything below `#end`; undefined: to be made from the base. */
  #fold: RecordFold | undefined;
  #end = 0;
  /** Counts how often everything was begun anew. */
  #serial = 0;
  #problem: "lost" | "unreadable" | "away" | undefined;

  /** Takes over what the partition has of a time when it was led here. */
  constructor(partition: Partition, source: RecordSource) {
    this.#partition = partition;
    this.#source = source;
    this.#fold = partition.records;
    this.#end = partition.logEnd;
    partition.records = undefined;
    partition.recordsLost = false;
  }

  /** The log was cut, or began anew. */
  forget(): void {
    this.#serial += 1;
    this.#fold = undefined;
    this.#problem = undefined;
  }

  /** A part of it can be read neither here nor in object storage: the leader has to give its own. */
  get isLost(): boolean {
    return this.#problem === "lost";
  }

  /** The disk does not give what it is made of. */
  get isUnreadable(): boolean {
    return this.#problem === "unreadable";
  }

  /** All of the log is in it; or it cannot be made at present, and waiting does not help. */
  get isSettled(): boolean {
    return this.#problem !== undefined || this.#isCurrent(this.#partition.logEnd);
  }

  /** The fold at the log's end for whoever leads from now on; undefined: it has to be made. */
  take(): RecordFold | undefined {
    const fold = this.#isCurrent(this.#partition.logEnd) ? this.#fold : undefined;
    this.#fold = undefined;
    return fold;
  }

  /** Brings base and fold to what is durable. False when that cannot be: `isLost` tells whether ever. */
  async advance(): Promise<boolean> {
    const { wal } = this.#partition;
    while (!this.#isCurrent(wal.durableEnd)) {
      const serial = this.#serial;
      this.#problem = undefined;
      try {
        await this.#step(serial);
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        if (serial !== this.#serial) continue;
        this.#fold = undefined;
        this.#problem = problemOf(error);
      }
      if (this.#problem !== undefined) return false;
    }
    return true;
  }

  /** A base that the log has just begun with is ahead of what is durable there, until it is durable itself. */
  #isCurrent(end: number): boolean {
    return this.#fold !== undefined && this.#end >= end && isWhole(this.#partition.base);
  }

  /** What was awaited counts only when nothing was begun anew meanwhile. */
  async #step(serial: number): Promise<void> {
    const { wal } = this.#partition;
    if (!isWhole(this.#partition.base)) return this.#completeBase(serial);
    const { base } = this.#partition;
    const { pause } = this.#source;
    if (this.#fold === undefined) {
      const fold = await foldOfBytes(must(this.#partition.recordFolds, "how records are folded"), base.records, pause);
      if (serial !== this.#serial) return;
      assert(base === this.#partition.base, "the base moves only when the fold stands");
      this.#fold = fold;
      this.#end = base.nextOffset;
      return;
    }
    const to = wal.durableEnd;
    await replayRecords(this.#fold, wal, this.#end, to, pause);
    if (serial === this.#serial) this.#end = to;
  }

  async #completeBase(serial: number): Promise<void> {
    const { base } = this.#partition;
    const found = await this.#source.base();
    if (serial !== this.#serial) return;
    if (found === undefined) throw new QueueError("CORRUPT_RECORD", `records of ${this.#partition.name} are lost here`);
    base.records = found.bytes;
    base.recordsEnd = base.nextOffset;
  }
}

/** Neither store says anything of what is there when it does not answer: later it may be read. */
function problemOf({ code }: QueueError): "lost" | "unreadable" | "away" {
  if (code === "OBJECT_STORAGE_UNAVAILABLE") return "away";
  return code === "WAL_UNREADABLE" ? "unreadable" : "lost";
}

/** Whether a base has the records' part. */
export function isWhole(base: HeaderFold): boolean {
  return base.nextOffset === 0 || base.recordsEnd === base.nextOffset;
}
