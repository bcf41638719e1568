import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { API, type Api, type BodyFor, type ResponseBody } from "./apis.ts";
import type { Clock } from "./clock.ts";
import { Connection, type RequestOptions } from "./connection.ts";
import { brokerError, ClientError } from "./errors.ts";
import { TOPICS_MAX } from "./limits.ts";
import { type BrokerMetadata, Metadata, type PartitionMetadata, type TopicMetadata } from "./metadata.ts";
import { below, type Random } from "./random.ts";
import { type BackOff, type RetryParts, retrying } from "./retry.ts";
import { type Address, addressText, type Transport } from "./transport.ts";

export type ClusterOptions = Readonly<{
  bootstrap: readonly Address[];
  clientId: string;
  software: Readonly<{ name: string; version: string }>;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  /** How long retriable failures of one operation are tried again. */
  operationTimeoutMs: number;
  /** Likewise as long as no broker has answered yet. 0: the first failure is reported. */
  bootstrapTimeoutMs: number;
  backOff: BackOff;
  /** How long a topic that nobody knows is asked for again: a new one takes a moment to be known everywhere. */
  unknownTopicMs: number;
  /** Metadata older than this is asked for anew before it is used. */
  metadataAgeMsMax: number;
}>;

export type ClusterParts = Readonly<{ transport: Transport; clock: Clock; random: Random }>;

/** A partition that has a leader. */
export type Led = Readonly<{ topic: TopicMetadata; partition: PartitionMetadata; nodeId: number }>;

/** The lane of whatever is answered at once. */
const CONTROL = "control";

/** In keys of connections: to an address whose broker is not known. */
const BOOTSTRAP = "bootstrap";

const ADVERTISED_ADVICE =
  "Check that this broker runs, and that the address it advertises is reachable from here (TideMQ: --advertise HOST:PORT; Kafka: advertised.listeners).";

type Slot = { readonly address: Address; readonly opened: Promise<Connection>; connection: Connection | undefined };

/**
 * The brokers: connections to them, and who leads what. A connection belongs to a lane, since brokers answer the
 * requests of one connection in order and a waiting fetch would hold up whatever stands behind it.
 */
export class Cluster {
  readonly options: ClusterOptions;
  readonly parts: ClusterParts;
  readonly metadata = new Metadata();
  readonly #slots = new Map<string, Slot>();
  readonly #interest = new Set<string>();
  #refreshing: Promise<void> | undefined;
  #isRefreshSent = false;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  /** The same, whether it was found wrong since or not. */
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #bootstrapNext: number;
  /** A broker has answered. */
  #isReached = false;
  #closed = false;

  constructor(options: ClusterOptions, parts: ClusterParts) {
    if (options.bootstrap.length === 0) throw new ClientError("INVALID_ARGUMENT", "at least one bootstrap address is needed");
    this.options = options;
    this.parts = parts;
    this.#bootstrapNext = below(parts.random, options.bootstrap.length);
  }

  get retryParts(): RetryParts {
    return { clock: this.parts.clock, random: this.parts.random, backOff: this.options.backOff };
  }

  /** How long an operation may go on being tried. */
  get retryMs(): number {
    return this.#isReached ? this.options.operationTimeoutMs : this.options.bootstrapTimeoutMs;
  }

  /** Runs it again and again for so long, as `retrying` does. */
  retry<T>(attempt: () => Promise<T>, isRetriable?: (error: ClientError) => boolean): Promise<T> {
    return retrying(this.retryParts, () => this.retryMs, attempt, isRetriable);
  }

