import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { advertisedAddress } from "../config/addresses.ts";
import { REPLICATION_FACTOR_DEFAULT } from "../config/limits.ts";
import { formatHostPort, formatObjectStorage, type HostPort } from "../config/option-types.ts";
import { readPeerTls } from "../config/peer-tls.ts";
import type { BrokerConfig, ClusterConfig, ControllerConfig } from "../config/server-config.ts";
import { SNAPSHOT_LOG_BYTES_MIN } from "../controller/limits.ts";
import { withinTime } from "../io/backoff.ts";
import type { Disk } from "../io/disk.ts";
import { ROOT } from "../io/disk-path.ts";
import type { ObjectStore } from "../io/object-store.ts";
import { PEER_LIMITS } from "../io/peer-limits.ts";
import type { CallHandler, PeerServices, PeerTransport, StreamHandler } from "../io/peer-transport.ts";
import { DataFolder } from "../io/real/data-folder.ts";
import { FolderLock } from "../io/real/lock.ts";
import type { ThreadObjectStore } from "../io/real/object-store-thread.ts";
import { Http2PeerTransport } from "../io/real/peer-transport-http2.ts";
import { readText } from "../io/real/read-text.ts";
import { META_FOLDER, readDataFormat, writeDataFormat } from "../metadata-log/local/data-format.ts";
import { readClusterId } from "../metadata-log/object/cluster-key.ts";
import { PatientStore } from "../metadata-log/object/patient-store.ts";
import { PEER_LISTENER } from "../model/broker-listener.ts";
import { DeniedPeers } from "../peer-net/denied-peers.ts";
import { Peers } from "../peer-net/peers.ts";
import { Broker } from "./broker/broker.ts";
import { ControllerNode } from "./control/controller-node.ts";
import { openMetadataLog } from "./control/open-metadata-log.ts";
import { RemoteControl } from "./control/remote-control.ts";
import { ClusterEndpoints } from "./endpoints/cluster-endpoints.ts";
import { HttpEndpoints } from "./endpoints/http-endpoints.ts";
import { nodeMetrics, processMetrics, readController, readPeers, readReplicas } from "./endpoints/node-metrics.ts";
import { replicaService } from "./endpoints/replica-service.ts";
import { listenAt, listenHttp } from "./listening.ts";
import { LoadMeter } from "./load-meter.ts";
import { diskOf, Machine, refusedByDisk } from "./machine.ts";
import { openObjectStore } from "./open-object-store.ts";
import { listenKafka, openServingFolder, type RunningServer, realWorld, type StartUi } from "./start.ts";
import { Stops } from "./stops.ts";
import { SERVER_VERSION } from "./version.ts";
import type { World } from "./world.ts";

const CONTROLLER_DEFAULTS = { defaultPartitions: 1, defaultReplicationFactor: REPLICATION_FACTOR_DEFAULT };

const LOG_NAME = "log";

/** How long a broker waits to learn whose bucket it was given. */
const BUCKET_WAIT_MS = 2_000;

/** What the parts of a process in a cluster share. */
type Process = Readonly<{
  machine: Machine;
  ui: StartUi;
  stops: Stops;
  folder: DataFolder | undefined;
  objectStore: ThreadObjectStore;
  transport: PeerTransport;
  /** Where it listens for the others. */
  peerPort: number;
  /** What the others are served, by whichever role has it. */
  served: Readonly<{ calls: Map<string, CallHandler>; streams: Map<string, StreamHandler> }>;
  endpoints: ClusterEndpoints;
}>;

/**
 * Starts a broker, a controller, or both in one process. Waits for object storage and for the other controllers as long as it takes.
 * @throws QueueError START_REFUSED and others, whose message names the remedy.
 */
export async function startCluster(config: ClusterConfig, ui: StartUi): Promise<RunningServer> {
  const stops = new Stops();
  try {
    return await startParts(config, ui, stops);
  } catch (error) {
    await stops.run().catch(() => undefined);
    throw refusedByDisk(error);
  }
}

