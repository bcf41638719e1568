import { KiB, MiB } from "../base/units.ts";

/** Commands waiting for their append, in bytes; beyond it callers are refused (retriable). */
export const PENDING_BYTES_MAX = 64 * MiB;

/** What one append carries at most, but always one command. */
export const APPEND_BYTES_MAX = 3 * MiB;

/** Commands of one append: they are applied in one task of the loop. */
export const APPEND_COMMANDS_MAX = 256;

/** A snapshot is worth its writing only when the log since the last is larger than this and than that snapshot. */
export const SNAPSHOT_LOG_BYTES_MIN = 1 * MiB;

/** How often a change is planned anew because another one came first. */
export const REPLANS_MAX = 100;

/** Wait before an append whose outcome is unknown is asked again. */
export const UNKNOWN_RETRY_MS = 100;

/** Partitions whose retention is planned before the loop is given back; what is decided of them shares an append. */
export const RETENTION_SLICE = 128;

/** The wall clock runs ahead of the monotonic one by no more between two looks, unless somebody moved it. */
export const CLOCK_LEAP_MS = 60_000;

/** So long it has to stand there before records go because of it. */
export const CLOCK_LEAP_BELIEVED_MS = 3_600_000;

/** A standby that has seen nothing new for so long claims: from, to, drawn anew each time. */
export const LEASE_MIN_MS = 2_000;
export const LEASE_MAX_MS = 2_500;

/** A controller that has appended nothing for so long says that it lives. */
export const ALIVE_MS = 700;

/** A read that takes longer tells that the log was away: silence before it proves nothing. */
export const LEASE_READ_MS = LEASE_MIN_MS / 4;

/** A log in which nothing came for so long does not take anything at the moment. */
export const LOG_SILENT_MS = 2 * ALIVE_MS;

/** A broker of which nothing was heard for so long is fenced. */
export const SESSION_MS = 2_000;

/** Attempts to reach a broker whose connection broke, and the pause between them: a process that ends takes a moment to close what it had open. */
export const LOST_DIALS = 4;
export const LOST_DIAL_PAUSE_MS = 30;

/** Wait before fencing that failed is tried again. */
export const FENCE_RETRY_MS = 500;

/** How often a broker says that it lives. */
export const HEARTBEAT_MS = 400;

/** Batches that a controller keeps in memory for brokers that are a little behind. */
export const TAIL_BYTES_MAX = 8 * MiB;

/** What each of them counts for beside its commands: the object itself, and what of the log's answer hangs on it. */
export const TAIL_ENTRY_BYTES = 1 * KiB;

/** One message of batches, and what a broker may have on its way. */
export const BATCHES_BYTES_MAX = 1 * MiB;
export const SESSION_WINDOW_BYTES = 4 * MiB;

/** Commands of one broker that have no answer yet. */
export const SUBMITS_MAX = 4_096;

/** A broker that hears nothing from its controller for so long goes to the next one: a leader speaks every ALIVE_MS. */
export const CONTROLLER_SILENT_MS = 3_000;

/** A broker that starts waits so long for the next piece of the first state. */
export const FIRST_STATE_SILENT_MS = 5_000;

/** Entries of one page of what is named: about a millisecond to find and encode, and of manifests what is read from the bucket in seconds. */
export const NAMED_OBJECTS_PAGE = 2_048;
export const NAMED_MANIFESTS_PAGE = 256;

/** Partitions of one message of object indexes, at most 4 KiB each, and of one that asks for them. */
export const INDEXES_TOLD_MAX = 128;
export const INDEXES_ASKED_MAX = 10_000;

/** A broker waits so long for a page, then asks the next controller. */
export const NAMED_WAIT_MS = 5_000;

/** A broker that stops waits so long for its last word to be heard. */
export const GOODBYE_WAIT_MS = 500;

/** Between two attempts at a session: from, to, drawn each time. */
export const SESSION_RETRY_MIN_MS = 50;
export const SESSION_RETRY_MAX_MS = 250;

/** A command waits so long for a controller, then its caller is told that there is none. */
export const SUBMIT_WAIT_MS = 10_000;

/** Replicas of our own topics, or as many as there are hosts with brokers. */
export const INTERNAL_REPLICATION_FACTOR = 3;

/** A preferred leader takes over when it has been in sync and ready for so long: one that comes and goes is left alone. */
export const PREFERRED_AFTER_MS = 10_000;

/** Partitions that get their preferred leader back at once, and the pause before the next ones: their clients have to find it. */
export const PREFERRED_PORTION = 200;
export const PREFERRED_PAUSE_MS = 1_000;

/** Of a turn of the loop, to look through all partitions for those that are not led as preferred. */
export const PREFERRED_LOOK_TURN_MS = 2;

/** Even shares of one topic that a broker gets at most: who has little gets more, but not all of it. */
export const PLACEMENT_SHARES_MAX = 1.5;

/** Of a turn of the loop, to read the log at a start; a batch is not cut. */
export const REPLAY_TURN_MS = 4;

/** Replicas that leave one broker at the same time when it is drained. */
export const DRAIN_MOVING_MAX = 256;

/** Of a turn of the loop, to plan where all of them go. */
export const DRAIN_PLAN_TURN_MS = 2;
