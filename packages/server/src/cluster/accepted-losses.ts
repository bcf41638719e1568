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

/** Forgets spans that nobody reads any more or that are gaps in the ranges by now; those in a manifest stay. */
export function dropPassedLosses(partition: PartitionState): void {
  if (partition.acceptedLosses.length === 0) return;
  const manifestEnd = partition.manifest?.endOffset ?? 0;
  const { logStart, uploadedEnd } = partition;
  partition.acceptedLosses = partition.acceptedLosses.filter(
    (span) => span.to > logStart && (span.to > uploadedEnd || span.from < manifestEnd),
  );
}
