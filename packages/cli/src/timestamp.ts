import { UsageError } from "./command-error.ts";

/** Milliseconds since 1970, or anything with a date that JavaScript reads. @param flag Named in the error. @throws {UsageError} */
export function parseTimestamp(text: string, flag = "--timestamp"): number {
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isSafeInteger(ms))
    throw new UsageError(`${flag} is milliseconds since 1970, or a time such as 2026-01-31T12:00:00Z, not ${text}`);
  return ms;
}
