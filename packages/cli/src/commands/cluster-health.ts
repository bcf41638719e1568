import { CommandError } from "../command-error.ts";
import { ExitCode } from "../exit-codes.ts";
import { askHttp } from "../http-request.ts";
import { bytesText, type Cell, countText, durationText, type OutputForm, printPairs, printResult, printTable, write } from "../output.ts";

/** What `GET /health` answers. Everything may be missing: the server may be older or newer than this command. */
type HealthReport = Readonly<{
  status?: string;
  problems?: readonly string[];
  version?: string;
  clusterId?: string;
  nodeId?: number;
  uptimeMs?: number;
  wal?: Readonly<{ usedBytes?: number; capacityBytes?: number; synced?: boolean }>;
  objectStorage?: Readonly<{ location?: string; bytes?: number; objects?: number; state?: string; error?: string | null }>;
  partitions?: Readonly<{ total?: number; online?: number; offline?: number; damaged?: readonly Damage[]; lost?: readonly LostLog[] }>;
}>;

type Damage = Readonly<{ topic: string; partition: number; from: number; to: number }>;

type LostLog = Readonly<{ topic: string; partition: number; from: number }>;

type Options = Readonly<{ http: string; output: OutputForm }>;

/** Prints the server's report; the exit code says whether all is well. */
export async function clusterHealth(options: Options): Promise<void> {
  const answer = await askHttp("GET", options.http, "/health");
  const report = parse(options.http, answer.status, answer.body);
  if (options.output !== "table") await printResult(options.output, report);
  else await print(report);
  if (answer.status !== 200 || (report.status !== undefined && report.status !== "ok")) process.exitCode = ExitCode.FAILED;
}

function parse(at: string, status: number, body: string): HealthReport {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Not JSON: told below.
  }
  throw new CommandError(`http://${at}/health does not answer like a TideMQ server (HTTP status ${status})`, "Check --http HOST:PORT.");
}

async function print(report: HealthReport): Promise<void> {
  await printPairs([
    ["status", report.status ?? "–"],
    ...known("version", report.version),
    ...known("cluster", report.clusterId),
    ...known("node", report.nodeId),
    ...known("up for", report.uptimeMs === undefined ? undefined : durationText(report.uptimeMs)),
    ["write-ahead log", walText(report.wal)],
    ["bucket", bucketText(report.objectStorage)],
    ["partitions", partitionsText(report.partitions)],
  ]);
  for (const problem of report.problems ?? []) await write(process.stdout, `! ${problem}\n`);
  const { damaged = [], lost = [] } = report.partitions ?? {};
  await printLosses(
    ["DAMAGED", "FROM OFFSET", "TO OFFSET", "GIVE IT UP WITH"],
    damaged.map((hole) => [nameOf(hole), hole.from, hole.to - 1, remedyOf(hole)]),
  );
  await printLosses(
    ["OFFLINE", "LOG LOST FROM OFFSET", "GIVE IT UP WITH"],
    lost.map((log) => [nameOf(log), log.from, remedyOf(log)]),
  );
}

async function printLosses(header: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
  if (rows.length === 0) return;
  await write(process.stdout, "\n");
  await printTable(header, rows, "");
}

function nameOf({ topic, partition }: LostLog): string {
  return `${topic}[${partition}]`;
}

function remedyOf({ topic, partition }: LostLog): string {
  return `tidemq partition recover ${topic}:${partition} --accept-loss`;
}

function known(name: string, value: Cell | undefined): (readonly [string, Cell])[] {
  return value === undefined ? [] : [[name, value]];
}

function walText(wal: HealthReport["wal"]): string {
  if (wal?.usedBytes === undefined || wal.capacityBytes === undefined) return "–";
  const percent = (100 * wal.usedBytes) / Math.max(1, wal.capacityBytes);
  const sync = wal.synced === undefined ? "" : wal.synced ? ", synced before acknowledging" : ", NOT synced before acknowledging";
  return `${percent.toFixed(percent < 10 ? 1 : 0)} % used (${bytesText(wal.usedBytes)} of ${bytesText(wal.capacityBytes)})${sync}`;
}

function bucketText(storage: HealthReport["objectStorage"]): string {
  if (storage === undefined) return "–";
  const objects = storage.objects === undefined ? "" : ` in ${countText(storage.objects)} objects`;
  const size = storage.bytes === undefined ? "size not known" : `${bytesText(storage.bytes)}${objects}`;
  const state =
    storage.state === undefined || storage.state === "ok" ? "" : `, ${storage.state}${storage.error ? `: ${storage.error}` : ""}`;
  return `${size}${storage.location === undefined ? "" : ` at ${storage.location}`}${state}`;
}

function partitionsText(partitions: HealthReport["partitions"]): string {
  if (partitions?.total === undefined) return "–";
  const offline = partitions.offline ?? 0;
  const damaged = partitions.damaged?.length ?? 0;
  return `${countText(partitions.total)}${offline > 0 ? `, ${offline} offline` : ""}${damaged > 0 ? `, ${damaged} damaged ranges` : ""}`;
}
