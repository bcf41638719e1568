import { CommandError } from "./command-error.ts";
import { askHttp, DEFAULT_HTTP } from "./http-request.ts";
import { bytesText, type Cell, countText, durationText, printTable, write } from "./output.ts";

/** What `GET /health` of a node answers. Everything may be missing: the server may be older or newer than this command, or a controller. */
export type NodeHealth = Readonly<{
  status?: string;
  problems?: readonly string[];
  version?: string;
  clusterId?: string | null;
  nodeId?: number;
  uptimeMs?: number;
  /** Only a controller has it. */
  leads?: boolean;
  wal?: Readonly<{ usedBytes?: number; capacityBytes?: number; synced?: boolean }>;
  objectStorage?: Readonly<{ location?: string; bytes?: number; objects?: number; state?: string; error?: string | null }>;
  partitions?: Readonly<{ total?: number; online?: number; offline?: number; damaged?: readonly Damage[]; lost?: readonly LostLog[] }>;
}>;

type Damage = Readonly<{ topic: string; partition: number; from: number; to: number }>;

type LostLog = Readonly<{ topic: string; partition: number; from: number }>;

/** `isWell`: by its own words. @throws {CommandError} When nobody answers, or no TideMQ. */
export async function askHealth(http: string): Promise<Readonly<{ health: NodeHealth; isWell: boolean }>> {
  const { status, body } = await askHttp("GET", http, "/health");
  const health = parse(http, status, body);
  return { health, isWell: status === 200 && (health.status === undefined || health.status === "ok") };
}

function parse(at: string, status: number, body: string): NodeHealth {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Not JSON: told below.
  }
  throw new CommandError(`http://${at}/health does not answer like a TideMQ server (HTTP status ${status})`, "Check --http HOST:PORT.");
}

/** What a broker keeps; of a controller, nothing. */
export function storagePairs({ wal, objectStorage, partitions }: NodeHealth): (readonly [string, Cell])[] {
  if (wal === undefined && objectStorage === undefined && partitions === undefined) return [];
  return [
    ["write-ahead log", walText(wal)],
    ["bucket", bucketText(objectStorage)],
    ["partitions", partitionsText(partitions)],
  ];
}

/** A pair when there is something to show. */
export function known(name: string, value: Cell | null | undefined): (readonly [string, Cell])[] {
  return value === undefined || value === null ? [] : [[name, value]];
}

/** Version and age. */
export function agePairs({ version, uptimeMs }: NodeHealth): (readonly [string, Cell])[] {
  return [...known("version", version), ...known("up for", uptimeMs === undefined ? undefined : durationText(uptimeMs))];
}

/** Damaged ranges and lost logs, each with what gives it up. @param http The node that has them. */
export async function printLosses({ partitions = {} }: NodeHealth, http: string): Promise<void> {
  const remedyOf = ({ topic, partition }: LostLog): string =>
    `tidemq partition recover ${topic}:${partition} --accept-loss${http === DEFAULT_HTTP ? "" : ` --http ${http}`}`;
  const { damaged = [], lost = [] } = partitions;
  await printRows(
    ["DAMAGED", "FROM OFFSET", "TO OFFSET", "GIVE IT UP WITH"],
    damaged.map((hole) => [nameOf(hole), hole.from, hole.to - 1, remedyOf(hole)]),
  );
  await printRows(
    ["OFFLINE", "LOG LOST FROM OFFSET", "GIVE IT UP WITH"],
    lost.map((log) => [nameOf(log), log.from, remedyOf(log)]),
  );
}

async function printRows(head: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
  if (rows.length === 0) return;
  await write(process.stdout, "\n");
  await printTable(head, rows, "");
}

function nameOf({ topic, partition }: LostLog): string {
  return `${topic}[${partition}]`;
}

function walText(wal: NodeHealth["wal"]): string {
  if (wal?.usedBytes === undefined || wal.capacityBytes === undefined) return "–";
  const percent = (100 * wal.usedBytes) / Math.max(1, wal.capacityBytes);
  const sync = wal.synced === undefined ? "" : wal.synced ? ", synced before acknowledging" : ", NOT synced before acknowledging";
  return `${percent.toFixed(percent < 10 ? 1 : 0)} % used (${bytesText(wal.usedBytes)} of ${bytesText(wal.capacityBytes)})${sync}`;
}

function bucketText(storage: NodeHealth["objectStorage"]): string {
  if (storage === undefined) return "–";
  const objects = storage.objects === undefined ? "" : ` in ${countText(storage.objects)} objects`;
  const size = storage.bytes === undefined ? "size not known" : `${bytesText(storage.bytes)}${objects}`;
  const state =
    storage.state === undefined || storage.state === "ok" ? "" : `, ${storage.state}${storage.error ? `: ${storage.error}` : ""}`;
  return `${size}${storage.location === undefined ? "" : ` at ${storage.location}`}${state}`;
}

function partitionsText(partitions: NodeHealth["partitions"]): string {
  if (partitions?.total === undefined) return "–";
  const offline = partitions.offline ?? 0;
  const damaged = partitions.damaged?.length ?? 0;
  return `${countText(partitions.total)}${offline > 0 ? `, ${offline} offline` : ""}${damaged > 0 ? `, ${damaged} damaged ranges` : ""}`;
}
