import { KiB, MiB } from "../base/units.ts";

/** A data block is closed before the batch that would take it over this. */
export const BLOCK_BYTES_TARGET = 512 * KiB;

/** Largest batch, hence largest block. */
export const BATCH_BYTES_MAX = 16 * MiB;

/** From here on it is cheaper to combine a batch's own checksum with its block's than to hash its bytes (2 µs, measured). */
export const SUMMED_BATCH_BYTES_MIN = 16 * KiB;

/** Sections of one object. */
export const SECTIONS_MAX = 65_536;

/** Section index as encoded; 500,000 blocks. */
export const SECTION_INDEX_BYTES_MAX = 16 * MiB;

/** Base of a section. */
export const BASE_BYTES_MAX = 64 * MiB;

/** Data of one section: a signed 32-bit length. */
export const SECTION_DATA_BYTES_MAX = 2 ** 31 - 1;

/** Ranges in one manifest object before the oldest of a root move into a leaf. */
export const MANIFEST_RANGES_MAX = 1024;

/** Leaves of a root. */
export const MANIFEST_CHILDREN_MAX = 4096;

/** Manifests below manifests: one, and one more for each damaged root that was kept as a child. */
export const MANIFEST_DEPTH_MAX = 64;

/** Newest ranges that stay in the state when a partition's manifest is rolled: readers of the recent past need no manifest. */
export const UNMERGED_RANGES_KEPT = 8;

/** A partition is rolled when the state holds between 32 − this and 32 of its ranges, depending on its id. */
export const ROLL_SPREAD = 8;

/** Rolls at a time. */
export const ROLLS_MAX = 4;

/** Data of one uploaded object. More than one object is made when more is due. */
export const OBJECT_DATA_BYTES_MAX = 32 * MiB;

/** Record bytes that uploads hold in memory together (they may be slabs of the log). */
export const UPLOAD_WINDOW_BYTES = 64 * MiB;

/** Uploads at a time. */
export const UPLOADS_MAX = 10;

/** One read from the log on the way into an object, and checksummed before the loop is given back: from, to, */
export const UPLOAD_READ_BYTES_MIN = 64 * KiB;
export const UPLOAD_READ_BYTES_MAX = 1 * MiB;
/** and about so many offsets, since small batches cost by their number. */
export const UPLOAD_READ_OFFSETS = 512;

/** Tries of one object under one key before it is given up and read anew from the log under a new key. */
export const PUT_TRIES_MAX = 4;

/** A commit without an answer is asked again after so long. */
export const COMMIT_WAIT_MS = 10_000;

/** A partition whose range was refused, or whose log could not be read, rests: from, to, doubling. */
export const SOURCE_REST_MIN_MS = 1_000;
export const SOURCE_REST_MAX_MS = 60_000;

/** A store that has not answered a write, or a read, by then counts as failing; the answer may still come. */
export const STORE_WRITE_WAIT_MS = 60_000;
export const STORE_READ_WAIT_MS = 15_000;

/** The age of what is not uploaded is looked at this often, at least and at most. */
export const AGE_CHECK_MIN_MS = 1_000;
export const AGE_CHECK_MAX_MS = 30_000;

/** Reading back an object that the store cannot confirm. */
export const VERIFY_READ_BYTES = 4 * MiB;

/** One read of the store at most; read-ahead asks for at least the smaller one at a time. */
export const EXTENT_BYTES_MAX = 4 * MiB;
export const EXTENT_BYTES_MIN = 1 * MiB;

/** Read-ahead of one sequential reader grows from, to. */
export const READ_AHEAD_BYTES_MIN = 1 * MiB;
export const READ_AHEAD_BYTES_MAX = 8 * MiB;

/** Sequential readers that are told apart; the one unused longest is forgotten. */
export const READ_STREAMS_MAX = 1024;

/** A reader that has not come back for so long no longer counts when read-ahead is shared out. */
export const READ_STREAM_IDLE_MS = 30_000;

/** Reads that wait for room in the cache. */
export const CACHE_WAITERS_MAX = 4096;

/** Inside a cached block: one remembered batch per so many bytes, to begin a walk near the offset. */
export const BLOCK_MARK_BYTES = 16 * KiB;

/** Tries of one read before the reader is told to come back. */
export const READ_TRIES_MAX = 2;

/** Of one turn of the loop, for what is read from files and objects: its checks and its answers. Producers wait for two or three turns. */
export const COLD_TURN_MS = 0.5;

/** Sections that one read joins: small ones must not make small answers. */
export const SECTIONS_PER_READ_MAX = 8;

/** Shares of the cache's bound: section indexes and manifests, each; the rest is for blocks. */
export const INDEX_CACHE_RATIO = 1 / 16;

/** One answer of the reader at most, whatever was asked for; a quarter of a small cache is less. */
export const READ_BYTES_MAX = 8 * MiB;

/** Spans of offsets that are remembered as damaged in objects. */
export const DAMAGED_SPANS_MAX = 10_000;

/** Objects that a walk over everything that is named passes before it gives the loop back. */
export const REFERENCES_PER_TURN = 1_000;

/** Keys of one LIST, as many as S3 gives. */
export const LIST_KEYS_MAX = 1_000;

/** Objects that are being deleted at a time. */
export const REMOVES_MAX = 8;

/** A collection begins so long after something was given up: more may follow. */
export const COLLECT_DELAY_MS = 1_000;

/** And not before so many times as long has passed since the last one ended as that read manifests and listed the bucket. */
export const COLLECT_REST_FACTOR = 10;

/** What nobody knows of, such as a write that landed long after it was given up, is looked for this often. */
export const COLLECT_UNASKED_MS = 3_600_000;

/** The wait after a collection that failed: from, to, doubling. */
export const COLLECT_RETRY_MIN_MS = 1_000;
export const COLLECT_RETRY_MAX_MS = 300_000;

/** Keys that an audit names; beyond it only their number is told. */
export const AUDIT_NAMES_MAX = 1_000;
