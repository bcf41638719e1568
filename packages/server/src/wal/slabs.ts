import { assert } from "../base/assert.ts";
import type { Hold } from "../model/record-slices.ts";
import { SLABS_MIN } from "./limits.ts";

/** Window of a WAL file in memory. `buffer` and `view` show the same shared memory and are made once. */
export class Slab {
  readonly buffer: Buffer;
  readonly view: DataView;
  /** Address of its first byte ÷ slab size; -1: free. */
  key = -1;
  /** Newest group with bytes here; the slab may not be reused before that group is written. */
  lastGroup = 0;
  readonly holds = new Set<SlabHold>();

  constructor(bytes: number) {
    const memory = new SharedArrayBuffer(bytes);
    this.buffer = Buffer.from(memory);
    this.view = new DataView(memory);
  }
}

/** Slabs behind one read. */
export class SlabHold implements Hold {
  #slabs: Slab[];
  #want: (() => void) | undefined;

  constructor(slabs: Slab[]) {
    this.#slabs = slabs;
    for (const slab of slabs) slab.holds.add(this);
  }

  release(): void {
    assert(this.#slabs.length > 0, "a hold is released once");
    for (const slab of this.#slabs) slab.holds.delete(this);
    this.#slabs = [];
    this.#want = undefined;
  }

  whenWanted(run: () => void): void {
    assert(this.#want === undefined, "a hold has one holder");
    this.#want = run;
  }

  /** Tells the holder, once; whoever never asked to be told (uploads) keeps the slab until done. */
  want(): void {
    const run = this.#want;
    this.#want = undefined;
    run?.();
  }
}

export type SlabCounters = { allocated: number; beyondBudget: number; reused: number; wanted: number };

/**
 * All slabs: allocated when needed up to a budget, never given back, the oldest reused first. The newest ones are the
 * hot memory that reads are served from.
 */
export class Slabs {
  readonly slabBytes: number;
  readonly counters: SlabCounters = { allocated: 0, beyondBudget: 0, reused: 0, wanted: 0 };
  readonly #budget: number;
  readonly #free: Slab[] = [];
  /** By key, the oldest first. */
  readonly #filled = new Map<number, Slab>();
  #current: Slab | undefined;
  #writtenGroup = 0;

  /** @param budgetBytes Rounded down to whole slabs, but at least four. */
  constructor(slabBytes: number, budgetBytes: number) {
    this.slabBytes = slabBytes;
    this.#budget = Math.max(SLABS_MIN, Math.floor(budgetBytes / slabBytes));
  }

  get budgetBytes(): number {
    return this.#budget * this.slabBytes;
  }

  get filledBytes(): number {
    return this.#filled.size * this.slabBytes;
  }

  /** The slab that holds this address, or undefined when the address is only in its file. */
  at(address: number): Slab | undefined {
    return this.#filled.get(Math.floor(address / this.slabBytes));
  }

  /** A slab for the writer, which fills it from now on. Never fails and never waits for a reader. */
  take(key: number): Slab {
    assert(!this.#filled.has(key), `slab ${key} is filled once`);
    const slab = this.#free.pop() ?? this.#allocateWithinBudget() ?? this.#reuse() ?? this.#allocateBeyondBudget();
    slab.key = key;
    slab.lastGroup = Number.MAX_SAFE_INTEGER; // until the writer leaves it
    this.#filled.set(key, slab);
    this.#current = slab;
    this.#keepOneFree();
    return slab;
  }

  /** The writer has left the slab; `lastGroup` is the newest group with bytes in it. */
  left(slab: Slab, lastGroup: number): void {
    slab.lastGroup = lastGroup;
    if (this.#current === slab) this.#current = undefined;
  }

  /** Groups up to this one are with the kernel: their slabs may be reused. */
  written(group: number): void {
    this.#writtenGroup = group;
  }

  /** One slab is always ready, so that holders of the oldest ones are asked a whole slab ahead of time. */
  #keepOneFree(): void {
    if (this.#free.length > 0 || this.counters.allocated < this.#budget) return;
    const slab = this.#reuse();
    if (slab !== undefined) this.#free.push(slab);
  }

  #allocateWithinBudget(): Slab | undefined {
    return this.counters.allocated < this.#budget ? this.#allocate() : undefined;
  }

  /** Uploads or unwritten groups fill the whole budget: rare, bounded by what `admit` lets in, and counted. */
  #allocateBeyondBudget(): Slab {
    this.counters.beyondBudget += 1;
    return this.#allocate();
  }

  #allocate(): Slab {
    this.counters.allocated += 1;
    return new Slab(this.slabBytes);
  }

  #reuse(): Slab | undefined {
    for (const slab of this.#filled.values()) {
      if (slab === this.#current || slab.lastGroup > this.#writtenGroup) continue;
      if (slab.holds.size > 0) this.#want(slab);
      if (slab.holds.size > 0) continue;
      this.#filled.delete(slab.key);
      slab.key = -1;
      this.counters.reused += 1;
      return slab;
    }
    return undefined;
  }

  #want(slab: Slab): void {
    for (const hold of [...slab.holds]) {
      this.counters.wanted += 1;
      hold.want();
    }
  }
}
