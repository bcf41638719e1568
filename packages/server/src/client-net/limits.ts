import { KiB, MiB } from "../base/units.ts";

/** Largest request, as Kafka's socket.request.max.bytes. */
export const FRAME_BYTES_MAX = 100 * MiB;

/** Smallest request: key, version, correlation id. */
export const FRAME_BYTES_MIN = 8;

/** Largest request of any API that carries no records: decoded it takes a multiple of that on the heap. */
export const CONTROL_FRAME_BYTES_MAX = 16 * MiB;

/** First buffer of a frame of a connection that has not shown yet that it sends what it claims. */
export const FRAME_FIRST_BYTES = 64 * KiB;

/** Largest frame that is given its whole buffer at once, when one of half its size arrived whole before. */
export const FRAME_TRUSTED_BYTES_MAX = 2 * MiB;

/** Factor by which the buffer of a large frame grows as its bytes arrive. */
export const FRAME_GROWTH = 4;

/** Below this, the rest of a frame is read into the network's shared buffer together with what follows it. */
export const FRAME_TARGET_BYTES_MIN = 32 * KiB;

/** Free frame buffers that are kept for the next frames. */
export const FRAME_POOL_BYTES_MAX = 32 * MiB;

/** Requests of one connection that may be started and not yet answered. */
export const PIPELINE_MAX = 1024;

/** A connection starts no more requests while the kernel has not taken this much of its answers. */
export const PENDING_RESPONSE_BYTES_MAX = 1 * MiB;

/** An answer below this is copied, a larger one lends the memory of its records until the socket has drained. */
export const RESPONSE_COPY_BYTES_MAX = 64 * KiB;

/** Where small answers of a connection are gathered until they are flushed. */
export const RESPONSE_CHUNK_BYTES = 16 * KiB;

/** Free chunks that are kept for the next answers. */
export const RESPONSE_CHUNKS_POOLED_MAX = 256;

/** Buffers of frames that arrive, of all connections together. */
export const FRAMES_BYTES_MAX = 128 * MiB;

/** Answers that are not sent yet, of all connections together. From here on a Fetch gets no more than its first batch. */
export const ANSWERS_BYTES_MAX = 256 * MiB;

/** Above this part of either, peers have to be faster than a trickle. */
export const TIGHT_RATIO = 0.75;

/** A peer that sends of its frame, or takes of its answers, fewer bytes than this per sweep is a trickle. */
export const TIGHT_BYTES_PER_SWEEP_MIN = 64 * KiB;

/** So little of an answer may wait for ever, for all that matters. */
export const TIGHT_PENDING_BYTES_MIN = 64 * KiB;

/** Sweeps in a row that a trickle is borne while memory is short. */
export const TIGHT_SWEEPS_MAX = 5;

/** Lines in the log about connections that were cut off, per sweep. */
export const CUT_OFF_LINES_PER_SWEEP_MAX = 20;

/** Open connections of all listeners together. */
export const CONNECTIONS_MAX = 10_000;

/** As Kafka's connections.max.idle.ms. */
export const IDLE_MS_MAX = 10 * 60 * 1000;

/** A peer that takes no byte of its answers for so long is cut off. */
export const WRITE_STALL_MS_MAX = 30_000;

/** A peer that sends no byte of a frame that it began for so long is cut off. */
export const FRAME_STALL_MS_MAX = 30_000;

/** How often stalled and idle connections are looked for. */
export const SWEEP_MS = 1000;

/** Longest time that one throttled request keeps its connection from being read. */
export const MUTE_MS_MAX = 10_000;

/** At most one log line about refused connections in so much time. */
export const REFUSAL_LOG_MS_MIN = 10_000;
