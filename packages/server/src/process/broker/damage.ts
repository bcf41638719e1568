import { isAcceptedLoss } from "../../cluster/accepted-losses.ts";
import type { ClusterState, OffsetSpan, PartitionState } from "../../cluster/cluster-state.ts";
import type { Partitions } from "../../partition/partitions.ts";
import type { RemoteReader } from "../../tier/remote-reader.ts";

export type Damage = Readonly<{ topic: string; partition: number; from: number; to: number }>;

type DamageParts = Readonly<{ partitions: Partitions; state: ClusterState; remote: RemoteReader }>;

/** Damage that nobody has accepted, and nobody else can give again, of the partitions served here: in objects as far as somebody read it since the start. */
export function damageOf({ partitions, state: cluster, remote }: DamageParts): Damage[] {
  const damage: Damage[] = [];
  for (const partition of partitions.all()) {
    const { id, topic, index } = partition.identity;
    const state = cluster.partitions.get(id);
    const spans = state === undefined ? [] : damageInObjects(state, remote.damagedSpans(id));
    const found = partition.isElsewhere ? spans : [...spans, ...partition.wal.holes];
    if (partition.recordsLost && found.length === 0) found.push({ from: partition.logStart, to: partition.uploadedEnd });
    for (const { from, to } of found) damage.push({ topic, partition: index, from, to });
  }
  return damage;
}

function damageInObjects(state: PartitionState, met: readonly OffsetSpan[]): OffsetSpan[] {
  const { ranges, logStart } = state;
  const spans: OffsetSpan[] = [];
  for (let at = 0; at < ranges.count; at++) if (ranges.isHole(at)) spans.push({ from: ranges.startOffset(at), to: ranges.endOffset(at) });
  for (const { from, to } of met) {
    const at = ranges.indexOf(from);
    const isListed = at < ranges.count && ranges.isHole(at);
    if (!isListed && to > logStart && !isAcceptedLoss(state, from, to)) spans.push({ from, to });
  }
  return spans;
}
