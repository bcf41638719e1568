import { KiB, MiB } from "../base/units.ts";

/** Payload of one batch; larger than one command may be. */
export const BATCH_BYTES_MAX = 4 * MiB;

/** What one `readFrom` answers at most, but at least one batch. */
export const READ_BYTES_MAX = 1 * MiB;

/** How much of a file is read at a time. */
export const READ_PIECE_BYTES = 256 * KiB;

/** When nothing was appended for so long, one mark records that the newest batch is durable. */
export const MARK_DELAY_MS = 100;

/** How often it is tried whether a disk that was full has room again. */
export const ROOM_RETRY_MS = 2_000;

/** So much has to find room then. */
export const ROOM_PROBE_BYTES = 4 * KiB;

/** In object storage: batches that are asked for at a time. */
export const READ_AHEAD_MAX = 16;

/** How often the next batch is looked for while somebody waits for it. */
export const WATCH_POLL_MS = 250;

/** A call that has no answer by then counts as failed; it may still take effect. */
export const STORE_WAIT_MS = 10_000;

/** Reads of one object whose checksum does not match before it counts as damaged. */
export const DAMAGED_READS_MAX = 5;

/** One part of a snapshot, and how many there are at most: 64 GiB. */
export const SNAPSHOT_PART_BYTES = 8 * MiB;
export const SNAPSHOT_PARTS_MAX = 8192;

/** Somebody may be reading the older one. */
export const SNAPSHOTS_KEPT = 2;

export const LIST_KEYS_MAX = 1000;
