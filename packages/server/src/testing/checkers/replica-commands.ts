import { must } from "../../base/assert.ts";
import { apply } from "../../cluster/apply.ts";
import { ClusterState, type PartitionState } from "../../cluster/cluster-state.ts";
import { decodeBatch } from "../../cluster/command-codec.ts";
import { type ChangeInSync, type Command, isRefusal, type LoggedCommand } from "../../cluster/commands.ts";
import type { LogEntry } from "../../metadata-log/metadata-log.ts";
import { check } from "./check-failure.ts";
import { ClusterStateSteps, checkClusterState } from "./cluster-state.ts";

/** What says nothing of partitions, and comes all the time. */
const OTHERS: ReadonlySet<Command["kind"]> = new Set(["set-client-metrics", "claim-controller", "commit-object", "allocate-producer-ids"]);

/**
 * What a log says of replicas, command by command: an in-sync set changes only by who knew it as it was, and falls below its minimum by nothing but lost
 * logs and damage; leaders are members, new ones have new epochs (docs/rfcs/0011-replication.md).
 * @param entries The whole log. @throws {CheckFailure} InvariantViolation
 */
export function checkReplicaCommands(clusterId: string, entries: readonly LogEntry[]): void {
  const state = new ClusterState(clusterId);
  const steps = new ClusterStateSteps();
  for (const entry of entries) {
    state.index = entry.index;
    for (const logged of decodeBatch(entry.payload)) checkCommand(state, steps, logged);
  }
}

function checkCommand(state: ClusterState, steps: ClusterStateSteps, logged: LoggedCommand): void {
  const { command } = logged;
  const asked = command.kind === "change-in-sync" ? state.partitions.get(command.partitionId) : undefined;
  const before = asked && { ...asked };
  const outcome = apply(state, logged, []);
  if (OTHERS.has(command.kind) || isRefusal(outcome)) return;
  if (command.kind === "change-in-sync") checkChange(must(before, "the partition of a change that was accepted"), command);
  checkClusterState(state);
  steps.check(state, command.kind);
}

/** A leader counts on the set that it knew until this was applied; what was asked of another one is void. */
function checkChange({ id, partitionEpoch, leaderEpoch, inSync }: PartitionState, change: ChangeInSync): void {
  const to = change.to.map(({ broker }) => broker);
  const isAsItWas = to.length === inSync.length && to.every((broker) => inSync.includes(broker));
  check(change.leaderEpoch === leaderEpoch, "in-sync", () => {
    return `partition ${id}: its leader of epoch ${change.leaderEpoch} changes the in-sync set in epoch ${leaderEpoch}`;
  });
  check(isAsItWas || change.partitionEpoch === partitionEpoch, "in-sync", () => {
    return `partition ${id}: ${inSync.join()} of epoch ${partitionEpoch} becomes ${to.join()} by a wish of epoch ${change.partitionEpoch}`;
  });
}
