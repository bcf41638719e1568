import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import { MiB } from "../../base/units.ts";
import { ClientListener } from "../../client-net/client-listener.ts";
import { FRAME_BYTES_MAX } from "../../client-net/limits.ts";
import { ClientTelemetry } from "../../client-telemetry/client-telemetry.ts";
import { type ClusterState, isKept } from "../../cluster/cluster-state.ts";
import { brokerConfigEntries } from "../../config/broker-options.ts";
import { dynamicProblem } from "../../config/dynamic-options.ts";
import { UPLOAD_WAL_USED_RATIO } from "../../config/limits.ts";
import { formatObjectStorage, type HostPort } from "../../config/option-types.ts";
import type { ServingConfig } from "../../config/server-config.ts";
import type { Controller } from "../../controller/controller.ts";
import { SNAPSHOT_LOG_BYTES_MIN } from "../../controller/limits.ts";
import { RetentionDriver } from "../../controller/retention-driver.ts";
import { RetentionTime } from "../../controller/retention-time.ts";
import { groupsFolds } from "../../coordinator/fold/groups-fold.ts";
import { GROUPS_TOPIC, GroupCoordinator } from "../../coordinator/group-coordinator.ts";
import { groupOptions } from "../../coordinator/options.ts";
import type { Listener } from "../../io/network.ts";
import type { KafkaParts } from "../../kafka/kafka-parts.ts";
import { kafkaRouter } from "../../kafka/kafka-router.ts";
import { RequestCounters } from "../../kafka/request-counters.ts";
import { Hosting } from "../../partition/hosting.ts";
import { OffsetLookup } from "../../partition/offset-lookup.ts";
import { Partitions } from "../../partition/partitions.ts";
import { ProducerLimit } from "../../partition/producer-limit.ts";
import type { RecordFolds } from "../../partition/record-fold.ts";
import type { Peers } from "../../peer-net/peers.ts";
import { TurnShare } from "../../quota/turn-share.ts";
import { Replicator } from "../../replication/replicator.ts";
import { ByteRate, type ByteRates } from "../../tier/byte-rate.ts";
import { Collector } from "../../tier/collector.ts";
import { COLD_TURN_MS, OBJECT_DATA_BYTES_MAX, UPLOAD_WINDOW_BYTES, UPLOADS_MAX } from "../../tier/limits.ts";
import { ObjectIds } from "../../tier/object-ids.ts";
import { RemoteReader } from "../../tier/remote-reader.ts";
import { TierMetrics } from "../../tier/tier-metrics.ts";
import { Uploader } from "../../tier/upload.ts";
import type { OpenedWal, RecoveryReport, Wal } from "../../wal/wal.ts";
import type { ControlPlane } from "../control/control-plane.ts";
import type { World } from "../world.ts";
import { LogWiring, openLog, tellRecovery, WAL_FOLDER } from "./broker-log.ts";
import { BucketWatch } from "./bucket-watch.ts";
import { ClusterCollectionIndex } from "./cluster-collection-index.ts";
import { ClusterObjectIndex } from "./cluster-object-index.ts";
import { type Damage, damageOf } from "./damage.ts";
import { DamageReports } from "./damage-reports.ts";
import { DynamicConfigs } from "./dynamic-config.ts";
import { refuseForeignWal } from "./foreign-wal.ts";
import { ClusterReplicationState, peerOf } from "./replication-state.ts";
import { StorageAudits } from "./storage-audits.ts";

/** Sizes that nobody sets; the simulator makes them small, so that everything happens soon. */
export type BrokerSizes = Readonly<{
  slabBytes: number;
  indexBytesMax: number;
  objectBytesMax: number;
  uploadWindowBytes: number;
  snapshotLogBytesMin: number;
}>;

export type BrokerOptions = Readonly<{
  sizes?: BrokerSizes;
  /** The brokers of a cluster; undefined: there is one node. */
  others?: Peers | undefined;
}>;

