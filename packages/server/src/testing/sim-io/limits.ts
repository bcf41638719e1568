/** Events that one turn of the real loop carries. More saves little; fewer lets the test runner breathe more often. */
export const TURNS_PER_IMMEDIATE = 128;

/** So many events at exactly one virtual time are a loop without delay. */
export const EVENTS_AT_ONE_TIME_MAX = 1_000_000;

/** With fewer events than these a queue does not look for cancelled ones. */
export const CANCELLED_SWEPT_MIN = 512;

/** What a turn of a simulated event loop costs in virtual time; keeps a busy loop from stopping time. */
export const TURN_MS = 0.001;

/** Unit in which a simulated disk tears. */
export const SECTOR_BYTES = 512;

/** Unit in which simulated files are stored; absent pages are zeros. */
export const PAGE_BYTES = 16 * 1024;
