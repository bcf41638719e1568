/** Batches remembered per producer, as many as a producer keeps in flight. */
export const PRODUCER_BATCHES_MAX = 5;

/** Idempotent producers remembered per partition at most; the least recently used is forgotten first. */
export const PRODUCERS_MAX = 5_000;

/** So many are remembered however small the write-ahead log is and however many partitions share it. */
export const PRODUCERS_MIN = 10;

/** What one takes in a base. */
export const PRODUCER_BYTES_MAX = 20 + PRODUCER_BATCHES_MAX * 24;

/** A producer that appended nothing for this long is forgotten. Measured in append times, never on a clock. */
export const PRODUCER_EXPIRY_MS = 24 * 60 * 60 * 1000;

/** How far the append time may jump at the first append of a leader epoch. */
export const APPEND_TIME_JUMP_MAX_MS = 60 * 60 * 1000;

/** Leader epochs remembered per partition. */
export const EPOCHS_MAX = 65_535;

/** Producers that may wait for one partition's high watermark; one more is refused with a retriable error. */
export const WAITERS_MAX = 100_000;

/** A batch whose records are looked at (lookups by time) may be so large when decompressed; beyond it the batch's own offset answers. */
export const LOOKUP_BYTES_MAX = 64 * 1024 * 1024;

/** Headers applied to a fold before the loop is given back. */
export const FOLDED_BATCHES_PER_TURN = 500;

/** Folds of one partition that wait for their commit: of the upload under way, one that was refused, and a raised log start. */
export const BASES_AHEAD_MAX = 4;

/** Of a turn of the loop, to open new partitions. */
export const OPENINGS_TURN_MS = 2;

/** Of a turn of the loop, to open at a start what there is; nothing is served yet, but whoever asks for the health is. */
export const RESTORE_TURN_MS = 4;

/** Partitions at a time whose fold is read from object storage so that they can be opened. */
export const OPENINGS_MAX = 8;

/** How long they rest when object storage does not answer. */
export const OPENING_RETRY_MS = 1_000;

/** So often in a row a follower asks its disk for what its folds need, once in `OPENING_RETRY_MS`, before it takes a copy of others. */
export const UNREADABLE_TRIES_MAX = 10;

/** How long a start waits for partitions whose fold lies in object storage only before it serves the others. */
export const OPENING_WAIT_MS = 2_000;

/** Records of an internal partition read from the log at a time, and applied before the loop is given back, but for a larger batch. */
export const REPLAY_READ_BYTES = 64 * 1024;
export const REPLAY_TURN_BYTES = 16 * 1024;