export const BROKER_SIZES: BrokerSizes = {
  slabBytes: 4 * MiB,
  indexBytesMax: 64 * MiB,
  objectBytesMax: OBJECT_DATA_BYTES_MAX,
  uploadWindowBytes: UPLOAD_WINDOW_BYTES,
  snapshotLogBytesMin: SNAPSHOT_LOG_BYTES_MIN,
};
const RECORD_FOLDS: ReadonlyMap<string, RecordFolds> = new Map([[GROUPS_TOPIC, groupsFolds]]);
/** How long the acceptance of a lost log waits for object storage before it is answered. */
const ACCEPTED_WAIT_MS = 5_000;

/** How long a stop waits for clients to take their answers, and for an upload that is under way. */
const DRAIN_MS = 5_000;

/** What was given up: ranges of offsets, or whatever the log held from `from` on, where the partition goes on. */
export type AcceptedLoss =
  | Readonly<{ kind: "ranges"; ranges: readonly Damage[] }>
  | Readonly<{ kind: "log"; from: number; isServed: boolean }>;

/**
 * One broker, whose metadata comes from a log of its own or from controllers elsewhere. Takes the world as an argument, so that
 * the simulator runs exactly this.
 *
 * Order of a start: metadata (before) → write-ahead log → register, lead → folds → listen.
 * Order of a stop: others lead → stop listening, answer what is under way → retention, collection, uploads → write-ahead log → metadata.
 */
export class Broker {
  readonly config: ServingConfig;
  readonly world: World;
  readonly clusterId: string;
  readonly control: ControlPlane;
  readonly nodeId: number;
  readonly controller: Controller;
  readonly wal: Wal;
  readonly recovery: RecoveryReport;
  readonly partitions: Partitions;
  readonly tierMetrics = new TierMetrics();
  readonly requestCounters = new RequestCounters();
  readonly bucket: BucketWatch;
  /** Shared by checks and answers of what is read from files and objects. */
  readonly coldTurns: TurnShare;
  readonly remote: RemoteReader;
  readonly uploader: Uploader;
  readonly rates: ByteRates;
  readonly collector: Collector;
  readonly retention: RetentionDriver;
  readonly groups: GroupCoordinator;
  readonly telemetry: ClientTelemetry;
  readonly audits: StorageAudits;
  readonly clients: ClientListener;
  /** Undefined on one node. */
  readonly replicator: Replicator | undefined;
  readonly #listeners: Listener[] = [];
  readonly #damageReports: DamageReports;
  #hosting: Hosting | undefined;
  readonly #openedMs: number;

  /** @throws {QueueError} and others: the start is refused; the control plane stays open. */
  static async open(
    config: ServingConfig,
    world: World,
    control: ControlPlane,
    { sizes = BROKER_SIZES, others }: BrokerOptions = {},
  ): Promise<Broker> {
    const { disk, clock, log: logger } = world;
    const { brokerId, controller } = control;
    const { state } = controller;
    const bucket = new BucketWatch(world.objectStore, state.clusterId, clock, logger);
    await refuseForeignBucket(config, bucket, state.clusterId);
    await refuseForeignWal(disk, { folder: WAL_FOLDER, fileBytes: config.walFileBytes }, state, brokerId);
    const wiring = new LogWiring();
    const opened = await openLog(brokerId, config, sizes, world, controller, wiring);
    tellRecovery(logger, opened.report);
    const log = { walId: opened.wal.id, walIndex: opened.newestMetadataIndex, walDamaged: opened.report.damage.length > 0 };
    const brokerEpoch = await control.register(log).catch((error: unknown) => opened.wal.close().then(() => Promise.reject(error)));
    const offline = lostHere(state, brokerId);
    if (offline > 0) logger.error("the write-ahead log was lost: put it back, or see `tidemq cluster health`", { partitions: offline });
    // Before anything is led: so the next start knows this log from an older copy of it.
    await opened.wal.nameMetadataIndex(state.index);
    const { fatal } = world;
    const damage = new DamageReports({ brokerId, controller, clock, log: logger, fatal: (error) => fatal(error) });
    await damage.report(opened.report.cutByFlip ? partitionsOf(state, brokerId) : damagedIn(opened.wal));
    await control.lead();
    const broker = new Broker(config, world, { control, opened, brokerEpoch, sizes, bucket, others, damage });
    await broker.#restore(opened, wiring);
    return broker;
  }

