import { KiB } from "../base/units.ts";

/** How often a place is looked at again that a process writes, and changes while it is read. */
export const LOOKS_MAX = 5;

/** Between two looks. */
export const LOOK_AGAIN_MS = 200;

/** A log in object storage is taken for stopped when nothing is appended for so long: longer than any controller is silent. */
export const STOPPED_AFTER_MS = 3_000;

/** How long a person waits to learn that a bucket does not answer. */
export const FIRST_ANSWER_MS = 20_000;

/** How much of a snapshot file is read at a time. */
export const READ_PIECE_BYTES = 256 * KiB;
