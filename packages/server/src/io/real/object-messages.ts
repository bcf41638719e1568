import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { must } from "../../base/assert.ts";
import type { ObjectStoreErrorCode, PutPace, StoredObject } from "../object-store.ts";

/**
 * From the main thread to the thread of objects. The pieces of a put are told as triples of number, position and length in
 * the memories: a message of thousands of views would hold up the loop.
 */
export type ObjectCall = Readonly<{ id: number }> &
  (
    | (Readonly<{ kind: "put"; key: string; pace: PutPace }> & PackedPieces)
    | (Readonly<{ kind: "read"; key: string; start: number; end: number }> & ReadTarget)
    | Readonly<{ kind: "head"; key: string }>
    | Readonly<{ kind: "list"; prefix: string; after: string; countMax: number }>
    | Readonly<{ kind: "remove"; key: string }>
  );

/** Where the bytes are wanted, and the lengths of the pieces whose checksums are. */
type ReadTarget = Readonly<{ target: Uint8Array | undefined; lengths: readonly number[] | undefined }>;

export type PackedPieces = Readonly<{ memories: readonly SharedArrayBuffer[]; places: Float64Array }>;

export type ObjectResult = StoredObject | Uint8Array | readonly string[] | readonly number[] | undefined;

/** And back. Bytes read are handed over, not copied. */
export type ObjectAnswer = Readonly<{ id: number }> &
  (Readonly<{ ok: true; result: ObjectResult }> | Readonly<{ ok: false; code: ObjectStoreErrorCode; message: string }>);

export type ObjectThreadData = Readonly<{ root: string; create: boolean }>;

/** Pieces over shared memory are shared, the others copied together into memory that is. */
export function packPieces(pieces: readonly Uint8Array[]): PackedPieces {
  const copied = copyUnshared(pieces);
  const numbers = new Map<SharedArrayBuffer, number>();
  const places = new Float64Array(pieces.length * WORDS);
  let copiedBytes = 0;
  for (const [i, piece] of pieces.entries()) {
    const isShared = piece.buffer instanceof SharedArrayBuffer;
    const memory = isShared ? piece.buffer : copied;
    const number = numbers.get(memory) ?? numbers.size;
    numbers.set(memory, number);
    places[i * WORDS] = number;
    places[i * WORDS + 1] = isShared ? piece.byteOffset : copiedBytes;
    places[i * WORDS + 2] = piece.byteLength;
    if (!isShared) copiedBytes += piece.byteLength;
  }
  return { memories: [...numbers.keys()], places };
}

export function unpackPieces({ memories, places }: PackedPieces): Uint8Array[] {
  return Array.from({ length: places.length / WORDS }, (_, i) => {
    const memory = must(memories[places[i * WORDS] as number], "the memory of a piece");
    return new Uint8Array(memory, places[i * WORDS + 1], places[i * WORDS + 2]);
  });
}

/** Of what was read into a target: the checksums of its pieces, if they are wanted. The thread has the bytes in its cache still. */
export function pieceSums({ target, lengths }: ReadTarget): readonly number[] | undefined {
  if (target === undefined || lengths === undefined) return undefined;
  let end = 0;
  return lengths.map((length) => crc32c(target.subarray(end, (end += length))));
}

const WORDS = 3;

function copyUnshared(pieces: readonly Uint8Array[]): SharedArrayBuffer {
  const unshared = pieces.filter((piece) => !(piece.buffer instanceof SharedArrayBuffer));
  const copy = Buffer.from(new SharedArrayBuffer(unshared.reduce((sum, piece) => sum + piece.byteLength, 0)));
  let at = 0;
  for (const piece of unshared) at += Buffer.prototype.copy.call(piece, copy, at);
  return copy.buffer;
}
