import { KiB, MiB } from "../base/units.ts";

/** Batches on their way to one follower; beyond it the leader waits for acknowledgements, and reads its log again. */
export const WINDOW_BYTES = 16 * MiB;

/** Batches of one message, about: the one that takes it over this is the last. */
export const MESSAGE_BYTES = 4 * MiB;

/** Partitions in one message. */
export const MESSAGE_PARTS_MAX = 1_024;

/** What one partition puts into a message at a time, so that many have their turn. */
export const PART_BYTES_MAX = 1 * MiB;

/** A mark that moved is told with the next batches, or after so long. */
export const MARK_DELAY_MS = 20;

/** Pieces of a base. */
export const BASE_PIECE_BYTES = 512 * KiB;

/** Of bases and other words, given to the transport and not taken yet. */
export const PENDING_BYTES_MAX = 4 * MiB;

/** A follower that was at no time at the end of the log for so long leaves the in-sync set. */
export const LAG_MAX_MS = 10_000;

/** How often that is looked at, and what has no answer is proposed again. */
export const LOOK_MS = 500;

/** Partitions that a follower names to one leader, as keeping the oldest part of its log. */
export const PINNING_MAX = 1_024;

/** A partition that fell out of the stream asks again after: from, to, doubling. */
export const FOLLOW_RETRY_MIN_MS = 50;
export const FOLLOW_RETRY_MAX_MS = 1_000;

/** A stream that could not be opened, or ended, is opened again after: from, to, by chance. */
export const STREAM_RETRY_MIN_MS = 50;
export const STREAM_RETRY_MAX_MS = 300;

/** Messages of a leader that wait while a log is truncated; beyond it the stream is paused. */
export const WAITING_MESSAGES_MAX = 8;

/** Leader epochs that a follower may name. */
export const EPOCHS_MAX = 4_096;
