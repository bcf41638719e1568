import type { OffsetToCommit, Place } from "./group-offsets.ts";

type Kept = {
  readonly place: Place;
  /** What the broker has; undefined: nothing. */
  committed: number | undefined;
  /** Everything below is dealt with; undefined: not known yet where the partition begins. */
  done: number | undefined;
};

/** How far the application is in each partition that a member owns, and how far that is committed. */
export class GroupPositions {
  readonly #kept = new Map<string, Kept>();

  get places(): Place[] {
    return [...this.#kept.values()].map((one) => one.place);
  }

  has(topic: string, partition: number): boolean {
    return this.#kept.has(keyOf(topic, partition));
  }

  start(place: Place, committed: number | undefined): void {
    this.#kept.set(keyOf(place.topic, place.partition), { place, committed, done: committed });
  }

  remove(places: readonly Place[]): void {
    for (const { topic, partition } of places) this.#kept.delete(keyOf(topic, partition));
  }

  clear(): void {
    this.#kept.clear();
  }

  /** Whatever was handed out is dealt with. @param handedEnd The next offset to hand out. */
  allDone(handedEnd: (topic: string, partition: number) => number | undefined): void {
    for (const one of this.#kept.values()) one.done = handedEnd(one.place.topic, one.place.partition) ?? one.done;
  }

  done(topic: string, partition: number): number | undefined {
    return this.#kept.get(keyOf(topic, partition))?.done;
  }

  /** What is dealt with and not committed, of these places or of all. */
  toCommit(places?: readonly Place[]): OffsetToCommit[] {
    const wanted = places?.map(({ topic, partition }) => this.#kept.get(keyOf(topic, partition))) ?? [...this.#kept.values()];
    return wanted.flatMap((one) => (one?.done === undefined || one.done === one.committed ? [] : [{ ...one.place, offset: one.done }]));
  }

  committed(offsets: readonly OffsetToCommit[]): void {
    for (const { topic, partition, offset } of offsets) {
      const one = this.#kept.get(keyOf(topic, partition));
      if (one === undefined) continue;
      one.committed = offset;
      // Whoever commits says that it is dealt with; a later commit by itself does not take it back.
      one.done = Math.max(one.done ?? offset, offset);
    }
  }

  /** As it is to be committed: with the id of the topic. undefined: not owned. */
  place(topic: string, partition: number): Place | undefined {
    return this.#kept.get(keyOf(topic, partition))?.place;
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}
