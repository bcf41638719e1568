import type { BrokerReport, ClusterReport, ControllerReport } from "./cluster-report.ts";
import type { NodeHealth } from "./node-health.ts";
import { agoText, countText } from "./output.ts";

/** Partitions of all topics; `leaderless`: that nobody can write to or read from at the moment. `error`: why that is not known. */
export type PartitionCounts = Readonly<{ total: number; leaderless: number }> | Readonly<{ error: string }>;

/** What needs attention, worst first: of the cluster, then of the node that was asked. */
export function clusterProblems(report: ClusterReport, partitions: PartitionCounts, node: NodeHealth): readonly string[] {
  const problems: string[] = [];
  // A controller knows of itself only.
  if (report.leader === null && node.leads !== false)
    problems.push("no controller leads: topics, options and uploads wait; produce and fetch go on");
  if ("error" in partitions) problems.push(`whether partitions have leaders is not known: ${partitions.error}`);
  else if (partitions.leaderless > 0)
    problems.push(
      `${countText(partitions.leaderless)} of ${countText(partitions.total)} partitions have no leader: nobody can write or read there`,
    );
  problems.push(...report.brokers.flatMap(brokerProblem), ...report.controllers.flatMap(controllerProblem));
  problems.push(...sameNumbers(report.controllers));
  const name = node.leads === undefined ? "broker" : "controller";
  // A problem of a controller is in both answers.
  const own = (node.problems ?? []).filter((problem) => report.controllers.every((controller) => controller.problem !== problem));
  problems.push(...own.map((problem) => `${name} ${node.nodeId ?? "that was asked"}: ${problem}`));
  return problems;
}

function brokerProblem({ id, state, heardMs, address }: BrokerReport): readonly string[] {
  if (state === "ready") return [];
  const heard = heardMs === null ? "" : `, last heard ${agoText(heardMs)}`;
  const what = state === "fenced" ? "is fenced and leads nothing: it does not run, or has not finished its start" : "is silent";
  return [`broker ${id}${address === null ? "" : ` at ${address}`} ${what}${heard}`];
}

/** They take turns all the same, but nobody can tell which one is meant. */
function sameNumbers(controllers: readonly ControllerReport[]): readonly string[] {
  const known = controllers.filter(({ nodeId }) => nodeId !== null);
  return [...Map.groupBy(known, ({ nodeId }) => nodeId)]
    .filter(([, same]) => same.length > 1)
    .map(([nodeId, same]) => {
      const places = same.map(({ address }) => address).join(" and ");
      return `controllers at ${places} both have the number ${nodeId}: give each its own with --node-id, or list it once`;
    });
}

function controllerProblem({ nodeId, address, problem }: ControllerReport): readonly string[] {
  if (problem === null) return [];
  return [nodeId === null ? `the controller at ${address} cannot be reached: ${problem}` : `controller ${nodeId}: ${problem}`];
}
