import { Buffer } from "node:buffer";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { decodeResponseHeader, encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { must } from "../base/assert.ts";
import { GiB } from "../base/units.ts";
import { ClientListener, type ClientListenerOptions } from "../client-net/client-listener.ts";
import { ClientTelemetry } from "../client-telemetry/client-telemetry.ts";
import type { BrokerConfigEntry } from "../config/broker-options.ts";
import { LISTENER_NAME } from "../config/server-config.ts";
import { CommandLog } from "../controller/command-log.ts";
import { Controller } from "../controller/controller.ts";
import { groupsFolds } from "../coordinator/fold/groups-fold.ts";
import { GROUPS_TOPIC, GroupCoordinator } from "../coordinator/group-coordinator.ts";
import { DEFAULT_GROUP_OPTIONS } from "../coordinator/options.ts";
import type { Connection, Network } from "../io/network.ts";
import type { KafkaParts } from "../kafka/kafka-parts.ts";
import { kafkaRouter } from "../kafka/kafka-router.ts";
import { RequestCounters } from "../kafka/request-counters.ts";
import { Hosting } from "../partition/hosting.ts";
import { OffsetLookup } from "../partition/offset-lookup.ts";
import type { Partition } from "../partition/partition.ts";
import { Partitions } from "../partition/partitions.ts";
import { ProducerLimit } from "../partition/producer-limit.ts";
import { ClusterReplicationState } from "../process/broker/replication-state.ts";
import { TurnShare } from "../quota/turn-share.ts";
import { Replicator } from "../replication/replicator.ts";
import { COLD_TURN_MS } from "../tier/limits.ts";
import type { RemoteReader } from "../tier/remote-reader.ts";
import type { Uploader } from "../tier/upload.ts";
import { FakeConnection } from "./fake-connection.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryMetadataLog, SharedLog } from "./memory-metadata-log.ts";
import { MemoryWal } from "./memory-wal.ts";
import { RecordingLog } from "./recording-log.ts";
import { SimRandom } from "./sim-io/random.ts";

export type Pair<Q extends Message, R extends Message> = Readonly<{ request: Q; response: R }>;

/** Beside the one that has no name of its own. */
export const EXTERNAL = "EXTERNAL";
const EXTERNAL_PORT = 9192;

const BROKER_CONFIGS: readonly BrokerConfigEntry[] = [
  { name: "max.connections", type: "int", value: "10000", isDefault: true, isDynamic: true, doc: "Connections." },
  { name: "node.id", type: "int", value: "1", isDefault: false, isDynamic: false, doc: "The number of this node." },
  { name: "num.partitions", type: "int", value: "1", isDefault: true, isDynamic: false, doc: "Partitions." },
];

/** Of all brokers, so that what is placed by itself has one replica. */
const HOST = "h";

/**
 * Everything from a client's socket to the partitions, real but for the socket, the clock, the write-ahead log (in memory)
 * and the tier (absent). This broker has number 1; others are there in the metadata only.
 */
export class KafkaFixture {
  readonly nodeId = 1;
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly wal = new MemoryWal();
  readonly partitions = new Partitions(new ProducerLimit(1 * GiB));
  readonly counters = new RequestCounters();
  readonly controller: Controller;
  readonly groups: GroupCoordinator;
  readonly hosting: Hosting;
  readonly telemetry: ClientTelemetry;
  readonly listener: ClientListener;
  readonly fatal: Error[] = [];
  /** By port. */
  readonly #accepts = new Map<number, (connection: Connection) => void>();

  /** Nobody else is really there. */
  readonly replicator: Replicator | undefined;

  /** @param isReplicated What has several replicas waits for them: a test says what others have. */
  static async open(
    options: Partial<KafkaParts["options"]> = {},
    net: ClientListenerOptions = {},
    isReplicated = false,
  ): Promise<KafkaFixture> {
    const clock = new ManualClock();
    const random = new SimRandom(1);
    const logger = new RecordingLog();
    const log = new MemoryMetadataLog(new SharedLog(), clock);
    const fatal = (error: Error): void => {
      throw error;
    };
    const commands = await run(clock, CommandLog.open({ clusterId: "test-cluster" }, { log, clock, random, logger, fatal }));
    const defaults = { defaultPartitions: 2, defaultReplicationFactor: 1 };
    const controller = new Controller(defaults, { applied: commands.applied, commands, random });
    await run(clock, commands.claim());
    await run(clock, controller.registerBroker({ id: 1, host: HOST, rack: "", walId: "log", walIndex: 0, walDamaged: false }));
    await run(clock, controller.electLeaders(1));
    return new KafkaFixture(clock, controller, random, options, net, isReplicated);
  }

  private constructor(
    clock: ManualClock,
    controller: Controller,
    random: SimRandom,
    options: Partial<KafkaParts["options"]>,
    net: ClientListenerOptions,
    isReplicated: boolean,
  ) {
    this.clock = clock;
    this.controller = controller;
    const { partitions, log, wal, counters } = this;
    const { state } = controller;
    const remote = { batchAtTimestamp: () => Promise.resolve(undefined) } as unknown as RemoteReader;
    const uploader = { add: () => {}, remove: () => {} } as unknown as Uploader;
    this.replicator = isReplicated ? this.#replicate(random) : undefined;
    const groups = new GroupCoordinator({
      brokerId: 1,
      clock,
      state,
      options: DEFAULT_GROUP_OPTIONS,
      expiryMs: () => clock.wallMs(),
      createTopic: (name, partitionCount) => controller.createInternalTopic(name, partitionCount),
      opened: (partitionId, waitMs) => hosting.opened(partitionId, waitMs),
    });
    this.groups = groups;
    const telemetry = new ClientTelemetry({ clock, random, state });
    this.telemetry = telemetry;
    const hosting = new Hosting({
      brokerId: 1,
      clock,
      wal: wal.asWal,
      remote,
      uploader,
      partitions,
      state,
      log,
      recordFolds: new Map([[GROUPS_TOPIC, groupsFolds]]),
      replicator: this.replicator,
      internal: groups,
      damaged: (partitionId) => this.fatal.push(new Error(`partition ${partitionId} is damaged`)),
      fatal: (error) => this.fatal.push(error),
    });
    this.hosting = hosting;
    controller.onApplied((effects) => {
      hosting.applied(effects);
      groups.applied(effects);
      telemetry.applied(effects);
    });
    const parts: KafkaParts = {
      options: { brokerId: 1, advertise: undefined, autoCreateTopics: true, fetchFromFollowers: true, dataFolder: "/data", ...options },
      clock,
      random,
      log,
      state,
      controller,
      partitions,
      offsets: new OffsetLookup(remote),
      groups,
      counters,
      telemetry,
      coldTurns: new TurnShare(clock, COLD_TURN_MS),
      brokerConfigs: () => BROKER_CONFIGS,
      dynamicProblem: (configs) => (configs.get("max.connections") === "13" ? "13 is not for this broker" : undefined),
      fatal: (error) => this.fatal.push(error),
    };
    const network: Network = {
      listen: (host, port, accept) => {
        this.#accepts.set(port, accept);
        return Promise.resolve({ host, port, close: () => Promise.resolve() });
      },
    };
    this.listener = new ClientListener(net, { network, clock, log, handler: kafkaRouter(parts) });
    void this.listener.listen("10.0.0.1", 9092);
    void this.listener.listen("10.0.0.1", EXTERNAL_PORT, EXTERNAL);
  }

  #replicate(random: SimRandom): Replicator {
    return new Replicator({
      brokerId: 1,
      brokerEpoch: 1,
      state: new ClusterReplicationState(this.controller, 1),
      clock: this.clock,
      random,
      logger: this.log,
      peer: () => undefined,
      settled: () => this.listener.flush(),
      usedRatio: () => 0,
      pinned: () => undefined,
      fatal: (error) => this.fatal.push(error),
    });
  }

  connect(): KafkaClient {
    return this.#connect(9092);
  }

  /** Through the listener of this name. */
  connectExternal(): KafkaClient {
    return this.#connect(EXTERNAL_PORT);
  }

  /** Another broker, ready, on a host of its own, with a listener for each of these names. */
  async addBroker(id: number, names: readonly string[] = [LISTENER_NAME], rack = ""): Promise<void> {
    const listeners = names.map((name) => ({ name, host: `${name.toLowerCase()}-${id}`, port: 9000 + id }));
    const log = { walId: `log-${id}`, walIndex: 0, walDamaged: false };
    await this.settle(this.controller.registerBroker({ id, host: HOST, rack, listeners, ...log }));
    await this.settle(this.controller.electLeaders(id));
  }

  async fence(id: number): Promise<void> {
    await this.settle(this.controller.fenceBroker(id, must(this.controller.state.brokers.get(id), "broker").epoch));
  }

  #connect(port: number): KafkaClient {
    const socket = new FakeConnection();
    must(this.#accepts.get(port), "a listener")(socket);
    return new KafkaClient(this, socket);
  }

  /** Everything that is under way, but for timers that wait for long. */
  settle<T>(promise: Promise<T>): Promise<T> {
    return run(this.clock, promise);
  }

  /** A follower has everything below `end`, durably. */
  acknowledge(topic: string, broker: number, end: number): void {
    const { identity, logEnd } = this.partition(topic);
    const replicator = must(this.replicator, "replication");
    const led = must(replicator.led(identity.id), "a partition that is led here");
    led.set.acknowledged(broker, end, logEnd, this.clock.monotonicMs());
    replicator.acknowledged([led]);
  }

  /** A group becomes durable. */
  sync(): void {
    this.wal.sync();
    this.listener.flush();
  }

  /** As if this node had just begun to lead the groups: what is volatile is gone. */
  restartGroups(): void {
    for (const partition of this.partitions.all()) {
      if (partition.records === undefined) continue;
      this.groups.closed(partition);
      this.groups.opened(partition);
    }
  }

  async createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const entries = Object.entries(configs).map(([option, value]) => ({ name: option, value }));
    const request = { name, partitions, replicationFactor: 1, assignments: [], configs: entries };
    const [result] = await this.settle(this.controller.createTopics([request], false));
    if (result === undefined || result.error !== undefined) throw new Error(`topic ${name}: ${result?.error.message}`);
    return result.topicId;
  }

  /** A topic whose partitions have these replicas, the leaders first. */
  async placeTopic(name: string, ...replicas: readonly (readonly number[])[]): Promise<string> {
    const assignments = replicas.map((brokers, partition) => ({ partition, brokers }));
    const request = { name, partitions: -1, replicationFactor: -1, assignments, configs: [] };
    const [result] = await this.settle(this.controller.createTopics([request], false));
    if (result === undefined || result.error !== undefined) throw new Error(`topic ${name}: ${result?.error.message}`);
    return result.topicId;
  }

  partition(topic: string, index = 0): Partition {
    return must(this.partitions.byName(topic, index), `${topic}-${index}`);
  }
}

