/** Largest frame: the lengths of the wire are signed 32 bits. */
export const FRAME_BYTES_MAX = 0x7fff_ffff;

/** Largest classic string in bytes: its length is a signed 16-bit number. */
export const STRING_BYTES_MAX = 0x7fff;

/** Elements of lists that one message may decode to: structures, and values of less than four bytes. 2 bytes on the wire can be 300 on the heap. */
export const ELEMENTS_MAX = 1_000_000;

/** Headers of one record. Kafka has no limit of its own; this one keeps a hostile record from becoming a million objects. */
export const RECORD_HEADERS_MAX = 100_000;

/** Snappy cannot shrink data further than to a 21st: a copy of at most 64 bytes takes three. With room for doubt. */
export const SNAPPY_RATIO_MAX = 64;
