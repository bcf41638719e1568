/** Words (8 bytes) of the ring of requests to the disk thread; a power of two. */
export const RING_WORDS = 64 * 1024;

/** Slices of one request; a write with more is copied into one piece. */
export const REQUEST_SLICES_MAX = 1024;

/** Slices of one system call (IOV_MAX of Linux). */
export const SLICES_PER_CALL_MAX = 1024;

/** Bytes of one merged system call: a bound on how long completions of its front wait for its back. */
export const BYTES_PER_CALL_MAX = 8 * 1024 * 1024;

/** Zeros written at once by `fill`: about a quarter of a millisecond, the most that another write waits for it. */
export const FILL_CHUNK_BYTES = 256 * 1024;

/** Shared memory through which small writes from ordinary memory reach the disk thread. */
export const STAGING_BYTES = 256 * 1024;

/** The buffer that all plain TCP connections are read through. Larger brought nothing (measured). */
export const SHARED_READ_BYTES = 64 * 1024;

/** Connections that the kernel holds until they are accepted. */
export const LISTEN_BACKLOG = 1024;

/** Idle time after which the kernel begins to probe whether the peer is still there. */
export const KEEP_ALIVE_MS = 60_000;

/** How long the self-test of direct reads may take before the ordinary way is used. */
export const DIRECT_READ_TEST_MS = 1_000;

/** Log lines that wait for a slow reader of standard error; more are dropped. */
export const LOG_BYTES_MAX = 1024 * 1024;

/** Bytes of an object that are written before a cold read may come in between. */
export const OBJECT_WRITE_STEP_BYTES = 1024 * 1024;

/** After each step of a write that has time, a pause of so many times its duration. */
export const OBJECT_RELAXED_PAUSES = 3;
export const OBJECT_PAUSE_MS_MAX = 50;

/** What a write and other calls have taken from each other is made good up to this. */
export const OBJECT_TURN_DEBT_MS_MAX = 50;

/** Bytes of an object that are written before they are synced: a sync of all at the end would hold up cold reads for long. */
export const OBJECT_SYNC_STEP_BYTES = 4 * 1024 * 1024;

/** Largest range of an object that is read at once. */
export const OBJECT_READ_BYTES_MAX = 64 * 1024 * 1024;

/** A temporary file of another machine that is older belongs to nobody. */
export const OBJECT_TEMPORARY_AGE_MS = 24 * 60 * 60 * 1000;

/** Unsynced bytes of a file that a `DroppingDisk` keeps back. */
export const DROPPING_UNSYNCED_BYTES_MAX = 64 * 1024 * 1024;

/** Keys that a LIST of a directory finds at once, for the pages that follow. */
export const OBJECT_LIST_AHEAD_KEYS = 50_000;

/** Headers of one stream between peers. */
export const PEER_HEADER_BYTES_MAX = 16 * 1024;

/** Streams that a peer opens and gives up, a second; more end its connection. */
export const PEER_RESETS_PER_SECOND_MAX = 1_000;

/** What an HTTP/2 session keeps beside the windows of its streams, in units of 10^6 bytes. */
export const PEER_SESSION_MEMORY_MB = 64;

/** Memory for messages of peers that is kept for the next ones, of all connections together; and the least that one has. */
export const PEER_POOLED_BYTES_MAX = 16 * 1024 * 1024;
export const PEER_POOLED_MESSAGE_BYTES_MIN = 64 * 1024;
