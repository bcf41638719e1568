import { KiB, MiB } from "../base/units.ts";

/** Groups begin on multiples of it: a torn block hits one group only, and direct I/O stays possible. */
export const BLOCK_BYTES = 4 * KiB;

/** Largest record batch, whatever `max.message.bytes` says. */
export const BATCH_BYTES_MAX = 16 * MiB;
/** What a group needs beside the body of its only batch. */
export const ENTRY_BYTES_RESERVED = 8 * KiB;
/** Entries of one group; a full group is followed by the next one in the same write. */
export const GROUP_ENTRIES_MAX = 2048;
/** A base is cut into chunks, so that it never holds up a group commit for long. */
export const BASE_CHUNK_BYTES_MAX = 1 * MiB;
/** A base that claims to be larger is refused at recovery. */
export const BASE_BYTES_MAX = 64 * MiB;

/** Room for other groups in a file beside the largest group, twice over. */
export const FILE_SLACK_BYTES = 64 * KiB;
/** Fewer files leave nothing beside the reserve and the thresholds. */
export const FILES_MIN = 6;
/** What a file header can name. */
export const FILES_MAX = 500;

/** Fewer slabs could not hold one batch and the next. */
export const SLABS_MIN = 4;
/** Unsynced bytes that may wait in memory, as a part of the slab budget. */
export const PENDING_SHARE = 0.75;

/** One index entry per partition and group, and one more per so many bytes. */
export const INDEX_BYTES_STEP = 4 * KiB;

/** A read of fewer bytes is copied and holds no slab. */
export const COPY_BYTES_MAX = 64 * KiB;
/** So is one whose pieces are smaller on average. */
export const PIECE_BYTES_MIN = 4 * KiB;
/** Memory for reads that is kept for the next ones: what uploads use at a time, and some fetches. */
export const READ_MEMORY_KEPT_BYTES_MAX = 80 * MiB;
/** Groups that one read from files looks into; the reader asks again for more. */
export const COLD_GROUPS_MAX = 64;
/** Batches of one partition that lie at most so far apart in a file are read in one go. */
export const COLD_GAP_BYTES_MAX = 32 * KiB;
/** Tries of a read that the disk refuses, before whoever wants it is told. */
export const READ_TRIES_MAX = 4;
/** How often a place that the disk failed to read is tried again, though nobody wants it. */
export const UNREADABLE_RETRY_MS = 2_000;
/** How long a file that could not be emptied since the disk fails to read it is left alone. */
export const UNREADABLE_PAUSE_MS = 2_000;
/** One read from a file. */
export const COLD_READ_BYTES_MAX = 4 * MiB;
/** Read at a group's start: header, and mostly its directory too. */
export const GROUP_PEEK_BYTES = 16 * KiB;
/** Directories of groups that are in no slab any more. */
export const DIRECTORY_CACHE_BYTES_MAX = 4 * MiB;

/** Quiet time after which the newest group gets a header that says it is synced. */
export const IDLE_MARK_AFTER_MS = 100;
/** A write carries several groups up to so many bytes; a single group may be larger. */
export const FLUSH_BYTES_MAX = 8 * MiB;

/** Without `sync`: unsynced bytes after which one begins beside the writes, as a part of the file, */
export const UNSYNCED_SHARE = 1 / 8;
/** and in the last part of the file. */
export const LATE_UNSYNCED_SHARE = 1 / 64;
export const LATE_SHARE = 1 / 8;

/** Part of the capacity that bases, truncations and the like may need when everything else is refused. */
export const RESERVE_SHARE = 1 / 16;
/** Whole free files of the reserve: one for the next start, one to empty another into. */
export const RESERVE_FILES = 2;
/** Leaders refuse when less than this part of the capacity is left above the reserve, */
export const REFUSE_SHARE = 0.1;
/** and slow down producers from here on. */
export const THROTTLE_SHARE = 0.3;
/** A partition is stuck when so much (of the capacity) was written between its last upload and the last one of any other. */
export const STUCK_SHARE = 0.25;
/** Longest throttle time told to a producer. */
export const THROTTLE_MS_MAX = 1000;
/** A file of which more than this part still counts is not emptied by copying. */
export const COPY_SHARE_MAX = 0.5;
/** The same once producers are slowed down. */
export const COPY_SHARE_SHORT = 0.75;
/** How far producers are slowed down (0 to 1) when space counts as short. */
export const SHORT_DEPTH = 1 / 8;
/** All bases together, as a part of the capacity. */
export const BASES_SHARE_MAX = 1 / 16;

/** Zeros are written in such steps, with a pause between, so that group commits do not wait behind them. */
export const FILL_STEP_BYTES = 1 * MiB;
export const FILL_PAUSE_MS = 1;
export const FILL_STEPS_PER_SYNC = 8;

/** A file that found no room is tried again so often, */
export const GROW_RETRY_MS = 5_000;
/** when there is so much more than it needs. */
export const GROW_SPARE_BYTES = 16 * MiB;
/** Files that are zero-filled before `open` returns. */
export const FILES_FILLED_FIRST = 2;

/** Bytes read at once where a scan looks for groups behind an unreadable block. */
export const SEARCH_READ_BYTES = 1 * MiB;
/** Bases are read together at a start. */
export const BASE_READ_BYTES = 256 * KiB;
/** Where groups are looked for in a file whose header is all zeros. */
export const UNUSED_PEEK_BYTES = 256 * KiB;
/** Directories kept in memory between the two passes of a recovery; others are read again. */
export const RECOVERY_DIRECTORY_BYTES_MAX = 64 * MiB;
/** Batches that count are read together up to so many bytes before they are appended again. */
export const COPY_STEP_BYTES = 256 * KiB;
/** Time between something having changed and a look at which files can be freed. */
export const REUSE_PAUSE_MS = 5;
/** So long a start waits at most for files to be freed before it listens. */
export const ROOM_WAIT_MS = 2_000;
/** Partitions handled by reuse before it lets others run. */
export const REUSE_PARTITIONS_PER_TURN = 500;
