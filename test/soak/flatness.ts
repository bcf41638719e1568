import { median } from "../../bench/statistics.ts";

const HOUR_S = 3_600;
/** What comes before is warming up: caches fill, retention has nothing to remove yet, code is compiled. */
const WARM_UP_RATIO = 1 / 4;
/** Below it a line through saw teeth says nothing. */
export const JUDGED_MINUTES_MIN = 30;
/**
 * A rise of so much of the median in an hour is a leak. At 20 requests a second and 200 MiB it is 140 bytes a request: less than what
 * anything that is kept once for each request, connection, topic or object weighs.
 */
export const RISE_PER_HOUR_MAX = 0.05;

/** One thing that was measured again and again. */
export type Series = Readonly<{
  name: string;
  /** Seconds since the start. */
  atS: readonly number[];
  values: readonly number[];
  /** A rise of less than this over the window is none, whatever the median: one more connection, one tooth of a saw. */
  riseMin: number;
}>;

export type Verdict = Readonly<{ name: string; median: number; risePerHour: number; allowedPerHour: number; isFlat: boolean }>;

/** How far it rises in an hour, over the last three quarters of it, and whether that is too much. Falling is flat. */
export function judge({ name, atS, values, riseMin }: Series): Verdict {
  const from = Math.floor(values.length * WARM_UP_RATIO);
  const [times, kept] = [atS.slice(from), values.slice(from)];
  const hours = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / HOUR_S;
  const middle = median(kept);
  const risePerHour = slope(times, kept) * HOUR_S;
  const allowedPerHour = Math.max(RISE_PER_HOUR_MAX * middle, riseMin / hours);
  return { name, median: middle, risePerHour, allowedPerHour, isFlat: risePerHour <= allowedPerHour };
}

/** Median of the slopes between all pairs of points (Theil and Sen): up to 29 % of the points may be anything. */
export function slope(times: readonly number[], values: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < times.length; i += 1) {
    for (let j = i + 1; j < times.length; j += 1) {
      slopes.push(((values[j] ?? 0) - (values[i] ?? 0)) / ((times[j] ?? 0) - (times[i] ?? 0)));
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
}
