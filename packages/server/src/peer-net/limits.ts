/** Failures in a row after which only one trial at a time is let through. */
export const HALF_OPEN_FAILURES = 3;

/** Failures in a row after which a peer counts as down. */
export const OPEN_FAILURES = 5;

/** Pause after the first failure; it doubles with each one in a row. */
export const PAUSE_MIN_MS = 50;

/** Longest pause: how late a peer that is back is noticed, where nobody says so. */
export const PAUSE_MAX_MS = 10_000;

/** A trial that has not reported after so long is given up, and another one may pass. */
export const TRIAL_MS_MAX = 10_000;

/** Peers that are registered at a time. */
export const PEERS_MAX = 1_024;

/** A peer whose certificate is not accepted, or that does not accept ours, is told of so often. */
export const DENIED_TOLD_MS = 60_000;

/** Addresses that are remembered for that; beyond it all of them are told of anew. */
export const DENIED_PEERS_MAX = 1_024;