/** One connection of a client that speaks any version. */
export class KafkaClient {
  readonly socket: FakeConnection;
  readonly #fixture: KafkaFixture;
  #correlationId = 0;
  #readTo = 0;

  constructor(fixture: KafkaFixture, socket: FakeConnection) {
    this.#fixture = fixture;
    this.socket = socket;
  }

  send<Q extends Message>(request: Q, version: number, body: MessageInput<Q>): void {
    this.#correlationId += 1;
    const writer = new ByteWriter();
    encodeRequestFrame(request, version, this.#correlationId, "test", body, writer);
    this.socket.deliver(Buffer.from(writer.finish()));
    this.#fixture.clock.turns();
  }

  /** The next answer, if it is there. */
  answer<R extends Message>(response: R, version: number): MessageOf<R> | undefined {
    const sent = this.socket.sent.subarray(this.#readTo);
    if (sent.byteLength < 4 || sent.byteLength < 4 + sent.readInt32BE(0)) return undefined;
    const end = 4 + sent.readInt32BE(0);
    this.#readTo += end;
    const reader = new ByteReader(sent, 4, end);
    decodeResponseHeader(response.apiKey, version, reader);
    const message = decodeMessage(response, version, reader);
    if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes behind ${response.name}`);
    return message;
  }

  async ask<Q extends Message, R extends Message>(
    { request, response }: Pair<Q, R>,
    version: number,
    body: MessageInput<Q>,
  ): Promise<MessageOf<R>> {
    this.send(request, version, body);
    for (let i = 0; i < 100; i += 1) {
      const answer = this.answer(response, version);
      if (answer !== undefined) return answer;
      await turn(this.#fixture.clock);
    }
    throw new Error(`no answer to ${request.name} version ${version}: ${JSON.stringify(this.#fixture.log.lines)}`);
  }
}

/** A turn of the loop: timers that are due, and all promises. */
async function turn(clock: ManualClock): Promise<void> {
  clock.advance(0);
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

async function run<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  settled.catch(() => {});
  for (let i = 0; i < 1000 && !isSettled; i += 1) await turn(clock);
  if (!isSettled) throw new Error("it waits for something that does not come");
  return promise;
}
