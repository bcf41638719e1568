import type { OffsetSpan, PartitionState } from "./cluster-state.ts";

/** Whether all of [from, to) was accepted as lost. */
export function isAcceptedLoss(partition: PartitionState, from: number, to: number): boolean {
  return partition.acceptedLosses.some((span) => span.from <= from && to <= span.to);
}

/** With one more span, touching ones joined; ascending. */
export function withLoss(spans: readonly OffsetSpan[], more: OffsetSpan): OffsetSpan[] {
  let { from, to } = more;
  const apart: OffsetSpan[] = [];
  for (const span of spans) {
    if (span.to < from || span.from > to) apart.push(span);
    else {
      from = Math.min(from, span.from);
      to = Math.max(to, span.to);
    }
  }
  return [...apart, { from, to }].sort((a, b) => a.from - b.from);
}

/** Forgets spans that nobody reads any more. The others are needed: a hole may be noted inside of an object only. */
export function dropPassedLosses(partition: PartitionState): void {
  if (partition.acceptedLosses.length === 0) return;
  partition.acceptedLosses = partition.acceptedLosses.filter((span) => span.to > partition.logStart);
}
