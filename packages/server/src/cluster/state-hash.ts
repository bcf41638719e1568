import { createHash } from "node:crypto";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { assert } from "../base/assert.ts";
import type { ClusterState, PartitionState } from "./cluster-state.ts";
import { writeObjectId } from "./field-codec.ts";
import { writeRange } from "./range-codec.ts";
import { writeHead, writeIndexHead, writeObject, writePartition, writePlacement, writeTopic } from "./state-codec.ts";

type Add = (write: (writer: ByteWriter) => void) => void;

/** SHA-256 in hexadecimal of everything that commands can change: equal on every controller that applied the same log. For tests and checks. */
export function stateHash(state: ClusterState): string {
  return hashOf((add) => {
    add((writer) => writeHead(writer, state));
    for (const topic of state.topicsById.values()) add((writer) => writeTopic(writer, topic));
    for (const object of state.objects.values()) add((writer) => writeObject(writer, object));
    for (const partition of state.partitions.values()) add((writer) => writePartition(writer, partition));
  });
}

/**
 * SHA-256 of what a broker keeps: the object index of its own replicas, and everything else. Equal for its state and for a whole
 * one at the same index. Objects go in by id: their numbers are given by who keeps all.
 */
export function keptHash(state: ClusterState, broker: number): string {
  assert(state.keptBy === undefined || state.keptBy === broker, "a state of another broker");
  return hashOf((add) => {
    add((writer) => writeHead(writer, state, 0));
    for (const topic of state.topicsById.values()) add((writer) => writeTopic(writer, topic));
    for (const partition of state.partitions.values()) {
      add((writer) => writePlacement(writer, partition));
      if (partition.replicas.includes(broker)) add((writer) => writeIndex(writer, partition));
    }
  });
}

function writeIndex(writer: ByteWriter, partition: PartitionState): void {
  writeIndexHead(writer, partition);
  const { ranges } = partition;
  for (let at = 0; at < ranges.count; at += 1) {
    const object = ranges.objectAt(at);
    writeRange(writer, ranges.at(at), 0);
    if (object === undefined) continue;
    writeObjectId(writer, object.id);
    writer.int64(object.objectBytes);
  }
}

function hashOf(write: (add: Add) => void): string {
  const hash = createHash("sha256");
  const writer = new ByteWriter();
  write((one) => {
    writer.reset();
    one(writer);
    hash.update(writer.finish());
  });
  return hash.digest("hex");
}