  private constructor(
    config: ServingConfig,
    world: World,
    parts: Readonly<{
      control: ControlPlane;
      opened: OpenedWal;
      brokerEpoch: number;
      sizes: BrokerSizes;
      bucket: BucketWatch;
      others: Peers | undefined;
      damage: DamageReports;
    }>,
  ) {
    const { clock, random, log, objectStore: store } = world;
    const { wal, report } = parts.opened;
    this.config = config;
    this.partitions = new Partitions(new ProducerLimit(config.walCapacityBytes));
    this.world = world;
    this.#openedMs = clock.monotonicMs();
    this.control = parts.control;
    this.controller = parts.control.controller;
    this.nodeId = parts.control.brokerId;
    this.clusterId = this.controller.state.clusterId;
    this.wal = wal;
    this.recovery = report;
    const index = new ClusterObjectIndex(this.controller, this.nodeId);
    const metrics = this.tierMetrics;
    const { clusterId } = this;
    this.bucket = parts.bucket;
    this.#damageReports = parts.damage;
    const failed = (error: Error, again?: () => Promise<unknown>): void => this.bucket.failed(error, again);
    this.rates = { up: new ByteRate(clock, config.uploadRateBytes), down: new ByteRate(clock, config.downloadRateBytes) };
    this.coldTurns = new TurnShare(clock, COLD_TURN_MS, () => wal.writeNow());
    const { rates, coldTurns: turns } = this;
    this.remote = new RemoteReader({ store, index, clock, random, metrics, clusterId, failed, rates, turns }, config.readMemoryBytes);
    const fatal = (error: Error): void => world.fatal(error);
    const ids = new ObjectIds({ clusterId, broker: this.nodeId, brokerEpoch: parts.brokerEpoch }, random);
    const triggers = { bytes: config.uploadBytes, ageMs: config.uploadAgeMs, walUsedRatio: UPLOAD_WAL_USED_RATIO };
    this.uploader = new Uploader(
      { triggers, objectBytesMax: parts.sizes.objectBytesMax, windowBytes: parts.sizes.uploadWindowBytes, uploadsMax: UPLOADS_MAX },
      {
        store,
        index,
        ids,
        clock,
        random,
        log,
        metrics,
        rates,
        manifests: this.remote.manifests,
        pressure: () => this.#pressure(),
        pinnedRatio: (partitionId) => this.replicator?.pinnedRatio(partitionId) ?? 0,
        fatal,
      },
    );
    const named = new ClusterCollectionIndex(this.controller, ids, this.control.named);
    this.collector = new Collector({ store, index: named, ids, clock, random, log, metrics, clusterId, failed, fatal });
    this.audits = new StorageAudits({ store, named, clock, random, metrics: new TierMetrics(), clusterId, failed }, this.collector, fatal);
    const { controller, partitions } = this;
    const { manifests } = this.remote;
    const looked = (): void => this.collector.look();
    this.retention = new RetentionDriver({
      controller,
      partitions,
      manifests,
      clock,
      log,
      intervalMs: config.retentionCheckMs,
      looked,
      fatal,
    });
    const expiry = new RetentionTime(clock);
    expiry.nowMs();
    this.groups = new GroupCoordinator({
      brokerId: this.nodeId,
      clock,
      state: this.controller.state,
      expiryMs: () => expiry.nowMs(),
      options: groupOptions(config.walCapacityBytes, wal.batchBytesMax),
      createTopic: (name, partitions) => this.controller.createInternalTopic(name, partitions),
      opened: (partitionId, waitMs) => must(this.#hosting, "the partitions").opened(partitionId, waitMs),
    });
    this.replicator = this.#replicate(parts.brokerEpoch, parts.others);
    this.telemetry = new ClientTelemetry({ clock, random, state: this.controller.state });
    this.clients = this.#serveKafka();
  }

  /** Accepts Kafka clients there, too; port 0 takes any free one. @throws NetworkError */
  async listen(host: string, port: number, name?: string): Promise<HostPort> {
    const listener = await this.clients.listen(host, port, name);
    this.#listeners.push(listener);
    return { host: listener.host, port: listener.port };
  }

  /** Clean end: everything acknowledged is on the disk, and the next start has nothing to repair. */
  async close(): Promise<void> {
    await this.control.handOver();
    this.groups.stop();
    await this.clients.close(DRAIN_MS);
    this.#hosting?.stop();
    this.#damageReports.stop();
    this.replicator?.close();
    this.bucket.stop();
    this.audits.stop();
    await this.retention.stop(DRAIN_MS);
    await this.collector.stop(DRAIN_MS);
    await this.uploader.stop(DRAIN_MS);
    await this.wal.close();
    await this.control.close();
  }

  async #restore(opened: OpenedWal, wiring: LogWiring): Promise<void> {
    const { wal, remote, uploader, partitions } = this;
    const { clock, log } = this.world;
    const { state } = this.controller;
    const fatal = (error: Error): void => this.world.fatal(error);
    const hosting = new Hosting({
      brokerId: this.nodeId,
      clock,
      wal,
      remote,
      uploader,
      partitions,
      state,
      log,
      recordFolds: RECORD_FOLDS,
      internal: this.groups,
      replicator: this.replicator,
      damaged: (partitionId) => this.#damageReports.found(partitionId),
      fatal,
    });
    this.#hosting = hosting;
    wal.setMetadataIndex(state.index);
    const dynamic = new DynamicConfigs(this.config, state, this.nodeId, this);
    this.controller.onApplied((effects) => {
      wal.setMetadataIndex(state.index);
      hosting.applied(effects);
      this.groups.applied(effects);
      this.telemetry.applied(effects);
      dynamic.applied(effects);
      if (effects.some(({ kind }) => kind === "topic-deleted" || kind === "log-start-raised")) this.collector.ask();
    });
    wiring.connect(this);
    await hosting.restore(opened.recovered);
    wal.ready();
    await wal.roomMade();
    this.collector.start();
    this.retention.start();
  }

