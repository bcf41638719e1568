import { QueueError } from "../base/errors.ts";
import { stateHash } from "../cluster/state-hash.ts";
import { type Replayed, replay } from "../controller/replay.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { DiskError } from "../io/disk.ts";
import type { MetadataReader, StoredSnapshot } from "../metadata-log/metadata-log.ts";
import { LOOK_AGAIN_MS, LOOKS_MAX } from "./limits.ts";
import type { FoundMetadata, MetadataSource } from "./metadata-place.ts";

/** Everything that a place holds, read to its end. */
export type WholeState = Readonly<{ found: FoundMetadata; snapshotVersion: number | undefined; replayed: Replayed; hash: string }>;

/**
 * Reads all of it. A place that a process writes may change under the reader: then it is read again.
 * @throws {QueueError} INVALID_REQUEST: there is none; CORRUPT_METADATA, NEWER_FORMAT, START_REFUSED.
 */
export async function readWholeState(source: MetadataSource, clock: Clock): Promise<WholeState> {
  for (let looks = 1; ; looks += 1) {
    try {
      return await readOnce(source);
    } catch (error) {
      if (looks >= LOOKS_MAX || source.isRunning() !== true || !mayBeReplaced(error)) throw error;
    }
    await sleep(clock, LOOK_AGAIN_MS);
  }
}

async function readOnce(source: MetadataSource): Promise<WholeState> {
  const found = await source.find();
  if (found === undefined) throw new QueueError("INVALID_REQUEST", noMetadata(source));
  try {
    const log = new SnapshotVersion(found.log);
    const replayed = await replay(log, found.clusterId);
    return { found, snapshotVersion: log.version, replayed, hash: stateHash(replayed.state) };
  } finally {
    await found.close();
  }
}

function noMetadata({ name, kind }: MetadataSource): string {
  const where =
    kind === "folder"
      ? "it has no meta/format: name the data folder of a server, as with --data"
      : "it has no object tidemq-cluster, or that says that the log lies in the data folder of the controller";
  return `there is no metadata in ${name}: ${where}`;
}

/** What a process that goes on replaces looks damaged to who has the older half of it. */
function mayBeReplaced(error: unknown): boolean {
  if (error instanceof DiskError) return error.code === "not-found";
  return error instanceof QueueError && error.code === "CORRUPT_METADATA";
}

/** Notes which version the head of the snapshot has. */
class SnapshotVersion implements MetadataReader {
  readonly #log: MetadataReader;
  version: number | undefined;

  constructor(log: MetadataReader) {
    this.#log = log;
  }

  readFrom(index: number): ReturnType<MetadataReader["readFrom"]> {
    return this.#log.readFrom(index);
  }

  async latestSnapshot(): Promise<StoredSnapshot | undefined> {
    const snapshot = await this.#log.latestSnapshot();
    return snapshot === undefined ? undefined : { ...snapshot, pieces: this.#noting(snapshot.pieces) };
  }

  async *#noting(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let isFirst = true;
    for await (const piece of pieces) {
      if (isFirst) this.version = piece[HEAD_VERSION_AT];
      isFirst = false;
      yield piece;
    }
  }
}

/** docs/formats/snapshot.md: in the first chunk. */
const HEAD_VERSION_AT = 5;
