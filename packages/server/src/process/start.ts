import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { formatBytes, MiB } from "../base/units.ts";
import { bindHosts } from "../config/addresses.ts";
import { formatHostPort, formatObjectStorage, type HostPort } from "../config/option-types.ts";
import type { StartConfig } from "../config/server-config.ts";
import { DiskError, type DiskErrorCode } from "../io/disk.ts";
import { NetworkError } from "../io/network.ts";
import { RealClock } from "../io/real/clock.ts";
import { DataFolder } from "../io/real/data-folder.ts";
import { DroppingDisk } from "../io/real/dropping-disk.ts";
import { type HttpServer, serveHttp } from "../io/real/http-server.ts";
import { FolderLock } from "../io/real/lock.ts";
import { createLog } from "../io/real/log.ts";
import { TcpNetwork } from "../io/real/network-tcp.ts";
import { ProcessStats } from "../io/real/process-stats.ts";
import { RealRandom } from "../io/real/random.ts";
import type { Log } from "../telemetry/log.ts";
import { BROKER_SIZES, Broker } from "./broker.ts";
import { HttpEndpoints } from "./http-endpoints.ts";
import { LocalControl, localControlOptions } from "./local-control.ts";
import { nodeMetrics } from "./node-metrics.ts";
import { openObjectStore } from "./open-object-store.ts";
import { SERVER_VERSION } from "./version.ts";
import type { World } from "./world.ts";

export type RunningServer = Readonly<{
  kafka: readonly HostPort[];
  http: readonly HostPort[];
  /** Absolute. */
  dataFolder: string;
  objectStorage: string;
  sync: boolean;
  nodeId: number;
  /** Drains and stops; resolves when everything is on the disk and the folder is free again. */
  stop(): Promise<void>;
}>;

/** Where a person learns what is going on while it starts. */
export type StartUi = Readonly<{ say(line: string): void }>;

/** Set for tests: writes that were not synced are lost when the process dies, as if the power had failed. */
const DROP_UNSYNCED_VARIABLE = "TIDEMQ_TEST_DROP_UNSYNCED";

/** Besides the files of the write-ahead log: metadata, snapshots, and room for objects to begin with. */
const FREE_BYTES_MIN = 64 * MiB;
const EXIT_BROKEN = 70;

/**
 * Starts one node. First the folder's lock, then the log files, then the sockets.
 * @throws QueueError START_REFUSED and others, whose message names the remedy.
 */
export async function start(config: StartConfig, ui: StartUi): Promise<RunningServer> {
  const lock = FolderLock.acquire(config.data);
  try {
    return await startLocked(config, ui, lock);
  } catch (error) {
    lock.release();
    throw error instanceof DiskError ? refusedBy(error) : error;
  }
}

/** What a person does about each fault of the disk. */
const REMEDIES: Readonly<Record<DiskErrorCode, string>> = {
  "no-space": "free some room there and start again",
  "read-only": "make it writable again and start again",
  denied: "let this user read and write there and start again",
  "not-found": "put back what is missing and start again",
  exists: "move it away and start again",
  io:
    "mend it and start again; if that cannot be, copy the data folder by a program that puts zeros where it cannot read (such as " +
    "ddrescue) and start with the copy: what is missing is named then, and can be given up",
};

/** A disk that fails decides nothing about the data: there is no start until somebody has looked at it. */
function refusedBy(error: DiskError): QueueError {
  return new QueueError("START_REFUSED", `the disk fails: ${error.message}: ${REMEDIES[error.code]}`, { cause: error });
}