  #replicate(brokerEpoch: number, others: Peers | undefined): Replicator | undefined {
    if (others === undefined) return undefined;
    const { clock, random, log: logger, fatal } = this.world;
    return new Replicator({
      brokerId: this.nodeId,
      brokerEpoch,
      state: new ClusterReplicationState(this.controller, this.nodeId),
      clock,
      random,
      logger,
      peer: (broker) => peerOf(this.controller, others, broker),
      settled: () => {
        this.clients.flush();
        // What was durable before can be uploaded only now.
        this.uploader.noteDurable(0);
      },
      usedRatio: () => this.#pressure().usedRatio,
      pinned: () => this.uploader.pinned(),
      fatal: (error) => fatal(error),
    });
  }

  #pressure() {
    const { usedBytes, capacityBytes, indexFull } = this.wal.occupancy();
    return { usedRatio: usedBytes / capacityBytes, indexFull };
  }

  #serveKafka(): ClientListener {
    const { clock, random, log, network } = this.world;
    const { listeners, autoCreateTopics, fetchFromFollowers, data: dataFolder } = this.config;
    // In a cluster each listener is registered with its address.
    const isRegistered = (this.controller.state.brokers.get(this.nodeId)?.listeners.length ?? 0) > 0;
    const advertise = isRegistered ? undefined : listeners[0]?.advertise;
    const parts: KafkaParts = {
      options: { brokerId: this.nodeId, advertise, autoCreateTopics, fetchFromFollowers, dataFolder },
      clock,
      random,
      log,
      state: this.controller.state,
      controller: this.controller,
      partitions: this.partitions,
      offsets: new OffsetLookup(this.remote),
      groups: this.groups,
      counters: this.requestCounters,
      telemetry: this.telemetry,
      coldTurns: this.coldTurns,
      brokerConfigs: () =>
        brokerConfigEntries(this.config, { nodeId: this.nodeId, listeners: this.addresses, frameBytesMax: FRAME_BYTES_MAX }),
      dynamicProblem: (configs) => dynamicProblem(this.config, configs),
      fatal: (error) => this.world.fatal(error),
    };
    return new ClientListener({}, { network, clock, log, handler: kafkaRouter(parts) });
  }

  get uptimeMs(): number {
    return this.world.clock.monotonicMs() - this.#openedMs;
  }

  /** What the log has of a partition cannot be read any more. */
  logDamaged(partitionId: number): void {
    this.#hosting?.damaged(partitionId);
  }

  get damage(): readonly Damage[] {
    const { partitions, remote } = this;
    return damageOf({ partitions, state: this.controller.state, remote });
  }

  /**
   * A person gives up what a partition has lost: readers pass over damaged ranges from now on, and over what the disk does not read,
   * and a partition whose log is gone as a whole goes on where its uploads ended.
   * @throws QueueError UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST when nothing is lost.
   */
  async acceptLoss(topic: string, index: number): Promise<AcceptedLoss> {
    const state = this.controller.state.partition(topic, index);
    if (state === undefined) throw new QueueError("UNKNOWN_TOPIC_OR_PARTITION", `no such partition: ${topic}:${index}`);
    if (!isKept(state)) throw new QueueError("NOT_LEADER", `this broker does not know, or not yet, what of ${topic}:${index} is uploaded`);
    if (state.inSync.length === 0) return this.#acceptLogLoss(state.id);
    const ranges = this.damage.filter((each) => each.topic === topic && each.partition === index);
    const unreadable = this.partitions.byId(state.id)?.wal.unreadable;
    if (unreadable !== undefined) ranges.push({ topic, partition: index, ...unreadable });
    if (ranges.length === 0) throw new QueueError("INVALID_REQUEST", `nothing of ${topic}:${index} is damaged`);
    for (const { from, to } of ranges) await this.controller.acceptLoss(state.id, from, to);
    return { kind: "ranges", ranges };
  }

  async #acceptLogLoss(partitionId: number): Promise<AcceptedLoss> {
    const from = await this.controller.acceptLogLoss(partitionId, this.nodeId);
    const isServed = await must(this.#hosting, "the partitions").opened(partitionId, ACCEPTED_WAIT_MS);
    return { kind: "log", from, isServed };
  }

  /** Where it listens. */
  get addresses(): readonly HostPort[] {
    return this.#listeners.map(({ host, port }) => ({ host, port }));
  }
}

