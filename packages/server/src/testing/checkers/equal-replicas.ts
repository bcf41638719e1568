import { BATCH_HEADER_BYTES, baseOffset, endOffset } from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../../base/errors.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import { Partition } from "../../partition/partition.ts";
import type { Broker } from "../../process/broker/broker.ts";
import { check } from "./check-failure.ts";

/** A batch by its header as stored, which has its offsets, its epoch and the checksum of what follows. */
type Seen = Readonly<{ header: string; by: string }>;

/**
 * Looks at all replicas of all partitions at once, led and followed: what anybody has told as committed is on every member of the in-sync set, an
 * offset below that has the same batch everywhere and for ever, and no member's mark goes back while its process lives.
 */
export class EqualReplicas {
  /** By partition: the highest mark that was seen of any replica. */
  readonly #committed = new Map<number, number>();
  /** By partition and base offset. */
  readonly #batches = new Map<number, Map<number, Seen>>();
  /** By replica: how far its batches were compared. */
  readonly #compared = new WeakMap<Partition, number>();
  readonly #marks = new WeakMap<Partition, Readonly<{ mark: number; cuts: number }>>();
  /** How often one replica's batch was held against another's. */
  comparisons = 0;

  /** @param newest The newest state that anybody has applied. @throws {CheckFailure} */
  look(brokers: readonly Broker[], newest: ClusterState | undefined): void {
    for (const broker of brokers) for (const partition of replicasOf(broker)) this.#noteMark(partition, broker, newest);
    for (const broker of brokers) for (const partition of replicasOf(broker)) this.#lookAt(partition, broker, newest);
  }

  /**
   * All that the brokers' logs have, in memory or not: when nothing goes wrong and all replicas are in sync.
   * @param mayBeDamaged What cannot be read is passed over.
   * @throws {CheckFailure}
   */
  async lookAtAll(brokers: readonly Broker[], mayBeDamaged: boolean): Promise<void> {
    for (const broker of brokers)
      for (const partition of [...replicasOf(broker)]) {
        const { wal, highWatermark } = partition;
        const end = Math.min(wal.durableEnd, highWatermark);
        try {
          await wal.scanHeaders(wal.firstOffset, end, (header) => this.stored(partition, header, `broker ${broker.nodeId}`));
        } catch (error) {
          if (!(error instanceof QueueError)) throw error;
          const isGone = wal.firstOffset >= end; // uploaded, and let go of
          if (!isGone && !(mayBeDamaged && error.code === "CORRUPT_RECORD")) throw error;
        }
      }
  }

  /** This batch of the partition lies below the mark there. @throws {CheckFailure} */
  stored({ identity: { id }, name }: Partition, batch: Uint8Array, by: string): void {
    const batches = this.#batches.get(id) ?? new Map<number, Seen>();
    this.#batches.set(id, batches);
    const offset = baseOffset(batch, 0);
    const header = Buffer.from(batch.buffer, batch.byteOffset, BATCH_HEADER_BYTES).toString("hex");
    const first = batches.get(offset);
    if (first === undefined) return void batches.set(offset, { header, by });
    if (first.by !== by) this.comparisons += 1;
    const what = (): string => `${name}@${offset}: ${first.by} and ${by} have other batches: ${first.header} and ${header}`;
    check(first.header === header, "replicas", what);
  }

  /** Who is not in sync may have begun anew. */
  #noteMark(partition: Partition, { nodeId }: Broker, newest: ClusterState | undefined): void {
    const { identity, name, highWatermark, wal } = partition;
    const before = this.#marks.get(partition) ?? { mark: 0, cuts: 0 };
    // A log that began anew may have left the set for that, and be back.
    const isBack = highWatermark < before.mark && wal.truncations === before.cuts && isMember(newest, identity.id, nodeId);
    check(!isBack, "marks", () => `${name}: the mark of broker ${nodeId} went back from ${before.mark} to ${highWatermark}`);
    // Who has nothing yet of what was uploaded knows that as committed: the bucket has it.
    const end = Math.max(partition.logEnd, partition.uploadedEnd);
    check(highWatermark <= end, "marks", () => `${name}: broker ${nodeId} has the mark ${highWatermark}, and its log ends at ${end}`);
    this.#marks.set(partition, { mark: highWatermark, cuts: wal.truncations });
    this.#committed.set(identity.id, Math.max(highWatermark, this.#committed.get(identity.id) ?? 0));
  }

  #lookAt(partition: Partition, broker: Broker, newest: ClusterState | undefined): void {
    const { identity, name, wal, highWatermark } = partition;
    const { durableEnd, logEnd, uploadedEnd } = wal;
    const isInSync = isMember(newest, identity.id, broker.nodeId);
    const committed = this.#committed.get(identity.id) ?? 0;
    // A base that was just begun with is not durable yet, nor does it have to be: the bucket has all below.
    const end = Math.min(logEnd, Math.max(durableEnd, uploadedEnd));
    const what = (): string =>
      `${name}: broker ${broker.nodeId} is in sync with [${wal.firstOffset}, ${end}), and ${committed} was committed`;
    check(!isInSync || end >= committed, "marks", what);
    this.#compare(partition, broker, Math.min(durableEnd, isInSync ? committed : highWatermark));
  }

  /** What is new and in memory: a look reads no file, so that it changes nothing of a run. */
  #compare(partition: Partition, { nodeId }: Broker, end: number): void {
    const { wal } = partition;
    const from = Math.max(this.#compared.get(partition) ?? 0, wal.firstOffset);
    if (from >= end || wal.holes.length > 0) return;
    this.#compared.set(partition, end);
    const isNew = (header: Uint8Array): boolean => baseOffset(header, 0) >= from && endOffset(header, 0) <= end;
    const scanned = wal.scanHeaders(from, end, (header) => void (isNew(header) && this.stored(partition, header, `broker ${nodeId}`)));
    scanned?.catch(() => undefined);
  }
}

function isMember(state: ClusterState | undefined, partitionId: number, broker: number): boolean {
  return state?.partitions.get(partitionId)?.inSync.includes(broker) === true;
}

function* replicasOf({ wal }: Broker): Generator<Partition> {
  for (const { owner } of wal.partitions()) if (owner instanceof Partition) yield owner;
}