async function startParts({ broker, controller }: ClusterConfig, ui: StartUi, stops: Stops): Promise<RunningServer> {
  const node = must(broker ?? controller, "a role");
  const machine = new Machine();
  const { tls } = node.peer;
  const texts = tls === undefined ? undefined : readPeerTls(tls, readText, machine.clock.wallMs());
  const folder = await lockedFolder(broker, controller, ui, stops);
  const objectStore = openObjectStore(node, true);
  stops.add(() => objectStore.close());
  const deniedPeers = new DeniedPeers(machine.clock, machine.log);
  const denied = (peer: string, reason: string): void => deniedPeers.denied(peer, reason);
  const transport = new Http2PeerTransport(machine.clock, PEER_LIMITS, texts, denied);
  const metrics = processMetrics(machine.stats, SERVER_VERSION);
  const endpoints = new ClusterEndpoints(node.nodeId, metrics, node.peer.listen);
  const http = await listenHttp(node.http, (request) => endpoints.handle(request));
  stops.add(() => Promise.all(http.map((server) => server.close())));
  const served = { calls: new Map<string, CallHandler>(), streams: new Map<string, StreamHandler>() };
  const listening = await listenAt(node.peer.listen, "--peer-listen", (host, port) => transport.listen(host, port, served));
  stops.add(() => Promise.all(listening.map((listener) => listener.close())));
  const peerPort = must(listening[0], "a listener").port;
  const parts: Process = { machine, ui, stops, folder, objectStore, transport, peerPort, served, endpoints };
  if (controller !== undefined) await startController(controller, parts);
  if (endpoints.controller !== undefined) readController(metrics, endpoints.controller);
  const kafka = broker === undefined ? [] : await startBroker(broker, parts);
  return {
    nodeId: node.nodeId,
    roles: node.roles,
    kafka,
    http: http.map(({ host, port }) => ({ host, port })),
    peers: listening.map(({ host, port }) => ({ host, port })),
    dataFolder: folder?.root,
    objectStorage: formatObjectStorage(node.objectStorage),
    sync: broker?.sync ?? true,
    stop: () => stops.run(),
  };
}

/** A controller over a log in the bucket keeps nothing. */
async function lockedFolder(
  broker: BrokerConfig | undefined,
  controller: ControllerConfig | undefined,
  ui: StartUi,
  stops: Stops,
): Promise<DataFolder | undefined> {
  const keeping = broker ?? (controller?.metadataLog === "local" ? controller : undefined);
  if (keeping === undefined) return undefined;
  const lock = FolderLock.acquire(keeping.data);
  stops.add(() => lock.release());
  const folder = broker === undefined ? await DataFolder.open(keeping.data) : (await openServingFolder(broker, ui)).folder;
  stops.add(() => folder.close());
  return folder;
}

/** From now on there is more to be asked for. */
function serve({ served }: Process, { calls, streams }: PeerServices): void {
  for (const [path, handler] of calls) served.calls.set(path, handler);
  for (const [path, handler] of streams) served.streams.set(path, handler);
}

async function startController(config: ControllerConfig, parts: Process): Promise<void> {
  const { machine, stops, folder, objectStore: store, transport, endpoints } = parts;
  const { clock, random, log: logger, fatal } = machine;
  const disk = config.metadataLog === "local" && folder !== undefined ? diskOf(folder) : undefined;
  const { log, clusterId } = await openMetadataLog({ store, disk, clock, random, logger, fatal });
  const defaults = CONTROLLER_DEFAULTS;
  const options = { nodeId: config.nodeId, clusterId, controller: defaults, snapshotLogBytesMin: SNAPSHOT_LOG_BYTES_MIN };
  const node = await ControllerNode.open(options, { log, transport, clock, random, logger, fatal });
  stops.add(() => node.close());
  serve(parts, node.services);
  endpoints.controller = node;
  node.start();
}

