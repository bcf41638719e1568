import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../../base/errors.ts";
import type { RecordSlices } from "../../model/record-slices.ts";
import type { Partition } from "../../partition/partition.ts";
import type { Broker } from "../../process/broker/broker.ts";
import { ClusterObjectIndex } from "../../process/broker/cluster-object-index.ts";
import { isManifestPointer } from "../../tier/object-index.ts";
import { RemoteReader } from "../../tier/remote-reader.ts";
import { TierMetrics } from "../../tier/tier-metrics.ts";
import { check } from "./check-failure.ts";

const READ_BYTES = 1024 * 1024;

export type AuditedBatch = Readonly<{ baseOffset: number; endOffset: number; bytes: Uint8Array }>;

/**
 * Reads everything that the metadata says is in the bucket, with a reader that has nothing cached: each range is there,
 * passes its checksums, and holds the offsets that it claims, from logStart to uploadedEnd. Returns the number of batches.
 *
 * @param visit Sees each batch: for comparison with what clients were told.
 * @param mayBeDamaged Whether offsets may have been lost before they were uploaded: those are passed over.
 */
export async function auditBucket(
  broker: Broker,
  visit: (partition: Partition, batch: AuditedBatch) => void,
  mayBeDamaged: boolean,
): Promise<number> {
  const { clock, random, objectStore: store } = broker.world;
  const index = new ClusterObjectIndex(broker.controller, broker.nodeId);
  const metrics = new TierMetrics();
  const reader = new RemoteReader({ store, index, clock, random, metrics, clusterId: broker.clusterId }, broker.config.readMemoryBytes);
  let batches = 0;
  for (const partition of [...broker.partitions.all()]) {
    const { id } = partition.identity;
    const { logStart, uploadedEnd, name } = partition;
    for (let at = logStart; at < uploadedEnd; ) {
      const found = index.find(id, at);
      check(found !== undefined, "bucket", () => `${name}@${at}: the metadata knows no range, uploadedEnd=${uploadedEnd}`);
      if (!isManifestPointer(found) && found.kind !== "data") {
        at = found.endOffset;
        continue;
      }
      const slices = await readOrPass(reader.read(id, at, uploadedEnd, READ_BYTES, true), mayBeDamaged);
      if (slices === undefined) {
        at += 1;
        continue;
      }
      for (const piece of slices.pieces) at = visitBatches(piece, partition, at, visit, () => (batches += 1));
      check(slices.pieces.length > 0 || slices.nextOffset > at, "bucket", () => `${name}@${at}: nothing to read below ${uploadedEnd}`);
      at = Math.max(at, slices.nextOffset);
    }
    const base = uploadedEnd > 0 ? await reader.base(id, uploadedEnd) : undefined;
    check(base === undefined || base.endOffset <= uploadedEnd, "bucket", () => `${name}: base of ${base?.endOffset}`);
  }
  check(metrics.corruptions === 0 && metrics.objectsMissing === 0, "bucket", () => {
    return `${metrics.corruptions} corrupt blocks, ${metrics.objectsMissing} missing objects`;
  });
  return batches;
}

async function readOrPass(reading: Promise<RecordSlices>, mayBeDamaged: boolean): Promise<RecordSlices | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (mayBeDamaged && error instanceof QueueError && error.code === "CORRUPT_RECORD") return undefined;
    throw error;
  }
}

function visitBatches(
  piece: Uint8Array,
  partition: Partition,
  from: number,
  visit: (partition: Partition, batch: AuditedBatch) => void,
  count: () => void,
): number {
  const { name } = partition;
  let at = from;
  for (let position = 0; position < piece.byteLength; ) {
    const length = batch.batchBytes(piece, position);
    const bytes = piece.subarray(position, position + length);
    const [baseOffset, endOffset] = [batch.baseOffset(bytes, 0), batch.endOffset(bytes, 0)];
    check(batch.isBatchCrcRight(bytes, 0), "bucket", () => `${name}@${baseOffset}: checksum of the batch`);
    check(endOffset > at, "bucket", () => `${name}@${baseOffset}: read from ${at} on`);
    visit(partition, { baseOffset, endOffset, bytes });
    count();
    at = endOffset;
    position += length;
  }
  return at;
}
