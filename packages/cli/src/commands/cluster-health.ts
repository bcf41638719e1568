import { withClient } from "../cluster-client.ts";
import { clusterProblems, type PartitionCounts } from "../cluster-problems.ts";
import { askCluster, type BrokerReport, type ClusterReport } from "../cluster-report.ts";
import { ExitCode } from "../exit-codes.ts";
import { agePairs, askHealth, known, type NodeHealth, printLosses, storagePairs } from "../node-health.ts";
import { countText, printPairs, printResult, write } from "../output.ts";
import { type NodeOptions, noteWithoutLeader } from "./broker-list.ts";

/** Prints how a node fares, and its cluster; the exit code says whether all is well. */
export async function clusterHealth(options: NodeOptions): Promise<void> {
  const { health, isWell } = await askHealth(options.http);
  const report = await askCluster(options.http);
  const isAllWell = report === undefined ? await showNode(health, isWell, options) : await showCluster(report, health, options);
  if (!isAllWell) process.exitCode = ExitCode.FAILED;
}

/** One that is alone. */
async function showNode(health: NodeHealth, isWell: boolean, { http, output }: NodeOptions): Promise<boolean> {
  if (output !== "table") await printResult(output, health);
  else {
    const { status, clusterId, nodeId } = health;
    const names = [...known("cluster", clusterId), ...known("node", nodeId)];
    await printPairs([["status", status ?? "–"], ...names, ...agePairs(health), ...storagePairs(health)]);
    await printProblems(health.problems ?? []);
    await printLosses(health, http);
  }
  return isWell;
}

async function showCluster(report: ClusterReport, node: NodeHealth, { http, output }: NodeOptions): Promise<boolean> {
  const partitions = await countPartitions(report.brokers);
  const problems = clusterProblems(report, partitions, node);
  const status = problems.length === 0 ? "ok" : "degraded";
  const { clusterId, leader, controllers, brokers } = report;
  if (output !== "table") await printResult(output, { status, problems, clusterId, leader, controllers, brokers, partitions, node });
  else {
    await printPairs([
      ["status", status],
      ...known("cluster", clusterId),
      ["controllers", controllersText(report, node)],
      ["brokers", brokersText(brokers)],
      ["partitions", "error" in partitions ? "–" : leaderText(partitions)],
    ]);
    await write(process.stdout, `\n${node.leads === undefined ? "broker" : "controller"} ${node.nodeId ?? ""} at ${http}\n`);
    await printPairs([...agePairs(node), ...storagePairs(node)]);
    await printProblems(problems);
    await printLosses(node, http);
    noteWithoutLeader(report);
  }
  return problems.length === 0;
}

async function printProblems(problems: readonly string[]): Promise<void> {
  for (const problem of problems) await write(process.stdout, `! ${problem}\n`);
}

/** As Kafka clients are told. */
async function countPartitions(brokers: readonly BrokerReport[]): Promise<PartitionCounts> {
  const bootstrap = brokers.flatMap(({ state, address }) => (state === "ready" && address !== null ? [address] : []));
  if (bootstrap.length === 0) return { error: "no broker is ready" };
  try {
    const topics = await withClient(bootstrap.join(","), (client) => client.admin.listTopics());
    const sum = (pick: (topic: (typeof topics)[number]) => number): number => topics.reduce((count, topic) => count + pick(topic), 0);
    return { total: sum((topic) => topic.partitions), leaderless: sum((topic) => topic.leaderless) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function controllersText({ controllers, leader }: ClusterReport, node: NodeHealth): string {
  if (node.leads === false && leader === null) return "the others are not known to this one, which does not lead";
  const reached = controllers.filter(({ nodeId }) => nodeId !== null).length;
  const lost = controllers.length - reached;
  return `${controllers.length}${lost === 0 ? "" : `, ${lost} not reached`}, ${leader === null ? "none leads" : `${leader} leads`}`;
}

function brokersText(brokers: readonly BrokerReport[]): string {
  const counts = (["ready", "silent", "fenced"] as const).flatMap((state) => {
    const count = brokers.filter((broker) => broker.state === state).length;
    return count === 0 ? [] : `${count} ${state}`;
  });
  return brokers.length === 0 ? "none" : counts.join(", ");
}

function leaderText({ total, leaderless }: Readonly<{ total: number; leaderless: number }>): string {
  return `${countText(total)}${leaderless === 0 ? "" : `, ${countText(leaderless)} without a leader`}`;
}