/** Where it listens for clients. */
async function startBroker(config: BrokerConfig, parts: Process): Promise<readonly HostPort[]> {
  const { machine, ui, stops, objectStore, transport, endpoints } = parts;
  const { clock, random, log: logger, fatal } = machine;
  const folder = must(parts.folder, "the broker's folder");
  const meter = new LoadMeter(clock, () => machine.use());
  const peers = new Peers({ transport, clock, random });
  stops.add(() => peers.close());
  const controllers = config.controllers.map((address, at) => peers.register(at + 1, address));
  endpoints.controllers = controllers;
  ui.say(`looking for a controller at ${config.controllers.map(formatHostPort).join(", ")}`);
  const world = await realWorld(machine, folder, objectStore);
  const { defaultPartitions, defaultReplicationFactor } = config;
  const controller = { defaultPartitions, defaultReplicationFactor };
  const options = { broker: brokerOf(config, machine.stats.machineName, parts.peerPort), controller };
  const control = await RemoteControl.open(
    { ...options, clusterId: await clusterOf(world.disk, config) },
    { controllers, clock, random, logger, load: () => meter.take(), fatal },
  );
  const { clusterId } = control.controller.state;
  await refuseStrangeBucket(config, objectStore, clusterId, machine);
  await keepClusterId(world.disk, clusterId);
  const others = new Peers({ transport, clock, random });
  stops.add(() => others.close());
  const broker = await openBroker(config, world, control, others);
  stops.add(() => broker.close());
  serve(parts, must(broker.replicator, "replication of a broker in a cluster").services);
  serve(parts, replicaService(broker));
  meter.watch(broker);
  const kafka = await listenKafka(broker, config);
  const metrics = nodeMetrics(broker, machine.stats, SERVER_VERSION);
  readPeers(metrics, controllers);
  readReplicas(metrics, broker);
  if (endpoints.controller !== undefined) readController(metrics, endpoints.controller);
  endpoints.broker = new HttpEndpoints(broker, metrics);
  endpoints.broker.isReady = true;
  return kafka;
}

/** A start that is refused says so to the controllers by being gone. */
async function openBroker(config: BrokerConfig, world: World, control: RemoteControl, others: Peers): Promise<Broker> {
  try {
    return await Broker.open(config, world, control, { others });
  } catch (error) {
    await control.close();
    throw error;
  }
}

function brokerOf({ nodeId: id, rack, host, listeners, peer }: BrokerConfig, machineName: string, peerPort: number) {
  const addresses = listeners.map((listener) => {
    const { name, listen, advertise } = listener;
    if (listen.port === 0 && advertise === undefined)
      throw new QueueError("START_REFUSED", `listener ${name} has port 0: the others of a cluster are told a port that stays, give one`);
    return { name, ...advertisedAddress(listener, listen.port) };
  });
  const forBrokers = { name: PEER_LISTENER, ...advertisedAddress(peer, peerPort) };
  return { id, host: host ?? machineName, rack, listeners: [...addresses, forBrokers] };
}

/** Whose records lie in the folder; undefined: it is new. @throws QueueError START_REFUSED */
async function clusterOf(disk: Disk, { data }: BrokerConfig): Promise<string | undefined> {
  const format = await readDataFormat(disk);
  if (format === undefined || format.moved !== undefined || !(await disk.list(META_FOLDER)).includes(LOG_NAME)) return format?.clusterId;
  throw new QueueError(
    "START_REFUSED",
    `${data} is the folder of a node that has its metadata there: bring that to the cluster with \`tidemq metadata copy\` first, or give ` +
      `another folder with --data. cluster=${format.clusterId}`,
  );
}

/** From now on the folder is of this cluster. */
async function keepClusterId(disk: Disk, clusterId: string): Promise<void> {
  if ((await readDataFormat(disk)) !== undefined) return;
  await disk.makeFolder(META_FOLDER);
  await disk.syncFolder(ROOT);
  await writeDataFormat(disk, { clusterId, moved: undefined });
}

/** Data in a bucket that the others do not read would be lost for them. A bucket that does not answer is no reason not to start. */
async function refuseStrangeBucket(config: BrokerConfig, store: ObjectStore, clusterId: string, machine: Machine): Promise<void> {
  const { clock, random, log: logger } = machine;
  const patient = new PatientStore({ store, clock, random, logger });
  const late = (): Error => new Error("no answer");
  const found = await withinTime(clock, readClusterId(patient), BUCKET_WAIT_MS, late).catch(() => clusterId);
  patient.close();
  if (found === clusterId) return;
  throw new QueueError(
    "START_REFUSED",
    `${formatObjectStorage(config.objectStorage)} is not the bucket of the cluster: give the broker the same --object-storage as the ` +
      `controllers have. expected=${clusterId} found=${found ?? "none"}`,
  );
}
