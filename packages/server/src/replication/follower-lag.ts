import type { Led } from "./follower-stream.ts";

/** How far a follower is behind its leader, as that knows it. */
export type FollowerLag = Readonly<{
  broker: number;
  inSync: boolean;
  /** What it lacks of the leader's log. Undefined: it has said nothing in this leader epoch. */
  records: number | undefined;
  bytes: number | undefined;
  /** For how long it has not been at the log's end; 0 when it is. */
  ms: number;
}>;

/** Of each replica but the leader, in their order. */
export function lagOf({ log, set }: Led, leader: number, nowMs: number): readonly FollowerLag[] {
  const { replicas, inSync } = set.members;
  const { logEnd } = log;
  return replicas
    .filter((broker) => broker !== leader)
    .map((broker) => {
      const end = set.endOf(broker);
      const isAtEnd = end !== undefined && end >= logEnd;
      return {
        broker,
        inSync: inSync.includes(broker),
        records: end === undefined ? undefined : Math.max(0, logEnd - end),
        bytes: isAtEnd ? 0 : end === undefined ? undefined : log.bytesFrom(end),
        ms: Math.round(nowMs - set.caughtUpMs(broker, logEnd, nowMs)),
      };
    });
}

/** Of one follower, over many partitions. */
export type LagSummary = { recordsMax: number; bytes: number; msMax: number };

/** By follower. What nobody knows does not count; for how long that is so, does. */
export function summaryOf(lags: Iterable<readonly [partitionId: number, lags: readonly FollowerLag[]]>): ReadonlyMap<number, LagSummary> {
  const summaries = new Map<number, LagSummary>();
  for (const [, followers] of lags) for (const lag of followers) add(summaries, lag);
  return summaries;
}

function add(summaries: Map<number, LagSummary>, { broker, records = 0, bytes = 0, ms }: FollowerLag): void {
  let summary = summaries.get(broker);
  if (summary === undefined) summaries.set(broker, (summary = { recordsMax: 0, bytes: 0, msMax: 0 }));
  summary.recordsMax = Math.max(summary.recordsMax, records);
  summary.bytes += bytes;
  summary.msMax = Math.max(summary.msMax, ms);
}
