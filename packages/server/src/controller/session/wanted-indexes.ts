import { QueueError } from "../../base/errors.ts";
import { PARTITIONS_MAX } from "../../cluster/limits.ts";
import { INDEXES_TOLD_MAX } from "../limits.ts";

/** Partitions whose object index a broker asked for in a session, and has not been told. */
export class WantedIndexes {
  readonly #ids = new Set<number>();

  get size(): number {
    return this.#ids.size;
  }

  /** @throws {QueueError} INVALID_REQUEST: more than there can be. */
  add(partitionIds: readonly number[]): void {
    if (this.#ids.size + partitionIds.length > PARTITIONS_MAX)
      throw new QueueError("INVALID_REQUEST", "more partitions than a cluster has");
    for (const id of partitionIds) this.#ids.add(id);
  }

  /** As many as one message tells of. */
  take(): number[] {
    const taken: number[] = [];
    for (const id of this.#ids) {
      if (taken.length === INDEXES_TOLD_MAX) break;
      this.#ids.delete(id);
      taken.push(id);
    }
    return taken;
  }
}
