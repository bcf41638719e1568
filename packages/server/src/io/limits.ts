/** Back-off after failures of something far away: from, to. Each wait is drawn from the upper half of its step. */
export const BACKOFF_MIN_MS = 100;
export const BACKOFF_MAX_MS = 10_000;
