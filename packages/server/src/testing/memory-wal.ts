import { Buffer } from "node:buffer";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { assert } from "../base/assert.ts";
import type { Hold, RecordSlices } from "../model/record-slices.ts";
import { NO_RECORDS } from "../model/record-slices.ts";
import type { Partition } from "../partition/partition.ts";
import type { Wal, WalPartition } from "../wal/wal.ts";

/**
 * What partitions need of a write-ahead log, in memory, with durability in the hands of a test. For tests of what stands
 * above partitions; the log itself is tested, and simulated, with the real one.
 */
export class MemoryWal {
  readonly #partitions = new Map<number, MemoryWalPartition>();
  /** What `admit` answers: milliseconds of throttle, or −1. */
  admits = 0;
  /** Reads answer with promises, which `finishReads` settles. */
  isSlow = false;
  readonly holds: MemoryHold[] = [];
  #reads: (() => void)[] = [];

  /** For constructors that ask for the real one. */
  get asWal(): Wal {
    return this as unknown as Wal;
  }

  host(id: number, start: Readonly<{ logEnd: number; uploadedEnd: number }>): WalPartition {
    const partition = new MemoryWalPartition(this, id, start);
    this.#partitions.set(id, partition);
    return partition as unknown as WalPartition;
  }

  partition(id: number): WalPartition | undefined {
    return this.#partitions.get(id) as unknown as WalPartition | undefined;
  }

  forget(id: number): void {
    this.#partitions.delete(id);
  }

  admit(): number {
    return this.admits;
  }

  /** Everything appended becomes durable, as one group. */
  sync(): void {
    for (const partition of this.#partitions.values()) {
      if (partition.durableEnd === partition.logEnd) continue;
      partition.durableEnd = partition.logEnd;
      (partition.owner as Partition).durableMoved();
    }
  }

  later<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reads.push(() => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  finishReads(): void {
    for (const read of this.#reads.splice(0)) read();
  }

  get heldReads(): number {
    return this.holds.filter((hold) => hold.released === 0).length;
  }
}

export class MemoryHold implements Hold {
  released = 0;
  want: (() => void) | undefined;

  release(): void {
    this.released += 1;
    assert(this.released === 1, "a hold is released once");
  }

  whenWanted(run: () => void): void {
    assert(this.want === undefined, "a hold has one holder");
    this.want = run;
  }
}

type Stored = Readonly<{ base: number; end: number; bytes: Buffer; appendTimeMs: number }>;

class MemoryWalPartition {
  readonly id: number;
  owner: unknown;
  logEnd: number;
  durableEnd: number;
  uploadedEnd: number;
  firstOffset: number;
  logStart = 0;
  /** Nothing is ever lost here. */
  readonly holes = [];
  readonly #wal: MemoryWal;
  readonly #batches: Stored[] = [];

  constructor(wal: MemoryWal, id: number, start: Readonly<{ logEnd: number; uploadedEnd: number }>) {
    this.#wal = wal;
    this.id = id;
    this.logEnd = start.logEnd;
    this.durableEnd = start.logEnd;
    this.firstOffset = start.logEnd;
    this.uploadedEnd = start.uploadedEnd;
  }

  append(bytes: Uint8Array, start: number, length: number, baseOffset: number, leaderEpoch: number, appendTimeMs: number): void {
    assert(baseOffset === this.logEnd, "offsets are dense");
    const copy = Buffer.from(bytes.slice(start, start + length));
    batch.setBaseOffset(copy, 0, baseOffset);
    batch.setLeaderEpoch(copy, 0, leaderEpoch);
    this.logEnd = batch.endOffset(copy, 0);
    this.#batches.push({ base: baseOffset, end: this.logEnd, bytes: copy, appendTimeMs });
  }

  read(offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): RecordSlices | Promise<RecordSlices> {
    const act = () => this.#slices(offset, endOffset, bytesMax, atLeastOne);
    return this.#wal.isSlow ? this.#wal.later(act) : act();
  }

  readForUpload(offset: number, endOffset: number, bytesMax: number): RecordSlices {
    return this.#slices(offset, endOffset, bytesMax, true);
  }

  /** Nothing is ever lost here. */
  behindAccepted(offset: number): number {
    return offset;
  }

  bytesBetween(from: number, to: number): number {
    return this.#batches.filter(({ base, end }) => end > from && base < to).reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  }

  scanHeaders(from: number, to: number, visit: (header: Uint8Array, position: number, appendTimeMs: number) => unknown): void {
    for (const [position, { base, end, bytes, appendTimeMs }] of this.#batches.entries()) {
      if (end > from && base < to && visit(bytes, position, appendTimeMs) === false) return;
    }
  }

  setUploadedEnd(offset: number): void {
    this.uploadedEnd = offset;
  }

  setLogStart(offset: number): void {
    this.logStart = offset;
  }

  #slices(offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): RecordSlices {
    const pieces: Buffer[] = [];
    let bytes = 0;
    let nextOffset = offset;
    for (const stored of this.#batches) {
      if (stored.end <= offset) continue;
      const isFirst = pieces.length === 0 && atLeastOne;
      if (stored.end > endOffset || (bytes + stored.bytes.byteLength > bytesMax && !isFirst)) break;
      pieces.push(stored.bytes);
      bytes += stored.bytes.byteLength;
      nextOffset = stored.end;
    }
    if (pieces.length === 0) return NO_RECORDS;
    const hold = new MemoryHold();
    this.#wal.holds.push(hold);
    return { pieces, bytes, nextOffset, hold };
  }
}
