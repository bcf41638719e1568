import { formatObjectStorage, type HostPort } from "../config/option-types.ts";
import type { Role, ServingConfig, StartConfig } from "../config/server-config.ts";
import type { ObjectStore } from "../io/object-store.ts";
import { DataFolder } from "../io/real/data-folder.ts";
import { FolderLock } from "../io/real/lock.ts";
import { TcpNetwork } from "../io/real/network-tcp.ts";
import { BROKER_SIZES, Broker } from "./broker/broker.ts";
import { LocalControl, localControlOptions } from "./control/local-control.ts";
import { HttpEndpoints } from "./endpoints/http-endpoints.ts";
import { nodeMetrics } from "./endpoints/node-metrics.ts";
import { listenAt, listenHttp } from "./listening.ts";
import { checkRoom, diskOf, Machine, refusedByDisk } from "./machine.ts";
import { openObjectStore } from "./open-object-store.ts";
import { SERVER_VERSION } from "./version.ts";
import type { World } from "./world.ts";

export type RunningServer = Readonly<{
  nodeId: number;
  roles: readonly Role[];
  kafka: readonly HostPort[];
  http: readonly HostPort[];
  /** Where the others of a cluster connect. */
  peers: readonly HostPort[];
  /** Absolute; undefined: it keeps nothing. */
  dataFolder: string | undefined;
  objectStorage: string;
  sync: boolean;
  /** Drains and stops; resolves when everything is on the disk and the folder is free again. */
  stop(): Promise<void>;
}>;

/** Where a person learns what is going on while it starts. */
export type StartUi = Readonly<{ say(line: string): void }>;

/**
 * Starts one node that is alone. First the folder's lock, then the log files, then the sockets.
 * @throws QueueError START_REFUSED and others, whose message names the remedy.
 */
export async function start(config: StartConfig, ui: StartUi): Promise<RunningServer> {
  const lock = FolderLock.acquire(config.data);
  try {
    return await startLocked(config, ui, lock);
  } catch (error) {
    lock.release();
    throw refusedByDisk(error);
  }
}

async function startLocked(config: StartConfig, ui: StartUi, lock: FolderLock): Promise<RunningServer> {
  const machine = new Machine();
  const { folder, isNew } = await openServingFolder(config, ui);
  const objectStore = openObjectStore(config, isNew);
  const world = await realWorld(machine, folder, objectStore);
  const control = await LocalControl.open(localControlOptions(config, BROKER_SIZES), world);
  const broker = await Broker.open(config, world, control);
  const closeParts = async (): Promise<void> => {
    await broker.close();
    await objectStore.close();
    await folder.close();
  };
  try {
    const kafka = await listenKafka(broker, config);
    const endpoints = new HttpEndpoints(broker, nodeMetrics(broker, machine.stats, SERVER_VERSION));
    const http = await listenHttp(config.http, (request) => endpoints.handle(request));
    endpoints.isReady = true;
    return {
      nodeId: broker.nodeId,
      roles: config.roles,
      kafka,
      http: http.map(({ host, port }) => ({ host, port })),
      peers: [],
      dataFolder: folder.root,
      objectStorage: formatObjectStorage(config.objectStorage),
      sync: config.sync,
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

/** The folder of a broker. @throws QueueError START_REFUSED */
export async function openServingFolder(config: ServingConfig, ui: StartUi): Promise<Readonly<{ folder: DataFolder; isNew: boolean }>> {
  const folder = await DataFolder.open(config.data);
  // Without a log nothing was ever accepted here: a first start, or one that was refused on the way.
  const isNew = (await folder.list("wal")).length === 0;
  await checkRoom(folder, config);
  if (isNew) ui.say(`new data folder ${folder.root}: preparing the write-ahead log`);
  if (config.insecure) ui.say("INSECURE: open to everybody who can reach this machine, and not encrypted (--insecure)");
  return { folder, isNew };
}

export async function realWorld(
  { clock, random, log, stats, fatal }: Machine,
  folder: DataFolder,
  objectStore: ObjectStore,
): Promise<World> {
  return { clock, random, disk: diskOf(folder), network: await TcpNetwork.open(), objectStore, log, busy: () => stats.busy(), fatal };
}

/** On all listeners. */
export async function listenKafka(broker: Broker, config: ServingConfig): Promise<readonly HostPort[]> {
  const listening: HostPort[] = [];
  for (const { name, listen } of config.listeners)
    listening.push(...(await listenAt(listen, "--listen", (host, port) => broker.listen(host, port, name))));
  return listening;
}
