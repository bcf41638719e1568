import type { Scenario } from "./scenario.ts";
import { scenario as badClients } from "./scenarios/bad-clients.ts";
import { scenario as batchFlip } from "./scenarios/batch-flip.ts";
import { scenario as bucketAwayAtStart } from "./scenarios/bucket-away-at-start.ts";
import { scenario as bucketErrors } from "./scenarios/bucket-errors.ts";
import { scenario as bucketFull } from "./scenarios/bucket-full.ts";
import { scenario as bucketLies } from "./scenarios/bucket-lies.ts";
import { scenario as calm } from "./scenarios/calm.ts";
import { scenario as clockJumps } from "./scenarios/clock-jumps.ts";
import { scenario as cluster } from "./scenarios/cluster.ts";
import { scenario as clusterBusy } from "./scenarios/cluster-busy.ts";
import { scenario as clusterGroups } from "./scenarios/cluster-groups.ts";
import { scenario as clusterMoves } from "./scenarios/cluster-moves.ts";
import { scenario as clusterReplicas } from "./scenarios/cluster-replicas.ts";
import { scenario as clusterReplicasDamage } from "./scenarios/cluster-replicas-damage.ts";
import { scenario as clusterReplicasGroups } from "./scenarios/cluster-replicas-groups.ts";
import { scenario as clusterSilence } from "./scenarios/cluster-silence.ts";
import { scenario as clusterTwins } from "./scenarios/cluster-twins.ts";
import { scenario as copies } from "./scenarios/copies.ts";
import { scenario as crashInStart } from "./scenarios/crash-in-start.ts";
import { scenario as diskErrors } from "./scenarios/disk-errors.ts";
import { scenario as diskFull } from "./scenarios/disk-full.ts";
import { scenario as duplicateInFlight } from "./scenarios/duplicate-in-flight.ts";
import { scenario as duplicates } from "./scenarios/duplicates.ts";
import { scenario as emptied } from "./scenarios/emptied.ts";
import { scenario as foreignBucket } from "./scenarios/foreign-bucket.ts";
import { scenario as groups } from "./scenarios/groups.ts";
import { scenario as kill } from "./scenarios/kill.ts";
import { scenario as killThenPowerLoss } from "./scenarios/kill-then-power-loss.ts";
import { scenario as killUnsynced } from "./scenarios/kill-unsynced.ts";
import { scenario as lateCommits } from "./scenarios/late-commits.ts";
import { scenario as manifests } from "./scenarios/manifests.ts";
import { scenario as manyPartitions } from "./scenarios/many-partitions.ts";
import { scenario as metadataFlip } from "./scenarios/metadata-flip.ts";
import { scenario as metadataRollback } from "./scenarios/metadata-rollback.ts";
import { scenario as networkFaults } from "./scenarios/network-faults.ts";
import { scenario as newestFlip } from "./scenarios/newest-flip.ts";
import { scenario as objectFlip } from "./scenarios/object-flip.ts";
import { scenario as objectMissing } from "./scenarios/object-missing.ts";
import { scenario as oldestFlip } from "./scenarios/oldest-flip.ts";
import { scenario as pauses } from "./scenarios/pauses.ts";
import { scenario as powerLoss } from "./scenarios/power-loss.ts";
import { scenario as powerLossAtTrim } from "./scenarios/power-loss-at-trim.ts";
import { scenario as powerLossUnsynced } from "./scenarios/power-loss-unsynced.ts";
import { scenario as readErrors } from "./scenarios/read-errors.ts";
import { scenario as refusals } from "./scenarios/refusals.ts";
import { scenario as retention } from "./scenarios/retention.ts";
import { scenario as slowDisk } from "./scenarios/slow-disk.ts";
import { scenario as slowReads } from "./scenarios/slow-reads.ts";
import { scenario as snapshotFlip } from "./scenarios/snapshot-flip.ts";
import { scenario as topicChurn } from "./scenarios/topic-churn.ts";
import { scenario as unsyncedCrashes } from "./scenarios/unsynced-crashes.ts";
import { scenario as walFlip } from "./scenarios/wal-flip.ts";
import { scenario as walFull } from "./scenarios/wal-full.ts";
import { scenario as walRollback } from "./scenarios/wal-rollback.ts";

/** Every scenario. A seed belongs to one of them, unless one is asked for. */
export const SCENARIOS: readonly Scenario[] = [
  badClients,
  batchFlip,
  bucketAwayAtStart,
  bucketErrors,
  bucketFull,
  bucketLies,
  calm,
  clockJumps,
  cluster,
  clusterBusy,
  clusterGroups,
  clusterMoves,
  clusterReplicas,
  clusterReplicasDamage,
  clusterReplicasGroups,
  clusterSilence,
  clusterTwins,
  copies,
  crashInStart,
  diskErrors,
  diskFull,
  duplicateInFlight,
  duplicates,
  emptied,
  foreignBucket,
  groups,
  kill,
  killThenPowerLoss,
  killUnsynced,
  lateCommits,
  manifests,
  manyPartitions,
  metadataFlip,
  metadataRollback,
  networkFaults,
  newestFlip,
  objectFlip,
  objectMissing,
  oldestFlip,
  pauses,
  powerLoss,
  powerLossAtTrim,
  powerLossUnsynced,
  readErrors,
  refusals,
  retention,
  slowDisk,
  slowReads,
  snapshotFlip,
  topicChurn,
  unsyncedCrashes,
  walFlip,
  walFull,
  walRollback,
];

/** @throws {RangeError} */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new RangeError(`no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}`);
  return scenario;
}