async function startLocked(config: StartConfig, ui: StartUi, lock: FolderLock): Promise<RunningServer> {
  const folder = await DataFolder.open(config.data);
  // Without a log nothing was ever accepted here: a first start, or one that was refused on the way.
  const isNew = (await folder.list("wal")).length === 0;
  await checkRoom(folder, config);
  if (isNew) ui.say(`new data folder ${folder.root}: preparing the write-ahead log`);
  if (config.insecure) ui.say("INSECURE: open to everybody who can reach this machine, and not encrypted (--insecure)");
  const stats = new ProcessStats();
  const objectStore = openObjectStore(config, isNew);
  const log = createLog({ level: "info", format: "auto" });
  const world: World = {
    clock: new RealClock(),
    random: new RealRandom(),
    disk: process.env[DROP_UNSYNCED_VARIABLE] === "1" ? new DroppingDisk(folder) : folder,
    network: await TcpNetwork.open(),
    objectStore,
    log,
    busy: () => stats.busy(),
    fatal: (error) => die(log, error),
  };
  const control = await LocalControl.open(localControlOptions(config, BROKER_SIZES), world);
  const broker = await Broker.open(config, world, control);
  const closeParts = async (): Promise<void> => {
    await broker.close();
    await objectStore.close();
    await folder.close();
  };
  try {
    const kafka = await listenKafka(broker, config);
    const http = await listenHttp(broker, stats, config);
    return {
      kafka,
      http: http.map(({ host, port }) => ({ host, port })),
      dataFolder: folder.root,
      objectStorage: formatObjectStorage(config.objectStorage),
      sync: config.sync,
      nodeId: broker.nodeId,
      stop: async () => {
        await Promise.all(http.map((server) => server.close()));
        await closeParts();
        lock.release();
      },
    };
  } catch (error) {
    await closeParts();
    throw error;
  }
}

/** What is on the disk is consistent; what is in memory may not be. So nothing is cleaned up, and the next start decides. */
function die(log: Log, error: Error): never {
  const remedy = error instanceof DiskError ? REMEDIES[error.code] : undefined;
  log.error("the process ends: it cannot go on safely", { reason: error.message, remedy, stack: error.stack });
  process.exit(EXIT_BROKEN);
}

/** Files that are there already take no more room. */
async function checkRoom(folder: DataFolder, config: StartConfig): Promise<void> {
  const missing = Math.floor(config.walCapacityBytes / config.walFileBytes) - (await folder.list("wal")).length;
  const needed = Math.max(0, missing) * config.walFileBytes + FREE_BYTES_MIN;
  const free = await folder.freeBytes();
  if (free >= needed) return;
  throw new QueueError(
    "START_REFUSED",
    `the disk of ${config.data} has ${formatBytes(free)} free, ${formatBytes(needed)} are needed: ` +
      "choose another with --data, free some, or make the write-ahead log smaller with --wal-capacity",
  );
}

async function listenKafka(broker: Broker, config: StartConfig): Promise<readonly HostPort[]> {
  const { listen } = must(config.listeners[0], "a listener");
  try {
    return await listenOnAll(bindHosts(listen), listen.port, (host, port) => broker.listen(host, port));
  } catch (error) {
    throw portError(error, listen, "--listen");
  }
}

async function listenHttp(broker: Broker, stats: ProcessStats, config: StartConfig): Promise<readonly HttpServer[]> {
  let ready = false;
  const metrics = nodeMetrics(broker, stats, SERVER_VERSION);
  const endpoints = new HttpEndpoints(broker, metrics, () => ready);
  try {
    const servers = await listenOnAll(bindHosts(config.http), config.http.port, (host, port) =>
      serveHttp(host, port, (request) => endpoints.handle(request)),
    );
    ready = true;
    return servers;
  } catch (error) {
    throw portError(error, config.http, "--http");
  }
}

/** The first address has to work; a machine without IPv6 does without the second. Port 0: the second takes the port of the first. */
async function listenOnAll<T extends HostPort>(
  hosts: readonly string[],
  port: number,
  listen: (host: string, port: number) => Promise<T>,
): Promise<T[]> {
  const listening: T[] = [];
  for (const host of hosts) {
    try {
      listening.push(await listen(host, listening[0]?.port ?? port));
    } catch (error) {
      const isExtra = listening.length > 0 && error instanceof NetworkError && (error.code === "unavailable" || port === 0);
      if (!isExtra) throw error;
    }
  }
  return listening;
}

function portError(error: unknown, { host, port }: HostPort, flag: string): unknown {
  if (!(error instanceof NetworkError)) return error;
  const at = formatHostPort({ host, port });
  if (error.code === "in-use") {
    return new QueueError("START_REFUSED", `${at} is in use by another process: stop that one, or choose another with ${flag} HOST:PORT`, {
      cause: error,
    });
  }
  return new QueueError("START_REFUSED", `cannot listen on ${at}: choose another with ${flag} HOST:PORT. reason=${error.message}`, {
    cause: error,
  });
}
