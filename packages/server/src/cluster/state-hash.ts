import { createHash } from "node:crypto";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import type { ClusterState } from "./cluster-state.ts";
import { writeHead, writeObject, writePartition, writeTopic } from "./state-codec.ts";

/** SHA-256 in hexadecimal of everything that commands can change: equal on every replica that applied the same log. For tests and checks. */
export function stateHash(state: ClusterState): string {
  const hash = createHash("sha256");
  const writer = new ByteWriter();
  const add = (write: () => void): void => {
    writer.reset();
    write();
    hash.update(writer.finish());
  };
  add(() => writeHead(writer, state));
  for (const topic of state.topicsById.values()) add(() => writeTopic(writer, topic));
  for (const object of state.objects.values()) add(() => writeObject(writer, object));
  for (const partition of state.partitions.values()) add(() => writePartition(writer, partition));
  return hash.digest("hex");
}
