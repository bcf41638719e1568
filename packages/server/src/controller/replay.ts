import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { QueueError } from "../base/errors.ts";
import { applyBatch } from "../cluster/apply.ts";
import { ClusterState } from "../cluster/cluster-state.ts";
import { decodeBatch } from "../cluster/command-codec.ts";
import type { LoggedCommand } from "../cluster/commands.ts";
import { loadSnapshot } from "../cluster/snapshot-reader.ts";
import { METADATA_REMEDY } from "../metadata-log/local/log-scan.ts";
import type { LogEntry, MetadataReader, StoredSnapshot } from "../metadata-log/metadata-log.ts";

/** `snapshotIndex`: 0 = there is no snapshot. `logBytes`: payload of the batches behind it. */
export type Replayed = Readonly<{ state: ClusterState; snapshotIndex: number; snapshotBytes: number; logBytes: number }>;

/**
 * The state at the end of the log: its newest snapshot and the batches behind it.
 * @param pause Is called between batches, to give the loop back.
 * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT.
 */
export async function replay(log: MetadataReader, clusterId: string, pause: () => Promise<void> = async () => {}): Promise<Replayed> {
  const snapshot = await log.latestSnapshot();
  const state = snapshot === undefined ? new ClusterState(clusterId) : await stateOf(snapshot, clusterId);
  let logBytes = 0;
  for (;;) {
    const read = await log.readFrom(state.index + 1);
    if (read.kind === "trimmed" && read.snapshotIndex <= state.index)
      throw new QueueError("CORRUPT_METADATA", `the metadata log lacks batch ${state.index + 1}, and no snapshot holds it`);
    if (read.kind === "trimmed") return replay(log, clusterId, pause); // trimmed meanwhile: the newer snapshot has it
    if (read.kind === "end") return { state, snapshotIndex: snapshot?.index ?? 0, snapshotBytes: snapshot?.bytes ?? 0, logBytes };
    for (const entry of read.entries) {
      applyBatch(state, entry.index, decodeEntry(entry), []);
      logBytes += entry.payload.byteLength;
      await pause();
    }
  }
}

async function stateOf({ pieces, index }: StoredSnapshot, clusterId: string): Promise<ClusterState> {
  try {
    return await loadSnapshot(pieces, { clusterId, index });
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== "CORRUPT_METADATA") throw error;
    throw new QueueError("CORRUPT_METADATA", `${error.message} snapshot=${index}: ${METADATA_REMEDY}`, { cause: error });
  }
}

/** @throws {QueueError} CORRUPT_METADATA when its bytes are no batch, NEWER_FORMAT. */
export function decodeEntry(entry: LogEntry): LoggedCommand[] {
  try {
    return decodeBatch(entry.payload);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new QueueError("CORRUPT_METADATA", `batch ${entry.index} of the metadata log is no batch. problem=${error.message}`);
  }
}
