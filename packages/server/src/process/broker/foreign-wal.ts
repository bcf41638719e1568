import { QueueError } from "../../base/errors.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import type { Disk } from "../../io/disk.ts";
import { storedIdentity } from "../../wal/stored-identity.ts";

/**
 * A start would take the records of another node's log for its own, and let go of them. It may go on with the log that the
 * broker had last, one that a partition waits for, or one that nothing was appended to (of a start that ended early, before
 * it could register).
 * @throws {QueueError} START_REFUSED; nothing was changed.
 */
export async function refuseForeignWal(
  disk: Disk,
  options: Readonly<{ folder: string; fileBytes: number }>,
  state: ClusterState,
  broker: number,
): Promise<void> {
  const last = state.brokers.get(broker)?.walId;
  if (last === "") return; // by software that did not remember it
  const stored = await storedIdentity(disk, options, (id) => id === last || isAwaited(state, broker, id));
  if (stored === undefined || !stored.hasBatches || stored.id === last || isAwaited(state, broker, stored.id)) return;
  throw new QueueError(
    "START_REFUSED",
    `the write-ahead log in ${options.folder} is not the one that belongs to this metadata: put the right one back, or move it ` +
      `away to start without; what only the right one holds is then offline until it is back or given up. ` +
      `found=${stored.id} expected=${last ?? "none"}`,
  );
}

function isAwaited(state: ClusterState, broker: number, walId: string): boolean {
  for (const { lastInSync } of state.partitions.values()) if (lastInSync?.broker === broker && lastInSync.walId === walId) return true;
  return false;
}
