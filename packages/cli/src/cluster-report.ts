import { type Address, addressText } from "@tidemq/client/transport.ts";
import { CommandError } from "./command-error.ts";
import { askHttp } from "./http-request.ts";

/** A broker of which its controller has heard nothing for so long is silent; somewhat later it is fenced. */
const SILENT_MS = 1_500;

/** What `GET /cluster` answers. Everything may be missing: the server may be older or newer than this command. */
type ClusterAnswer = Readonly<{
  controllers?: readonly Readonly<{ address?: Address; description?: Description; error?: string }>[];
  peers?: readonly PeerReport[];
}>;

type Description = Readonly<{
  nodeId?: number;
  clusterId?: string;
  version?: string;
  leads?: boolean;
  controllerEpoch?: number;
  index?: number;
  uptimeMs?: number;
  problem?: string;
  brokers?: readonly BrokerDescription[];
}>;

type BrokerDescription = Readonly<{
  id: number;
  epoch?: number;
  fenced?: boolean;
  host?: string;
  rack?: string;
  listeners?: readonly (Address & Readonly<{ name: string }>)[];
  partitions?: number;
  partitionsLed?: number;
  signs?: Readonly<{ silentMs?: number; appliedIndex?: number; load?: BrokerLoad }>;
}>;

/** Of the time between two heartbeats. */
export type BrokerLoad = Readonly<{
  cpuRatio?: number;
  memoryBytes?: number;
  memoryBytesMax?: number;
  diskBytes?: number;
  diskBytesMax?: number;
  receivedBytesPerSecond?: number;
  sentBytesPerSecond?: number;
}>;

/** A connection of the node that was asked. */
export type PeerReport = Readonly<{
  address?: Address;
  isConnected?: boolean;
  breaker?: string;
  failuresInARow?: number;
  rttMs?: number;
  sentBytes?: number;
  receivedBytes?: number;
  counts?: Readonly<{ calls?: number; streams?: number; failures?: number; refused?: number; connects?: number }>;
  lastError?: string;
}>;

/** `silent`: not heard, and not fenced yet. */
export type BrokerState = "ready" | "fenced" | "silent";

/** A broker as the leading controller has it; null: not known. */
export type BrokerReport = Readonly<{
  id: number;
  state: BrokerState;
  /** HOST:PORT of its first listener. */
  address: string | null;
  rack: string | null;
  partitions: number;
  partitionsLed: number;
  epoch: number | null;
  /** Since the newest sign of life. */
  heardMs: number | null;
  appliedIndex: number | null;
  /** Batches of the metadata log that the controller has applied and the broker had not, when it was heard. */
  lag: number | null;
  listeners: readonly (Address & Readonly<{ name: string }>)[];
  load: BrokerLoad | null;
}>;

/** A controller as the node that was asked reaches it; null: not known. */
export type ControllerReport = Readonly<{
  nodeId: number | null;
  address: string;
  leads: boolean;
  epoch: number | null;
  index: number | null;
  /** Behind the highest of all. */
  lag: number | null;
  uptimeMs: number | null;
  version: string | null;
  problem: string | null;
}>;

/** A cluster as one of its nodes sees it. */
export type ClusterReport = Readonly<{
  clusterId: string | null;
  /** Null: none of those who answered leads. */
  leader: number | null;
  controllers: readonly ControllerReport[];
  brokers: readonly BrokerReport[];
  peers: readonly PeerReport[];
}>;

/** @returns undefined when the node at this address is alone. @throws {CommandError} When nobody answers, or no TideMQ. */
export async function askCluster(http: string): Promise<ClusterReport | undefined> {
  const { status, body } = await askHttp("GET", http, "/cluster");
  if (status === 404) return undefined;
  try {
    const answer: unknown = JSON.parse(body);
    if (status === 200 && typeof answer === "object" && answer !== null && !Array.isArray(answer)) return reportOf(answer);
  } catch {
    // Not JSON, or not of this form: told below.
  }
  throw new CommandError(`http://${http}/cluster does not answer like a TideMQ server (HTTP status ${status})`, "Check --http HOST:PORT.");
}

/** As above. @throws {CommandError} When the node is alone, too. */
export async function askClusterOnly(http: string): Promise<ClusterReport> {
  const report = await askCluster(http);
  if (report !== undefined) return report;
  throw new CommandError(
    `the server at http://${http} is no part of a cluster`,
    "See how it fares: tidemq cluster health — or name a broker: --http HOST:PORT",
  );
}

function reportOf(answer: ClusterAnswer): ClusterReport {
  const views = answer.controllers ?? [];
  const descriptions = views.flatMap(({ description }) => description ?? []);
  const leader = highest(descriptions.filter(({ leads }) => leads === true));
  // Without a leader the one who has read furthest knows most.
  const source = leader ?? highest(descriptions);
  const indexMax = Math.max(0, ...descriptions.map(({ index }) => index ?? 0));
  return {
    clusterId: source?.clusterId ?? null,
    leader: leader?.nodeId ?? null,
    controllers: views.map(({ address, description = {}, error }) => ({
      nodeId: description.nodeId ?? null,
      address: address === undefined ? "–" : addressText(address),
      leads: description === leader,
      epoch: description.controllerEpoch ?? null,
      index: description.index ?? null,
      lag: description.index === undefined ? null : indexMax - description.index,
      uptimeMs: description.uptimeMs ?? null,
      version: description.version ?? null,
      problem: withoutAddress(error, address) ?? (description.problem || null),
    })),
    brokers: (source?.brokers ?? []).map((broker) => brokerOf(broker, leader)),
    peers: answer.peers ?? [],
  };
}

/** The address stands beside it anyway. */
function withoutAddress(error: string | undefined, address: Address | undefined): string | undefined {
  const prefix = address === undefined ? "" : `${addressText(address)}: `;
  return error?.startsWith(prefix) ? error.slice(prefix.length) : error;
}

/** Two can think that they lead: the one of the newest epoch does. */
function highest(descriptions: readonly Description[]): Description | undefined {
  const newest = (a: Description, b: Description): number =>
    (b.controllerEpoch ?? 0) - (a.controllerEpoch ?? 0) || (b.index ?? 0) - (a.index ?? 0);
  return [...descriptions].sort(newest)[0];
}

function brokerOf(broker: BrokerDescription, leader: Description | undefined): BrokerReport {
  const { id, epoch, fenced = false, rack, listeners = [], partitions = 0, partitionsLed = 0, signs } = broker;
  const [first] = listeners;
  const { silentMs: heardMs, appliedIndex, load } = signs ?? {};
  // Only the leader hears brokers: another one knows of no signs, and that means nothing.
  const isSilent = leader !== undefined && (heardMs === undefined || heardMs >= SILENT_MS);
  return {
    id,
    state: fenced ? "fenced" : isSilent ? "silent" : "ready",
    address: first === undefined ? null : addressText(first),
    rack: rack || null,
    partitions,
    partitionsLed,
    epoch: epoch ?? null,
    heardMs: heardMs ?? null,
    appliedIndex: appliedIndex ?? null,
    lag: appliedIndex === undefined || leader?.index === undefined ? null : Math.max(0, leader.index - appliedIndex),
    listeners: listeners.map(({ name, host, port }) => ({ name, host, port })),
    load: load ?? null,
  };
}