  /**
   * Metadata of the topics, fresh enough; asked for again while a retriable error stands in the way of any of them.
   *
   * @throws {ClientError} UNKNOWN_TOPIC_OR_PARTITION and others that the broker names, and failures of connections.
   */
  async topics(names: readonly string[]): Promise<TopicMetadata[]> {
    for (const name of names) this.#addInterest(name);
    if (this.#isFresh() && names.every((name) => this.#isUsable(name))) return names.map((name) => this.#known(name));
    const attempt = async (): Promise<TopicMetadata[]> => {
      await this.refresh();
      return names.map((name) => this.#known(name));
    };
    return this.retry(attempt, this.retriableTopicError());
  }

  /** For `retrying`: like the usual rule, and an unknown topic counts as retriable for a short while from now. */
  retriableTopicError(): (error: ClientError) => boolean {
    const untilMs = this.parts.clock.monotonicMs() + this.options.unknownTopicMs;
    return (error) =>
      error.retriable || (error.kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && this.parts.clock.monotonicMs() < untilMs);
  }

  /**
   * Who leads the partition. Does not wait for a leader: LEADER_NOT_AVAILABLE is retriable, by `retrying`.
   *
   * @throws {ClientError} UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, …
   */
  async leader(topicName: string, index: number): Promise<Led> {
    this.#addInterest(topicName);
    if (!this.#isFresh() || this.ledNow(topicName, index) === undefined) await this.refresh();
    const led = this.ledNow(topicName, index);
    if (led !== undefined) return led;
    const topic = this.#known(topicName);
    const place = { topic: topicName, partition: index };
    const partition = this.metadata.partition(topicName, index);
    if (partition === undefined) {
      const text = `${topicName}[${index}]: the topic has ${topic.partitions.length} partition(s), numbered from 0`;
      throw new ClientError({ kafka: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }, text, place);
    }
    if (partition.errorCode === ErrorCode.LISTENER_NOT_FOUND)
      throw brokerError(partition.errorCode, `find the leader of ${topicName}[${index}]`, undefined, place);
    throw new ClientError({ kafka: ErrorCode.LEADER_NOT_AVAILABLE }, `${topicName}[${index}] has no leader at the moment`, place);
  }

  /** As far as known, without asking; undefined when there is none. */
  ledNow(topicName: string, index: number): Led | undefined {
    const topic = this.metadata.topic(topicName);
    const partition = this.metadata.partition(topicName, index);
    if (topic === undefined || partition === undefined || !this.metadata.brokers.has(partition.leader)) return undefined;
    return { topic, partition, nodeId: partition.leader };
  }

  /** Asks for metadata of all topics of interest. Calls at the same time share one request. */
  refresh(): Promise<void> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    this.#isRefreshSent = false;
    if (this.parts.clock.monotonicMs() - this.#answeredAtMs < this.options.metadataAgeMsMax) this.#openAnother();
    const own = this.#refresh().finally(() => {
      if (this.#refreshing === own) this.#refreshing = undefined;
    });
    this.#refreshing = own;
    return own;
  }

  /** The next use of metadata asks first: somebody has found it wrong. */
  markStale(): void {
    this.#refreshedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** From now on these topics are asked for with every refresh, whether they exist or not. @throws {ClientError} INVALID_ARGUMENT */
  watch(names: readonly string[]): void {
    for (const name of names) this.#addInterest(name);
  }

  /** Stops keeping metadata of the topic. */
  forget(topicName: string): void {
    this.#interest.delete(topicName);
    this.metadata.forget(topicName);
  }

  /**
   * The connection of this lane to that broker, opened if need be.
   *
   * @throws {ClientError} As `Connection.open`; BROKER_NOT_AVAILABLE for an unknown broker.
   */
  async connection(nodeId: number, lane: string): Promise<Connection> {
    const broker = this.metadata.brokers.get(nodeId);
    if (broker === undefined) throw new ClientError("NO_BROKER", `broker ${nodeId} is not in the cluster's metadata`);
    try {
      return await this.#open(`${nodeId}/${lane}`, broker.address);
    } catch (error) {
      this.markStale();
      throw this.#explainAdvertised(nodeId, broker.address, ClientError.from(error));
    }
  }

  /** The connection if it is open now; undefined means: ask `connection`. */
  openConnection(nodeId: number, lane: string): Connection | undefined {
    const connection = this.#slots.get(`${nodeId}/${lane}`)?.connection;
    return connection?.isOpen === true && this.#isCurrent(nodeId, connection.address) ? connection : undefined;
  }

  /** Closes the connections of a lane that nobody needs any more. */
  closeLane(lane: string): void {
    for (const [key, slot] of [...this.#slots]) {
      if (!key.endsWith(`/${lane}`)) continue;
      this.#slots.delete(key);
      slot.opened.then(closeConnection, () => undefined);
    }
  }

  /**
   * A connection to any broker: one that is open, by chance, since one broker may know less than the others; else to a known one, else
   * to a bootstrap address.
   */
  async anyConnection(lane = CONTROL): Promise<Connection> {
    const open = [...this.metadata.brokers.keys()].flatMap((nodeId) => this.openConnection(nodeId, lane) ?? []);
    if (open.length > 0) return open[open.length === 1 ? 0 : below(this.parts.random, open.length)] as Connection;
    for (const nodeId of this.#shuffledBrokers()) {
      try {
        return await this.connection(nodeId, lane);
      } catch (error) {
        if (this.#closed) throw error;
      }
    }
    return this.#bootstrap(lane);
  }

  /** Sends a request to any broker, and again while that fails for reasons of the connection. */
  request<A extends Api>(api: A, body: BodyFor<A>, options?: RequestOptions): Promise<ResponseBody<A>> {
    return this.retry(async () => (await this.anyConnection()).request(api, body, options));
  }

  /** Sends a request to the controller if it is known, else to any broker: those of today forward it. */
  async requestController<A extends Api>(api: A, body: BodyFor<A>, options?: RequestOptions): Promise<ResponseBody<A>> {
    if (!this.#isFresh()) await this.retry(() => this.refresh());
    const { controllerId, brokers } = this.metadata;
    const connection = brokers.has(controllerId) ? await this.connection(controllerId, CONTROL) : await this.anyConnection();
    return connection.request(api, body, options);
  }

  /** Ends all connections. Operations under way fail with CLOSED or CONNECTION_CLOSED. */
  close(): void {
    this.#closed = true;
    for (const slot of this.#slots.values()) slot.opened.then(closeConnection, () => undefined);
    this.#slots.clear();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  async #refresh(): Promise<void> {
    const connection = await this.anyConnection();
    const names = [...this.#interest];
    this.#isRefreshSent = true;
    const answer = await connection.request(API.metadata, (version) => metadataBody(names, version));
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "read the cluster's metadata");
    this.metadata.update(answer);
    this.#adoptBootstrap();
    this.#refreshedAtMs = this.parts.clock.monotonicMs();
    this.#answeredAtMs = this.#refreshedAtMs;
  }

  /**
   * The newest answer is doubted. It may have come from a broker that is cut off from the others: one more can be asked as soon as it is
   * connected, and nobody waits for that.
   */
  #openAnother(): void {
    const { brokers } = this.metadata;
    const strangers = [...brokers.keys()].filter((nodeId) => this.openConnection(nodeId, CONTROL) === undefined);
    if (strangers.length === 0 || strangers.length === brokers.size) return;
    const broker = brokers.get(strangers[below(this.parts.random, strangers.length)] as number) as BrokerMetadata;
    this.#open(`${broker.nodeId}/${CONTROL}`, broker.address).catch(() => undefined);
  }

  /** A connection to a bootstrap address that turned out to be a broker's own is that broker's from now on. */
  #adoptBootstrap(): void {
    for (const broker of this.metadata.brokers.values()) {
      const prefix = `${BOOTSTRAP} ${addressText(broker.address)}/`;
      for (const [key, slot] of [...this.#slots]) {
        const own = `${broker.nodeId}/${key.slice(prefix.length)}`;
        if (!key.startsWith(prefix) || this.#slots.has(own)) continue;
        this.#slots.delete(key);
        this.#slots.set(own, slot);
      }
    }
  }

  #addInterest(topicName: string): void {
    if (this.#interest.has(topicName)) return;
    if (this.#interest.size >= TOPICS_MAX) throw new ClientError("INVALID_ARGUMENT", `one client uses at most ${TOPICS_MAX} topics`);
    this.#interest.add(topicName);
    // A request that has been sent does not ask for it.
    if (this.#isRefreshSent) this.#refreshing = undefined;
  }

  #isFresh(): boolean {
    return this.parts.clock.monotonicMs() - this.#refreshedAtMs < this.options.metadataAgeMsMax;
  }

  #isUsable(name: string): boolean {
    return this.metadata.topic(name)?.errorCode === ErrorCode.NONE;
  }

  #known(name: string): TopicMetadata {
    const topic = this.metadata.topic(name);
    const errorCode = topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : topic.errorCode;
    if (topic === undefined || errorCode !== ErrorCode.NONE) throw topicError(name, errorCode);
    return topic;
  }

  #open(key: string, address: Address): Promise<Connection> {
    if (this.#closed) return Promise.reject(new ClientError("CLOSED", "this client is closed"));
    const known = this.#slots.get(key);
    if (known !== undefined && sameAddress(known.address, address)) return known.opened;
    known?.opened.then(closeConnection, () => undefined);
    const opened = Connection.open(address, this.options, this.parts);
    const slot: Slot = { address, opened, connection: undefined };
    this.#slots.set(key, slot);
    const drop = (): void => {
      for (const [at, one] of this.#slots) if (one === slot) this.#slots.delete(at);
    };
    opened.then((connection) => {
      slot.connection = connection;
      this.#isReached = true;
      connection.onClosed(drop);
      if (this.#closed) connection.close();
    }, drop);
    return opened;
  }

  /** Tries every bootstrap address once, beginning where the last try left off. */
  async #bootstrap(lane: string): Promise<Connection> {
    const failures: ClientError[] = [];
    const addresses = this.options.bootstrap;
    for (let tried = 0; tried < addresses.length; tried += 1) {
      const address = addresses[this.#bootstrapNext % addresses.length] as Address;
      try {
        return await this.#open(`${BOOTSTRAP} ${addressText(address)}/${lane}`, address);
      } catch (error) {
        failures.push(ClientError.from(error));
        this.#bootstrapNext += 1;
      }
    }
    const first = failures[0] as ClientError;
    if (failures.length === 1 || this.#closed) throw first;
    throw new ClientError("NO_BROKER", `no broker can be reached: ${failures.map((failure) => failure.message).join("; ")}`, {
      cause: first,
    });
  }

  #shuffledBrokers(): number[] {
    const nodeIds = [...this.metadata.brokers.keys()];
    for (let i = nodeIds.length - 1; i > 0; i -= 1) {
      const j = below(this.parts.random, i + 1);
      [nodeIds[i], nodeIds[j]] = [nodeIds[j] as number, nodeIds[i] as number];
    }
    return nodeIds;
  }

  #isCurrent(nodeId: number, address: Address): boolean {
    const known = this.metadata.brokers.get(nodeId);
    return known !== undefined && sameAddress(known.address, address);
  }

  /** The classic trap: the broker is reached, but it names an address that is not reachable from here. */
  #explainAdvertised(nodeId: number, address: Address, error: ClientError): ClientError {
    const unreachable = error.code === "CONNECTION_REFUSED" || error.code === "HOST_NOT_FOUND" || error.code === "CONNECTION_FAILED";
    if (!unreachable || this.options.bootstrap.some((known) => sameAddress(known, address))) return error;
    const text = `broker ${nodeId} says that it is reached at ${addressText(address)}, but ${error.message}`;
    return new ClientError("CONNECTION_FAILED", text, {
      cause: error,
      broker: addressText(address),
      next: ADVERTISED_ADVICE,
    });
  }
}

function closeConnection(connection: Connection): void {
  connection.close();
}

function metadataBody(names: readonly string[], version: number) {
  const topics = names.map((name) => ({ name, topicId: ZERO_UUID }));
  // Before version 4 there was no way to ask without creating; an empty list meant all before version 1.
  return version >= 4 ? { topics, allowAutoTopicCreation: false } : { topics };
}

function topicError(name: string, errorCode: number): ClientError {
  const place = { topic: name };
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return new ClientError({ kafka: errorCode }, `there is no topic ${name}`, place);
  return brokerError(errorCode, `topic ${name}`, undefined, place);
}

function sameAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}
