import { RING_WORDS } from "./limits.ts";

/**
 * Requests from the main thread to the disk thread, in shared memory. One writer, one reader.
 *
 *     control  Int32   [0] published: words written so far, modulo 2^32    [1] consumed: words read so far
 *                      [2] 1 while the reader sleeps
 *                      [3] system calls that wrote, [4] that synced, both modulo 2^32
 *     words    Float64 records that never wrap; a record is
 *              length in words | kind | id | file descriptor | position | end | slices × (buffer, offset, length)
 *
 * A record of kind `skip` fills the rest of the ring before a record that would not fit there.
 */
export type DiskRingMemory = Readonly<{ control: SharedArrayBuffer; words: SharedArrayBuffer }>;

export const PUBLISHED = 0;
export const CONSUMED = 1;
export const SLEEPING = 2;
export const WRITE_CALLS = 3;
export const SYNC_CALLS = 4;
const CONTROL_WORDS = 5;

export const RECORD_HEAD_WORDS = 6;
export const SLICE_WORDS = 3;

export const KIND = { skip: 0, write: 1, writeAndSync: 2, sync: 3, fill: 4, truncate: 5, close: 6, stop: 7 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** What the disk thread is told beside the ring: memory that slices lie in, by number. Posted before the first request that uses it. */
export type BufferMessage = Readonly<{ buffer: number; memory: SharedArrayBuffer | undefined }>;

/** What the disk thread answers, one message per wake: requests that succeeded, and triples of id, error code, text. */
export type CompletionMessage = Readonly<{ done: readonly number[]; failed: readonly (readonly [number, string, string])[] }>;

export function createRingMemory(): DiskRingMemory {
  return { control: new SharedArrayBuffer(CONTROL_WORDS * 4), words: new SharedArrayBuffer(RING_WORDS * 8) };
}
