import { QueueError } from "../base/errors.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import { SnapshotWriter } from "../cluster/snapshot-writer.ts";
import { type Clock, nextTurn } from "../io/clock.ts";
import { type MetadataLog, SnapshotUnreadError } from "../metadata-log/metadata-log.ts";
import type { Log } from "../telemetry/log.ts";
import { SNAPSHOT_LOG_BYTES_MIN } from "./limits.ts";

export type SnapshotterParts = Readonly<{ log: MetadataLog; clock: Clock; logger: Log; fatal: (error: Error) => void }>;

/** Writes a snapshot when the log since the last one has become larger than that one, then trims the log. */
export class Snapshotter {
  readonly #state: ClusterState;
  readonly #parts: SnapshotterParts;
  readonly #logBytesMin: number;
  #snapshotBytes: number;
  #logBytes = 0;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param snapshotBytes Of the snapshot that the state was loaded from. */
  constructor(state: ClusterState, snapshotBytes: number, parts: SnapshotterParts, logBytesMin = SNAPSHOT_LOG_BYTES_MIN) {
    this.#state = state;
    this.#snapshotBytes = snapshotBytes;
    this.#parts = parts;
    this.#logBytesMin = logBytesMin;
  }

  /** A batch of so many bytes was applied. */
  applied(bytes: number): void {
    this.#logBytes += bytes;
  }

  /** Begins one if it is due. */
  consider(): void {
    if (this.#running !== undefined || this.#isStopped || this.#logBytes <= Math.max(this.#logBytesMin, this.#snapshotBytes)) return;
    this.#running = this.#write()
      .catch((error: unknown) => {
        // Tried again when the log has grown as much once more.
        if (error instanceof SnapshotUnreadError)
          this.#parts.logger.warn("a snapshot of the metadata was put off", { reason: error.message });
        else if (!(this.#isStopped || (error instanceof QueueError && error.code === "DISK_FULL"))) this.#parts.fatal(error as Error);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Begins none any more; one that is under way may end without effect. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when none is being written. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #write(): Promise<void> {
    const { log, logger } = this.#parts;
    const writer = new SnapshotWriter(this.#state);
    this.#logBytes = 0;
    let bytes = 0;
    const count = (piece: Uint8Array): void => {
      bytes += piece.byteLength;
    };
    try {
      await log.putSnapshot(writer.index, this.#pieces(writer, count));
      this.#snapshotBytes = bytes;
      await log.trimBelow(writer.index + 1);
    } finally {
      writer.abandon();
    }
    logger.info("wrote a snapshot of the metadata", { index: writer.index, bytes });
  }

  /** One chunk a turn of the loop: others go on in between. */
  async *#pieces(writer: SnapshotWriter, count: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array> {
    for (let piece = writer.next(); piece !== undefined; piece = writer.next()) {
      count(piece);
      yield piece;
      await nextTurn(this.#parts.clock);
    }
  }
}
