/** A call ends after so long; a little before the caller would stop waiting for it, so that the reason is told. */
export const WRITE_MS_MAX = 55_000;
export const READ_MS_MAX = 14_000;

/** A call whose library does not heed that is over so long after, for whoever asked; what it may clean up goes on. */
export const END_MS_MAX = 800;

/** How long a connection may take to be made. */
export const CONNECT_MS_MAX = 5_000;

/** Calls under way at a time; more wait for their turn, within their time. */
export const CALLS_MAX = 24;

/** Connections to the service. A put in parts uses several. */
export const CONNECTIONS_MAX = 32;

/** From here on an object is put in parts. */
export const MULTIPART_BYTES_MIN = 100 * 1024 * 1024;
/** Bytes of a part; larger when there would be too many. */
export const PART_BYTES = 16 * 1024 * 1024;
export const PARTS_MAX = 10_000;
/** Parts of one object that are sent at a time. */
export const PARTS_AT_ONCE_MAX = 4;

/** Unfinished puts in parts that are older belong to nobody. */
export const ABANDONED_UPLOAD_MS = 24 * 60 * 60 * 1000;
/** Of those, so many are removed at a start. */
export const ABANDONED_UPLOADS_MAX = 1_000;
/** Time for that, and to take back a put in parts that failed. */
export const CLEANUP_MS_MAX = 10_000;

/** Small pieces of a body are joined to chunks of so many bytes, larger ones are sent as they are, in chunks of at most the second. */
export const CHUNK_BYTES_MIN = 64 * 1024;
export const CHUNK_BYTES_MAX = 1024 * 1024;

/** Names that one LIST request asks for: what all services allow. */
export const LIST_NAMES_MAX = 1000;

/** Answers that are read whole: names, errors. */
export const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

/** Positions in lists that are remembered where a list cannot begin after a name. */
export const LIST_MARKERS_MAX = 16;