/** Any of them may have been acknowledged here, and be gone. */
function partitionsOf({ partitions }: ClusterState, broker: number): number[] {
  return [...partitions.values()].filter(({ inSync }) => inSync.includes(broker)).map(({ id }) => id);
}

function damagedIn(wal: Wal): number[] {
  return [...wal.partitions()].filter(({ holes }) => holes.length > 0).map(({ id }) => id);
}

/** Partitions that nobody can lead until the log of this broker that they had is back, or given up. */
function lostHere(state: ClusterState, broker: number): number {
  let count = 0;
  for (const { inSync, lastInSync } of state.partitions.values()) if (inSync.length === 0 && lastInSync?.broker === broker) count += 1;
  return count;
}

/**
 * A bucket with objects of another cluster is the wrong one, or the data folder is. One that does not answer is no reason
 * not to start.
 */
async function refuseForeignBucket(config: ServingConfig, bucket: BucketWatch, clusterId: string): Promise<void> {
  const foreign = await bucket.begin();
  if (foreign === undefined) return;
  bucket.stop();
  throw new QueueError(
    "START_REFUSED",
    `${formatObjectStorage(config.objectStorage)} holds objects of another cluster: choose another place with --object-storage, ` +
      `or the data folder that belongs to it with --data. key=${foreign} cluster=${clusterId}`,
  );
}
