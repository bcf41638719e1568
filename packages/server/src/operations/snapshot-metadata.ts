import { QueueError } from "../base/errors.ts";
import type { Clock } from "../io/clock.ts";
import { snapshotPieces } from "./copy-metadata.ts";
import type { FilePlace } from "./file-place.ts";
import type { MetadataSource } from "./metadata-place.ts";
import { readWholeState } from "./whole-state.ts";

export type WrittenSnapshot = Readonly<{ clusterId: string; index: number; stateHash: string; bytes: number }>;

/**
 * Writes what a place holds to a new file, and reads that back.
 * @throws {QueueError} see `readWholeState`, `FilePlace.write`.
 */
export async function snapshotMetadata(
  source: MetadataSource,
  file: FilePlace,
  { clock, wrote }: Readonly<{ clock: Clock; wrote: (bytes: number) => void }>,
): Promise<WrittenSnapshot> {
  const { replayed, hash } = await readWholeState(source, clock);
  const { clusterId, index } = replayed.state;
  if (index === 0) throw new QueueError("INVALID_REQUEST", `the metadata in ${source.name} has no batch yet: there is nothing to write`);
  let told = 0;
  const pieces = snapshotPieces(replayed.state, clock, (length) => {
    told += length;
    wrote(told);
  });
  const bytes = await file.write({ clusterId, index, stateHash: hash }, pieces);
  const read = await readWholeState(file, clock);
  if (read.hash !== hash)
    throw new QueueError("CORRUPT_METADATA", `${file.name} reads back as another state: look at its disk, and write it again`);
  return { clusterId, index, stateHash: hash, bytes };
}
