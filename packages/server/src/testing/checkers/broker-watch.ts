import { PARTITION_INDEX_BYTES_MAX, UNMERGED_RANGES_MAX } from "../../model/object-range.ts";
import type { Broker } from "../../process/broker/broker.ts";
import { check } from "./check-failure.ts";

type Numbers = Readonly<{ logStart: number; uploadedEnd: number; highWatermark: number; logEnd: number }>;

/** In which leader epoch they were seen. */
type Seen = Numbers & Readonly<{ leaderEpoch: number }>;

/** What a range takes in a snapshot, at most: nine numbers and the object's. */
const RANGE_BYTES_MAX = 100;

/**
 * Looks at a running broker from outside, again and again: the numbers of every partition are in order and never go
 * back, not even over a restart, and every memory budget is kept.
 */
export class BrokerWatch {
  readonly #last = new Map<number, Seen>();
  readonly #replicated = new Set<number>();
  readonly #uploadWindowBytes: number;
  looks = 0;

  constructor(uploadWindowBytes: number) {
    this.#uploadWindowBytes = uploadWindowBytes;
  }

  /** @throws {CheckFailure} InvariantViolation */
  look(broker: Broker): void {
    this.looks += 1;
    for (const partition of broker.partitions.all()) {
      partition.assertNumbers();
      const { logStart, uploadedEnd, highWatermark, logEnd, leaderEpoch } = partition;
      if (partition.inSyncCount !== undefined) this.#replicated.add(partition.identity.id);
      this.#compare(partition.identity.id, partition.name, { logStart, uploadedEnd, highWatermark, logEnd, leaderEpoch });
    }
    this.#lookAtState(broker);
    this.#lookAtMemory(broker);
  }

  /** The process died: what was not durable may be gone, and of one that has other replicas it is to be learned anew what is committed. */
  restarted(): void {
    for (const [id, last] of this.#last) {
      const highWatermark = this.#replicated.has(id) ? last.uploadedEnd : last.highWatermark;
      this.#last.set(id, { ...last, highWatermark, logEnd: highWatermark });
    }
  }

  /** Unsynced records were lost with leave; only what object storage has is sure. */
  lostUnsynced(): void {
    for (const [id, last] of this.#last) this.#last.set(id, { ...last, highWatermark: last.uploadedEnd, logEnd: last.uploadedEnd });
  }

  /** Who followed another leader between two epochs of its own may have been told to take back what was not committed, but nothing else. */
  #compare(id: number, name: string, now: Seen): void {
    const before = this.#last.get(id);
    this.#last.set(id, now);
    if (before === undefined) return;
    const hasFollowed = this.#replicated.has(id) && now.leaderEpoch > before.leaderEpoch;
    const last = hasFollowed ? { ...before, logEnd: before.highWatermark } : before;
    for (const key of ["logStart", "uploadedEnd", "highWatermark", "logEnd"] as const) {
      check(now[key] >= last[key], "numbers", () => `${name}: ${key} went back from ${last[key]} to ${now[key]}`);
    }
  }

  #lookAtState({ controller: { state }, partitions }: Broker): void {
    for (const { id, ranges, logStart, uploadedEnd } of state.partitions.values()) {
      check(ranges.count <= UNMERGED_RANGES_MAX, "budgets", () => `partition ${id} has ${ranges.count} ranges`);
      check(ranges.count * RANGE_BYTES_MAX <= PARTITION_INDEX_BYTES_MAX, "budgets", () => `ranges of partition ${id} in bytes`);
      const partition = partitions.byId(id);
      if (partition === undefined) continue;
      check(uploadedEnd >= 0, "numbers", () => `${partition.name} is served without its object index`);
      check(partition.uploadedEnd === uploadedEnd, "numbers", () => `${partition.name}: uploadedEnd apart from the metadata`);
      check(partition.logStart === logStart, "numbers", () => `${partition.name}: logStart apart from the metadata`);
      const last = ranges.count === 0 ? undefined : ranges.endOffset(ranges.count - 1);
      // Where the start of the log was raised above what was uploaded, uploads go on there: a gap lies in front.
      const isRight = last === undefined || last === uploadedEnd || (last < uploadedEnd && uploadedEnd <= logStart);
      check(isRight, "numbers", () => `${partition.name}: ranges end at ${last}, not ${uploadedEnd}`);
    }
  }

  #lookAtMemory({ wal, config, remote, clients }: Broker): void {
    const { slabBytes, usedBytes, capacityBytes } = wal.occupancy();
    // Uploads hold slabs as long as they need them, and what is not written yet cannot be reused: both are bounded.
    const slabBytesMax = config.writeMemoryBytes + this.#uploadWindowBytes + config.walFileBytes;
    check(slabBytes <= slabBytesMax, "budgets", () => `${slabBytes} bytes of slabs, allowed ${slabBytesMax}`);
    check(usedBytes <= capacityBytes && usedBytes >= 0, "budgets", () => `${usedBytes} of ${capacityBytes} bytes of the log in use`);
    const cached = remote.blocks.bytes;
    check(cached <= config.readMemoryBytes, "budgets", () => `${cached} bytes of cache, allowed ${config.readMemoryBytes}`);
    const { used } = clients.budget;
    check(used >= 0, "budgets", () => `${used} bytes of frames and answers`);
  }
}
