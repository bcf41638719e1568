import { BASES_SHARE_MAX } from "../wal/limits.ts";
import { PRODUCER_BYTES_MAX, PRODUCERS_MAX, PRODUCERS_MIN } from "./limits.ts";

/**
 * How many idempotent producers each partition led here remembers. The write-ahead log has to hold the bases of all of them
 * beside the records that wait for uploads: so a part of its capacity is shared out.
 */
export class ProducerLimit {
  readonly #bytesMax: number;
  /** Of one partition. */
  max = PRODUCERS_MAX;

  constructor(walCapacityBytes: number) {
    this.#bytesMax = walCapacityBytes * BASES_SHARE_MAX;
  }

  /** So many partitions are led here from now on. */
  sharedBy(partitions: number): void {
    const each = Math.floor(this.#bytesMax / (Math.max(1, partitions) * PRODUCER_BYTES_MAX));
    this.max = Math.min(PRODUCERS_MAX, Math.max(PRODUCERS_MIN, each));
  }
}
