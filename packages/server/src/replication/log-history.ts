import { EPOCHS_MAX } from "./limits.ts";

/** Which leader epochs a log has, ascending, where the first record of each lies, and where the log ends. */
export type LogHistory = Readonly<{ epochs: readonly number[]; starts: readonly number[]; end: number }>;

/**
 * Where two logs of a partition part: up to there they have the same records. Undefined: they have no epoch in common, and are not known
 * from one offset on, where they would part.
 *
 * In an epoch there is one leader, and whoever took a record of it had first cut off what was not that leader's. So two logs
 * that both have an epoch have the same records up to its end in the one that ends it first. After Kafka's KIP-101 and KIP-279,
 * with all epochs at once in the place of questions one after the other.
 */
export function commonEnd(a: LogHistory, b: LogHistory): number | undefined {
  let i = a.epochs.length - 1;
  let j = b.epochs.length - 1;
  while (i >= 0 && j >= 0) {
    const [x, y] = [a.epochs[i] as number, b.epochs[j] as number];
    if (x === y) return Math.min(endOf(a, i), endOf(b, j));
    if (x > y) i -= 1;
    else j -= 1;
  }
  const from = knownFrom(a);
  return from === knownFrom(b) ? from : undefined;
}

/** Of a list that is full older epochs may be forgotten; below a start of the log they do not count. */
function knownFrom({ epochs, starts, end }: LogHistory): number | undefined {
  return epochs.length < EPOCHS_MAX ? (starts[0] ?? end) : undefined;
}

function endOf({ starts, end }: LogHistory, at: number): number {
  return starts[at + 1] ?? end;
}
