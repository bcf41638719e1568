/**
 * A bucket. It may lose, delay, repeat, answer late; nothing from it is trusted without a checksum.
 * Keys are `/`-separated [a-zA-Z0-9._-] segments that begin with no dot, at most 512 bytes (`object-key.ts`);
 * implementations refuse any other. A key is not the front of another one (`a` and `a/b`): a directory has no room for both.
 */
export interface ObjectStore {
  /**
   * Creates an object once; `exists` when the key is taken. The pieces must not change until the promise settles;
   * those over a SharedArrayBuffer are not copied. Resolves when the store has made it durable and confirmed
   * `bytes` and `crc32c` of what it stored; `crc32c` is undefined when the store cannot confirm one (the caller
   * then reads it back).
   */
  put(key: string, pieces: readonly Uint8Array[], pace?: PutPace): Promise<StoredObject>;
  /**
   * Bytes [start, end), exactly; `not-found` when the object is absent, `range` when it is shorter. With `target`, shared
   * memory of that length, they are put there and it is what is returned; after a failure it may still change. `sums`: only
   * with a target; see there.
   */
  read(key: string, start: number, end: number, target?: Uint8Array, sums?: PieceSums): Promise<Uint8Array>;
  head(key: string): Promise<StoredObject | undefined>;
  /** Keys that begin with `prefix`, sorted, after `after`; at most `countMax`. May be stale. */
  list(prefix: string, after: string, countMax: number): Promise<readonly string[]>;
  /** No error when it does not exist. */
  remove(key: string): Promise<void>;
}

/**
 * CRC32C of each of the pieces, of these lengths, that a read brings one behind the other. A store that has a thread of its own fills
 * `crcs` in before the read resolves; another leaves it, and the caller hashes.
 */
export type PieceSums = { readonly lengths: readonly number[]; crcs: readonly number[] | undefined };

/** `relaxed`: nobody waits for it, so that it may take a small part of what the store can do. Else `urgent`. */
export type PutPace = "relaxed" | "urgent";

export type StoredObject = Readonly<{ bytes: number; crc32c: number | undefined }>;

/** `unavailable`: not done; `unknown`: may have been done or may still be. Both are worth a later try. */
export type ObjectStoreErrorCode = "exists" | "not-found" | "range" | "unavailable" | "unknown" | "full" | "denied" | "invalid-key";

export class ObjectStoreError extends Error {
  override readonly name = "ObjectStoreError";
  readonly code: ObjectStoreErrorCode;

  constructor(code: ObjectStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
