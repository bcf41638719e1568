import { assert, unreachable } from "../base/assert.ts";
import { applyAcceptLogLoss, applyElectLeaders, applyFenceBroker, applyRegisterBroker } from "./apply-brokers.ts";
import { applySetBrokerConfigs, applySetClientMetrics, applySetTopicConfigs } from "./apply-configs.ts";
import { applyCommitManifest, applyCommitObject, applyRaiseCommitBound } from "./apply-objects.ts";
import { applyAcceptLoss, applyRaiseLogStart } from "./apply-offsets.ts";
import { applyChangeInSync, applyElectLeader, applyReassignPartition, applyReportDamage } from "./apply-replicas.ts";
import { applyCreatePartitions, applyCreateTopic, applyDeleteTopic } from "./apply-topics.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type AllocateProducerIds, type ClaimController, type LoggedCommand, type Outcome, refuse } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { brokerIsCurrent, staleBroker } from "./rules.ts";

/**
 * Applies the batch at `index`, the next one. The outcomes stand in the order of the commands; a batch without
 * commands is fine (it only says that its writer lives).
 */
export function applyBatch(state: ClusterState, index: number, commands: readonly LoggedCommand[], effects: Effect[]): Outcome[] {
  assert(index === state.index + 1, `batch ${index} follows ${state.index}`);
  state.index = index;
  return commands.map((command) => apply(state, command, effects));
}

/**
 * The state machine: changes `state` in place, appends to `effects`, answers. Synchronous, no clock, no chance: the same
 * commands give the same state, effects and answers on every replica and in every replay. A refused command changes nothing.
 *
 * Cost: microseconds, whatever the size of the state, but for the commands that touch every partition of a topic or broker.
 */
export function apply(state: ClusterState, logged: LoggedCommand, effects: Effect[]): Outcome {
  const { command, controllerEpoch } = logged;
  if (command.kind === "claim-controller") return claimController(state, command, effects);
  if (controllerEpoch !== state.controllerEpoch)
    return refuse("stale-controller", `another controller has claimed. epoch=${controllerEpoch} current=${state.controllerEpoch}`);
  switch (command.kind) {
    case "register-broker":
      return applyRegisterBroker(state, command, effects);
    case "elect-leaders":
      return applyElectLeaders(state, command, effects);
    case "fence-broker":
      return applyFenceBroker(state, command, effects);
    case "change-in-sync":
      return applyChangeInSync(state, command, effects);
    case "report-damage":
      return applyReportDamage(state, command, effects);
    case "elect-leader":
      return applyElectLeader(state, command, effects);
    case "reassign-partition":
      return applyReassignPartition(state, command, effects);
    case "create-topic":
      return applyCreateTopic(state, command, effects);
    case "delete-topic":
      return applyDeleteTopic(state, command, effects);
    case "create-partitions":
      return applyCreatePartitions(state, command, effects);
    case "set-topic-configs":
      return applySetTopicConfigs(state, command, effects);
    case "set-broker-configs":
      return applySetBrokerConfigs(state, command, effects);
    case "set-client-metrics":
      return applySetClientMetrics(state, command, effects);
    case "allocate-producer-ids":
      return allocateProducerIds(state, command);
    case "commit-object":
      return applyCommitObject(state, command, effects);
    case "commit-manifest":
      return applyCommitManifest(state, command);
    case "raise-log-start":
      return applyRaiseLogStart(state, command, effects);
    case "raise-commit-bound":
      return applyRaiseCommitBound(state, command);
    case "accept-loss":
      return applyAcceptLoss(state, command, effects);
    case "accept-log-loss":
      return applyAcceptLogLoss(state, command, effects);
    default:
      return unreachable(command);
  }
}

function claimController(state: ClusterState, command: ClaimController, effects: Effect[]): Outcome {
  if (command.controllerEpoch !== state.controllerEpoch + 1)
    return refuse("stale-controller", `the claim is too late. epoch=${command.controllerEpoch} current=${state.controllerEpoch}`);
  state.controllerEpoch = command.controllerEpoch;
  state.controllerHolder = command.holder;
  effects.push({ kind: "controller-changed", holder: command.holder, controllerEpoch: command.controllerEpoch });
  return { controllerEpoch: command.controllerEpoch };
}

function allocateProducerIds(state: ClusterState, command: AllocateProducerIds): Outcome {
  if (!brokerIsCurrent(state, command)) return staleBroker(command);
  const first = state.producerIdNext;
  if (!Number.isSafeInteger(first + command.count)) return refuse("POLICY_VIOLATION", "all producer ids are used up");
  state.producerIdNext = first + command.count;
  return { first, count: command.count };
}
