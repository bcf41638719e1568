import { askClusterOnly } from "../cluster-report.ts";
import { durationText, printResult, printTable } from "../output.ts";
import type { NodeOptions } from "./broker-list.ts";

const COLUMNS = ["nodeId", "address", "leads", "epoch", "index", "lag", "uptimeMs", "version", "problem"];

export async function listControllers(options: NodeOptions): Promise<void> {
  const { controllers } = await askClusterOnly(options.http);
  if (options.output !== "table") return printResult(options.output, controllers, { columns: COLUMNS, rows: controllers });
  const rows = controllers.map(({ nodeId, address, leads, epoch, index, lag, uptimeMs, version, problem }) => [
    ...[nodeId ?? "–", address, leads ? "yes" : "no", epoch ?? "–", index ?? "–", lag ?? "–"],
    ...[uptimeMs === null ? "–" : durationText(uptimeMs), version ?? "–", problem ?? "–"],
  ]);
  await printTable(["NODE", "ADDRESS", "LEADS", "EPOCH", "INDEX", "LAG", "UP FOR", "VERSION", "PROBLEM"], rows, "it knows no controllers");
}
