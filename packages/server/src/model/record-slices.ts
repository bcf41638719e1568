/**
 * Stored record batches of one partition as bytes, contiguous and ascending in offset. The first batch may begin
 * below the offset asked for (readers skip), the last one is always whole.
 */
export type RecordSlices = Readonly<{
  pieces: readonly Uint8Array[];
  bytes: number;
  /** The offset behind the last batch. */
  nextOffset: number;
  /** Memory behind the pieces that has to be given back; undefined when the pieces are the receiver's own. */
  hold: Hold | undefined;
}>;

/** Borrowed memory. Released exactly once. */
export interface Hold {
  release(): void;
  /** The owner wants the memory back: `run` lets go of it soon (a slow reader's connection is closed). At most one. */
  whenWanted(run: () => void): void;
}

export const NO_RECORDS: RecordSlices = { pieces: [], bytes: 0, nextOffset: 0, hold: undefined };
