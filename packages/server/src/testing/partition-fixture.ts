import * as batch from "@tidemq/protocol/record-batch.ts";
import { type BatchOptions, buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { must } from "../base/assert.ts";
import type { Partition } from "../partition/partition.ts";
import { SimBroker } from "./sim-broker.ts";
import { SimWorld } from "./sim-io/sim-world.ts";

export const TOPIC = { name: "t", partitions: 1, replicationFactor: 1, assignments: [], configs: [] };

/** One broker with one topic of one partition, on simulated devices. */
export async function oneNode(seed = 1) {
  const world = new SimWorld(seed);
  const node = new SimBroker(world);
  const broker = await world.settle(node.start());
  await world.settle(broker.controller.createTopics([TOPIC], false));
  return { world, node, partition: () => must(node.broker?.partitions.byName("t", 0), "the partition") };
}

export function records(count: number, options: BatchOptions = {}, timestampMs = 1_000, valueBytes = 10): Uint8Array {
  const value = new Uint8Array(valueBytes);
  return buildBatch(
    Array.from({ length: count }, (_, n) => ({ timestampMs: timestampMs + n, value })),
    options,
  );
}

/** Appends; the promise is fulfilled with the end that was reached. */
export function append(partition: Partition, bytes: Uint8Array): { offset: number; code: string | undefined; committed: Promise<number> } {
  let reach: (end: number) => void = () => undefined;
  const committed = new Promise<number>((resolve) => {
    reach = resolve;
  });
  const result = partition.append(bytes, 0, bytes.byteLength, { reached: (end) => reach(end) });
  return { offset: result.baseOffset, code: result.code, committed };
}

export async function readAll(partition: Partition): Promise<{ base: number; records: number }[]> {
  const found: { base: number; records: number }[] = [];
  for (let offset = partition.logStart; offset < partition.highWatermark; ) {
    const slices = await partition.read(offset, 1, true);
    const bytes = Buffer.concat(slices.pieces);
    found.push({ base: batch.baseOffset(bytes, 0), records: batch.recordCount(bytes, 0) });
    offset = slices.nextOffset;
    slices.hold?.release();
  }
  return found;
}
