import { UsageError } from "./command-error.ts";
import { parseTimestamp } from "./timestamp.ts";

/** Where a group shall go. */
export type ResetTarget =
  | Readonly<{ to: "earliest" | "latest" | "current" }>
  | Readonly<{ to: "offset"; offset: number }>
  | Readonly<{ to: "time"; timestampMs: number }>
  | Readonly<{ to: "shift"; by: number }>;

export type ResetFlags = Readonly<{
  toEarliest?: boolean;
  toLatest?: boolean;
  toCurrent?: boolean;
  toOffset?: number;
  toDatetime?: string;
  byDuration?: string;
  shiftBy?: number;
}>;

/** What is known of a partition. `committed`, `atTime` undefined: nothing; no record is that young. */
export type ResetPlace = Readonly<{ first: number; end: number; committed: number | undefined; atTime: number | undefined }>;

/** Partitions of one topic; undefined: all. */
export type TopicChoice = Readonly<{ topic: string; partitions: readonly number[] | undefined }>;

/** Reads the flags: exactly one says where to go. @throws {UsageError} */
export function resetTarget(flags: ResetFlags, nowMs: number): ResetTarget {
  const targets: ResetTarget[] = [];
  if (flags.toEarliest === true) targets.push({ to: "earliest" });
  if (flags.toLatest === true) targets.push({ to: "latest" });
  if (flags.toCurrent === true) targets.push({ to: "current" });
  if (flags.toOffset !== undefined) targets.push({ to: "offset", offset: flags.toOffset });
  if (flags.shiftBy !== undefined) targets.push({ to: "shift", by: flags.shiftBy });
  if (flags.toDatetime !== undefined) targets.push({ to: "time", timestampMs: parseTimestamp(flags.toDatetime, "--to-datetime") });
  if (flags.byDuration !== undefined) targets.push({ to: "time", timestampMs: nowMs - parseDuration(flags.byDuration) });
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  throw new UsageError(
    "say where to go with one of --to-earliest, --to-latest, --to-offset, --to-datetime, --by-duration, --shift-by, --to-current",
  );
}

/** The new offset, inside the partition; undefined: there is nothing to shift from. */
export function newOffset(target: ResetTarget, place: ResetPlace): number | undefined {
  const wanted = wantedOffset(target, place);
  return wanted === undefined ? undefined : Math.min(place.end, Math.max(place.first, wanted));
}

function wantedOffset(target: ResetTarget, { first, end, committed, atTime }: ResetPlace): number | undefined {
  switch (target.to) {
    case "earliest":
      return first;
    case "latest":
      return end;
    case "current":
      return committed ?? end;
    case "offset":
      return target.offset;
    case "time":
      return atTime ?? end;
    case "shift":
      return committed === undefined ? undefined : committed + target.by;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** `90m`, `1d12h`, `1h 30m`, and ISO 8601 without years and months: `P1DT2H`. @throws {UsageError} */
export function parseDuration(text: string): number {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/^p(?=.)/, "")
    .replace("t", "");
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|[dhms])\s*)+$/.test(plain))
    throw new UsageError(`--by-duration is such as 90m, 1d12h or PT1H30M, not ${text}`);
  const parts = [...plain.matchAll(/([\d.]+)(ms|[dhms])/g)];
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ""] ?? 0), 0));
}

/** Reads `TOPIC` or `TOPIC:0,2`; internal topics have an `@` in front. @throws {UsageError} */
export function parseTopicChoice(text: string): TopicChoice {
  const match = /^(@?[A-Za-z0-9._-]{1,249})(?::(\d{1,9}(?:,\d{1,9})*))?$/.exec(text);
  if (match === null) throw new UsageError(`--topic is NAME, or NAME:0,2 for some of its partitions, not ${text}`);
  return { topic: match[1] ?? "", partitions: match[2]?.split(",").map(Number) };
}
