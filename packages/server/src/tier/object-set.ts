import type { ObjectId } from "../model/object-id.ts";

/** Parts that grow each for itself, so that none of it takes long: two hexadecimal digits choose one. */
const PARTS = 256;
const SLOTS_MIN = 16;
const FREE = -1;

/**
 * A set of objects by 60 bits of their random numbers, 16 to 32 bytes an object: a bucket has millions. Two objects with
 * the same bits count as one, which nobody will see happen; whoever deletes what is *not* in the set keeps one too many then.
 */
export class ObjectSet {
  readonly #parts: (NumberSet | undefined)[] = Array.from({ length: PARTS });
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether it was not there before. */
  add({ random }: ObjectId): boolean {
    const part = partOf(random);
    const isNew = (this.#parts[part] ??= new NumberSet()).add(numberOf(random));
    if (isNew) this.#size += 1;
    return isNew;
  }

  has({ random }: ObjectId): boolean {
    return this.#parts[partOf(random)]?.has(numberOf(random)) === true;
  }
}

/** Open addressing over one array of numbers. They are random: their low bits are the hash. */
class NumberSet {
  #slots = new Float64Array(SLOTS_MIN).fill(FREE);
  #count = 0;

  add(number: number): boolean {
    const slot = this.#find(number);
    if (this.#slots[slot] === number) return false;
    this.#slots[slot] = number;
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return true;
  }

  has(number: number): boolean {
    return this.#slots[this.#find(number)] === number;
  }

  /** Where it lies, or would. */
  #find(number: number): number {
    const mask = this.#slots.length - 1;
    let slot = (number >>> 0) & mask;
    while (this.#slots[slot] !== FREE && this.#slots[slot] !== number) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 2).fill(FREE);
    for (const number of old) if (number !== FREE) this.#slots[this.#find(number)] = number;
  }
}

function partOf(random: string): number {
  return Number.parseInt(random.slice(0, 2), 16);
}

/** 52 bits. */
function numberOf(random: string): number {
  return Number.parseInt(random.slice(3), 16);
}
