import { DAMAGED_SPANS_MAX } from "./limits.ts";
import type { OffsetSpan } from "./section-index-codec.ts";

/** What readers found damaged in objects since the start, by partition; until a read there works again. */
export class DamageList {
  readonly #spans = new Map<number, OffsetSpan[]>();
  #count = 0;

  /** Ascending. */
  of(partitionId: number): readonly OffsetSpan[] {
    return this.#spans.get(partitionId) ?? [];
  }

  /** @returns Whether it was not known; false, too, when there are too many to remember. */
  note(partitionId: number, from: number, to: number): boolean {
    const spans = this.#spans.get(partitionId) ?? [];
    if (this.#count >= DAMAGED_SPANS_MAX || spans.some((span) => span.from <= from && to <= span.to)) return false;
    this.#replace(partitionId, [...spans.filter((span) => span.to <= from || span.from >= to), { from, to }]);
    return true;
  }

  /** All of [from, to) was read. */
  healed(partitionId: number, from: number, to: number): void {
    if (this.#count === 0) return;
    const spans = this.of(partitionId);
    const left = spans.filter((span) => span.from < from || span.to > to);
    if (left.length < spans.length) this.#replace(partitionId, left);
  }

  #replace(partitionId: number, spans: OffsetSpan[]): void {
    this.#count += spans.length - this.of(partitionId).length;
    if (spans.length === 0) this.#spans.delete(partitionId);
    else
      this.#spans.set(
        partitionId,
        spans.sort((a, b) => a.from - b.from),
      );
  }
}
