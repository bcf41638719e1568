import { assert } from "../base/assert.ts";

/**
 * The numbers of a partition on its leader. Ends are exclusive: the next offset, the first one not included.
 * `logStart ≤ uploadedEnd ≤ highWatermark ≤ logEnd`, `lastStable ≤ highWatermark`.
 */
export type PartitionNumbers = Readonly<{
  logStart: number;
  uploadedEnd: number;
  lastStable: number;
  highWatermark: number;
  logEnd: number;
}>;

/** Holds on a leader. (On a replica `logEnd < uploadedEnd` means "behind", not broken.) */
export function assertLeaderNumbers(n: PartitionNumbers): void {
  assert(n.logStart <= n.uploadedEnd, `logStart ${n.logStart} is above uploadedEnd ${n.uploadedEnd}`);
  assert(n.uploadedEnd <= n.highWatermark, `uploadedEnd ${n.uploadedEnd} is above highWatermark ${n.highWatermark}`);
  assert(n.highWatermark <= n.logEnd, `highWatermark ${n.highWatermark} is above logEnd ${n.logEnd}`);
  assert(n.lastStable <= n.highWatermark, `lastStable ${n.lastStable} is above highWatermark ${n.highWatermark}`);
}
