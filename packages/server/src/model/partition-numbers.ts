import { assert } from "../base/assert.ts";

/**
 * The numbers of a partition on its leader. Ends are exclusive: the next offset, the first one not included.
 * `logStart ≤ uploadedEnd ≤ highWatermark ≤ logEnd`, `lastStable ≤ highWatermark`. One exception: logStart may cut the
 * batch that begins at uploadedEnd, which is not uploaded yet. It then lies above uploadedEnd, but below highWatermark.
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
  const { logStart } = n;
  assert(logStart <= n.uploadedEnd || logStart < n.highWatermark, `logStart ${logStart} is above all that is committed`);
  assert(n.uploadedEnd <= n.highWatermark, `uploadedEnd ${n.uploadedEnd} is above highWatermark ${n.highWatermark}`);
  assert(n.highWatermark <= n.logEnd, `highWatermark ${n.highWatermark} is above logEnd ${n.logEnd}`);
  assert(n.lastStable <= n.highWatermark, `lastStable ${n.lastStable} is above highWatermark ${n.highWatermark}`);
}
