import { SECTOR_BYTES } from "./limits.ts";
import type { SimRandom } from "./random.ts";
import { SparseBytes } from "./sparse-bytes.ts";

/** What a power loss does to each change that was not synced: kept, torn (any of its sectors, or only its front) or else lost. */
export type PowerLoss = Readonly<{ keptRatio: number; tornRatio: number }>;

/** One change of a file that is not durable yet. */
export type FileChange =
  | Readonly<{ kind: "write"; position: number; bytes: Uint8Array }>
  | Readonly<{ kind: "zero"; from: number; to: number }>
  | Readonly<{ kind: "truncate"; size: number }>;

/**
 * One file: as programs see it (`current`), as it would be found after a power loss that kept nothing (`durable`),
 * and the changes between the two, oldest first.
 */
export class DiskFileState {
  readonly id: number;
  current = new SparseBytes();
  #durable = new SparseBytes();
  #unsynced: FileChange[] = [];
  #unsyncedBytes = 0;
  /** Changes that were ever applied. */
  #changeCount = 0;

  constructor(id: number) {
    this.id = id;
  }

  get durable(): SparseBytes {
    return this.#durable;
  }

  get unsyncedBytes(): number {
    return this.#unsyncedBytes;
  }

  get changeCount(): number {
    return this.#changeCount;
  }

  apply(change: FileChange): void {
    this.#changeCount += 1;
    applyTo(this.current, change);
    this.#unsynced.push(change);
    this.#unsyncedBytes += bytesOf(change);
  }

  /** Everything applied so far is durable, or what was when `changeCount` was `mark`. */
  sync(mark = Number.POSITIVE_INFINITY): void {
    const later = Math.max(0, this.#changeCount - mark);
    const synced = this.#unsynced.splice(0, Math.max(0, this.#unsynced.length - later));
    for (const change of synced) {
      applyTo(this.#durable, change);
      this.#unsyncedBytes -= bytesOf(change);
    }
  }

  /** What Linux does when a sync failed: the pages count as clean, no later sync writes them. */
  forgetUnsynced(): void {
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
  }

  /** The kernel writes old changes back on its own until at most `bytesMax` are left. */
  writeBack(bytesMax: number): void {
    let count = 0;
    while (this.#unsyncedBytes > bytesMax) {
      const change = this.#unsynced[count++] as FileChange;
      this.#unsyncedBytes -= bytesOf(change);
      applyTo(this.#durable, change);
    }
    this.#unsynced.splice(0, count);
  }

  /** Any mixture of the unsynced changes may have reached the platter; what did not is gone. */
  losePower(random: SimRandom, loss: PowerLoss): void {
    for (const change of this.#unsynced) {
      const fate = random.float();
      if (fate < loss.keptRatio) applyTo(this.#durable, change);
      else if (fate < loss.keptRatio + loss.tornRatio) tear(this.#durable, change, random);
    }
    this.forgetUnsynced();
    this.current = this.#durable.copy();
  }

  /** Turns over one bit, on the platter and in the cache, as decay would. */
  flipBit(position: number, bit: number): void {
    const byte = new Uint8Array(1);
    for (const bytes of [this.current, this.#durable]) {
      if (bytes.read(position, byte) === 0) continue;
      byte[0] = (byte[0] as number) ^ (1 << bit);
      bytes.write(position, byte);
    }
  }
}

function applyTo(bytes: SparseBytes, change: FileChange): void {
  if (change.kind === "write") bytes.write(change.position, change.bytes);
  else if (change.kind === "zero") bytes.zero(change.from, change.to);
  else bytes.truncate(change.size);
}

function bytesOf(change: FileChange): number {
  if (change.kind === "write") return change.bytes.byteLength;
  return 0; // a range of zeros costs no memory here
}

/** Only some sectors of the change arrive. A cut (truncate) is one record of the journal: it cannot tear, so it is lost. */
function tear(bytes: SparseBytes, change: FileChange, random: SimRandom): void {
  if (change.kind === "truncate") return;
  const start = change.kind === "write" ? change.position : change.from;
  const end = change.kind === "write" ? start + change.bytes.byteLength : change.to;
  const sectors = Math.ceil(end / SECTOR_BYTES) - Math.floor(start / SECTOR_BYTES);
  const frontOnly = random.chance(0.5) ? random.between(0, sectors) : undefined;
  let sector = 0;
  for (let at = start; at < end; sector++) {
    const sectorEnd = Math.min((Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES, end);
    if (frontOnly === undefined ? random.chance(0.5) : sector < frontOnly) {
      if (change.kind === "write") bytes.write(at, change.bytes.subarray(at - start, sectorEnd - start));
      else bytes.zero(at, sectorEnd);
    }
    at = sectorEnd;
  }
  if (random.chance(0.5)) bytes.grow(end); // the new size can arrive without the data: zeros
}

/** The first bytes of the change. */
export function frontOf(change: FileChange, bytes: number): FileChange {
  if (change.kind === "write") return { ...change, bytes: change.bytes.subarray(0, bytes) };
  return change.kind === "zero" ? { ...change, to: Math.min(change.to, change.from + bytes) } : change;
}

/** Any front of the change; sometimes all of it. */
export function randomFront(change: FileChange, random: SimRandom): FileChange {
  if (random.chance(0.2)) return change;
  if (change.kind === "write") return frontOf(change, random.between(0, change.bytes.byteLength));
  return change.kind === "zero" ? frontOf(change, random.between(0, change.to - change.from)) : change;
}
