/** Failures that are kept; the first ones say most. */
const FAULTS_MAX = 50;

/** What went wrong, from every role. Empty at the end, or the run has failed. */
export class Faults {
  readonly texts: string[] = [];
  count = 0;

  add(text: string): void {
    this.count += 1;
    if (this.texts.length < FAULTS_MAX) this.texts.push(`${new Date().toISOString()} ${text}`);
    console.error(`FAULT ${text}`);
  }
}

/** How far each partition is written. A partition has one writer, whose record at offset n says n. */
export class Written {
  readonly #ends = new Map<string, number>();
  records = 0;

  acknowledged(topic: string, partition: number, end: number): void {
    this.#ends.set(placeOf(topic, partition), end);
  }

  /** The offset after the last acknowledged record; 0 before the first. */
  end(topic: string, partition: number): number {
    return this.#ends.get(placeOf(topic, partition)) ?? 0;
  }

  /** Every partition with its end. */
  get ends(): Iterable<[place: string, end: number]> {
    return this.#ends;
  }
}

/** What one reader, or all members of one group together, have seen of each partition: all offsets from 0, each at least once. */
export class Seen {
  records = 0;
  repeated = 0;
  readonly #next = new Map<string, number>();
  /** Seen before what lies below: a member that took over may be heard before the one that gave away. */
  readonly #ahead = new Map<string, Set<number>>();

  /** @returns Whether it came in order, with no hole and not again. */
  add(place: string, offset: number): boolean {
    this.records += 1;
    let next = this.#next.get(place) ?? 0;
    if (offset < next) this.repeated += 1;
    if (offset !== next) return this.#outOfOrder(place, offset, next);
    next += 1;
    const ahead = this.#ahead.get(place);
    while (ahead?.delete(next) === true) next += 1;
    this.#next.set(place, next);
    return true;
  }

  /** What is missing of what was acknowledged, in words; undefined: nothing. */
  missing(written: Written, topics: readonly string[]): string | undefined {
    for (const [place, end] of written.ends) {
      const next = this.#next.get(place) ?? 0;
      if (next < end && topics.some((topic) => place.startsWith(`${topic}.`))) return `${place}: seen up to ${next} of ${end}`;
    }
    return undefined;
  }

  #outOfOrder(place: string, offset: number, next: number): false {
    const ahead = this.#ahead.get(place) ?? new Set<number>();
    if (offset > next) ahead.add(offset);
    this.#ahead.set(place, ahead);
    return false;
  }
}

export function placeOf(topic: string, partition: number): string {
  return `${topic}.${partition}`;
}

/** Letters that compress to three quarters at best: a topic whose records shrink to nothing would never outgrow its retention. */
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
const NOISE = noise(96_000);
const VALUE_BYTES_MIN = 2_000;
const VALUE_BYTES_MAX = 8_000;
/** From one value to the next: those of a batch have nothing in common. */
const WINDOW_STEP = 8_209;

/** `topic.partition.offset ` and noise. Of different lengths. */
export function valueAt(place: string, offset: number): Buffer {
  const from = Math.imul(offset, WINDOW_STEP) % (NOISE.length - VALUE_BYTES_MAX);
  const bytes = VALUE_BYTES_MIN + ((offset * 613) % (VALUE_BYTES_MAX - VALUE_BYTES_MIN));
  return Buffer.concat([Buffer.from(`${place}.${offset} `), NOISE.subarray(Math.abs(from), Math.abs(from) + bytes)]);
}

/** Whether exactly this was written there. */
export function isValueAt(place: string, offset: number, value: Uint8Array | null): boolean {
  return value !== null && valueAt(place, offset).equals(value);
}

/** The same in each run (xorshift). */
function noise(bytes: number): Buffer {
  let state = 2_463_534_242;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return LETTERS.charCodeAt(state & 63);
  };
  return Buffer.from(Array.from({ length: bytes }, next));
}
