import { KiB, MiB } from "../base/units.ts";

/** Payload of one batch; larger than one command may be. */
export const BATCH_BYTES_MAX = 4 * MiB;

/** What one `readFrom` answers at most, but at least one batch. */
export const READ_BYTES_MAX = 1 * MiB;

/** How much of a file is read at a time. */
export const READ_PIECE_BYTES = 256 * KiB;

/** When nothing was appended for so long, one mark records that the newest batch is durable. */
export const MARK_DELAY_MS = 100;
