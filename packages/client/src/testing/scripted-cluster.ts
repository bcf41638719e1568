import { APIS } from "@tidemq/protocol/api-keys.ts";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { decodeRequestHeader, encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import type { ProduceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import type { ListOffsetsRequest } from "@tidemq/protocol/messages/02-list-offsets.ts";
import type { MetadataRequest } from "@tidemq/protocol/messages/03-metadata.ts";
import * as header from "@tidemq/protocol/record-batch.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API, type Api } from "../apis.ts";
import type { Address } from "../transport.ts";
import type { MemoryTransport, ServerSide } from "./memory-transport.ts";
import { ScriptedGroups } from "./scripted-groups.ts";
import { ScriptedLog } from "./scripted-log.ts";
import type { VirtualWorld } from "./virtual-world.ts";

/**
 * What happens to one request. `answer`: as it should be · `ignore`: nothing, ever, and so to whatever comes behind it
 * on the connection · `close`: the connection ends before it is carried out · `close-after`: it is carried out, the
 * answer is lost · a number: it is carried out so many milliseconds later · an object: this is the answer.
 */
export type Fate = "answer" | "ignore" | "close" | "close-after" | number | Readonly<{ answer: MessageInput<Message> }>;

export type ScriptedRequest = Readonly<{ api: Api; version: number; body: unknown; nodeId: number }>;

type Topic = { readonly id: string; readonly partitions: ScriptedLog[] };

/** A cluster of brokers that share perfect logs, and misbehave as told. Answers are in the order of the requests. */
export class ScriptedCluster {
  readonly #world: VirtualWorld;
  readonly #transport: MemoryTransport;
  readonly #topics = new Map<string, Topic>();
  readonly #brokers = new Map<number, Address>();
  readonly #connections = new Map<number, Set<ServerSide>>();
  #producerIds = 1000;
  readonly groups = new ScriptedGroups({
    addresses: () => this.#brokers,
    topicId: (name) => this.#topics.get(name)?.id,
    nameOf: (id) => this.#nameOf("", id),
    partitions: (name) => this.#topics.get(name)?.partitions.length ?? 0,
  });
  /** Every request, in the order of arrival. */
  readonly requests: ScriptedRequest[] = [];
  /** Decides what happens to a request; "answer" when absent. */
  script: ((request: ScriptedRequest) => Fate) | undefined;
  /** Versions that it claims, by key; all that are known when absent. */
  versions: ReadonlyMap<number, Readonly<{ min: number; max: number }>> | undefined;
  /** Fetches without data are answered after so long at most. */
  fetchWaitMsMax = 500;
  /** The number of the fetch session that it hands out; 0: none. */
  sessionId = 0;

  constructor(world: VirtualWorld, transport: MemoryTransport, nodeIds: readonly number[] = [1]) {
    this.#world = world;
    this.#transport = transport;
    for (const nodeId of nodeIds) this.start(nodeId);
  }

  /** Connections of clients that are up now. */
  get openConnections(): number {
    return [...this.#connections.values()].reduce((sum, sides) => sum + sides.size, 0);
  }

  get bootstrap(): Address[] {
    return [...this.#brokers.values()];
  }

  addressOf(nodeId: number): Address {
    return { host: `broker-${nodeId}`, port: 9092 };
  }

  start(nodeId: number): void {
    const address = this.addressOf(nodeId);
    this.#brokers.set(nodeId, address);
    const connections = new Set<ServerSide>();
    this.#connections.set(nodeId, connections);
    this.#transport.listen(address, (side) => {
      connections.add(side);
      const connection = new ServedConnection(this, nodeId, side, this.#world);
      return { received: (bytes) => connection.received(bytes), closed: () => void connections.delete(side) };
    });
  }

  /** The process ends: connections break, nothing listens. */
  stop(nodeId: number): void {
    this.#transport.unlisten(this.addressOf(nodeId));
    this.#brokers.delete(nodeId);
    for (const side of this.#connections.get(nodeId) ?? []) side.close("ECONNRESET");
  }

  createTopic(name: string, partitions: number): ScriptedLog[] {
    const id = Buffer.from(name.padEnd(16, "_").slice(0, 16)).toString("base64url");
    const logs = Array.from({ length: partitions }, (_, i) => {
      const log = new ScriptedLog();
      log.leader = [...this.#brokers.keys()][i % this.#brokers.size] ?? 1;
      return log;
    });
    this.#topics.set(name, { id, partitions: logs });
    return logs;
  }

  deleteTopic(name: string): void {
    this.#topics.delete(name);
  }

  log(topic: string, partition: number): ScriptedLog | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  /** What is answered to a request that meets no mishap; undefined: none (acks 0). */
  serve({ api, version, body, nodeId }: ScriptedRequest): MessageInput<Message> | undefined {
    switch (api.key) {
      case API.apiVersions.key:
        return this.#apiVersions();
      case API.metadata.key:
        return this.#metadata(body as MetadataRequest);
      case API.initProducerId.key:
        this.#producerIds += 1;
        return { throttleTimeMs: 0, errorCode: 0, producerId: this.#producerIds, producerEpoch: 0 };
      case API.produce.key:
        return this.#produce(body as ProduceRequest, version, nodeId);
      case API.fetch.key:
        return this.#fetch(body as FetchRequest, nodeId);
      case API.listOffsets.key:
        return this.#listOffsets(body as ListOffsetsRequest, nodeId);
      default: {
        const answer = this.groups.serve(api, version, body, nodeId);
        if (answer === undefined) throw new Error(`the scripted cluster does not serve ${api.name}`);
        return answer;
      }
    }
  }

  /** Whether a fetch would bring nothing and may be held. */
  isIdleFetch({ api, body, nodeId }: ScriptedRequest): boolean {
    if (api.key !== API.fetch.key) return false;
    const request = body as FetchRequest;
    return request.topics.every((topic) =>
      topic.partitions.every((partition) => {
        const log = this.log(this.#nameOf(topic.topic, topic.topicId), partition.partition);
        if (log === undefined || log.nearestTo(request.rackId, nodeId) !== undefined) return false;
        return partition.fetchOffset === log.endAt(nodeId);
      }),
    );
  }

  #nameOf(name: string, id: string): string {
    if (name !== "") return name;
    for (const [known, topic] of this.#topics) if (topic.id === id) return known;
    return "";
  }

  #apiVersions() {
    const range = (key: number, min: number, max: number) => {
      const { min: minVersion, max: maxVersion } = this.versions?.get(key) ?? { min, max };
      return { apiKey: key, minVersion, maxVersion };
    };
    return { errorCode: 0, apiKeys: APIS.map((api) => range(api.key, api.versionMin, api.versionMax)), throttleTimeMs: 0 };
  }

  #metadata(request: MetadataRequest) {
    const names = request.topics === null ? [...this.#topics.keys()] : request.topics.map((topic) => topic.name ?? "");
    return {
      throttleTimeMs: 0,
      brokers: [...this.#brokers].map(([nodeId, address]) => ({ nodeId, ...address, rack: null })),
      clusterId: "scripted",
      controllerId: [...this.#brokers.keys()][0] ?? -1,
      topics: names.map((name) => this.#topicMetadata(name)),
      errorCode: 0,
    };
  }

  #topicMetadata(name: string) {
    const topic = this.#topics.get(name);
    const partitions = (topic?.partitions ?? []).map((log, partitionIndex) => ({
      errorCode: this.#brokers.has(log.leader) ? 0 : ErrorCode.LEADER_NOT_AVAILABLE,
      partitionIndex,
      leaderId: this.#brokers.has(log.leader) ? log.leader : -1,
      leaderEpoch: log.leaderEpoch,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
    }));
    return {
      errorCode: topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : 0,
      name,
      topicId: topic?.id ?? "AAAAAAAAAAAAAAAAAAAAAA",
      isInternal: false,
      partitions,
    };
  }

  #produce(request: ProduceRequest, _version: number, nodeId: number): MessageInput<Message> | undefined {
    const responses = request.topicData.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map((partition) => {
        const log = this.log(this.#nameOf(topic.name, topic.topicId), partition.index);
        if (log === undefined) return { index: partition.index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, baseOffset: -1 };
        if (log.leader !== nodeId) return { index: partition.index, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, baseOffset: -1 };
        return { index: partition.index, ...log.append(partition.records ?? new Uint8Array(0)) };
      }),
    }));
    return request.acks === 0 ? undefined : { responses, throttleTimeMs: 0 };
  }

  #fetch(request: FetchRequest, nodeId: number): MessageInput<Message> {
    const responses = request.topics.map((topic) => ({
      topic: topic.topic,
      topicId: topic.topicId,
      partitions: topic.partitions.map((partition) => {
        const log = this.log(this.#nameOf(topic.topic, topic.topicId), partition.partition);
        const common = { partitionIndex: partition.partition, highWatermark: log?.end ?? -1, abortedTransactions: null, records: null };
        if (log === undefined) return { ...common, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
        const end = log.endAt(nodeId);
        if (end === undefined) return { ...common, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
        const nearest = log.nearestTo(request.rackId, nodeId);
        if (nearest !== undefined) return { ...common, errorCode: 0, preferredReadReplica: nearest };
        const isOutside = partition.fetchOffset < log.start || partition.fetchOffset > end;
        if (isOutside) return { ...common, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
        return { ...common, errorCode: 0, records: log.read(partition.fetchOffset, partition.partitionMaxBytes) };
      }),
    }));
    return { throttleTimeMs: 0, errorCode: 0, sessionId: this.sessionId, responses };
  }

  #listOffsets(request: ListOffsetsRequest, nodeId: number): MessageInput<Message> {
    const topics = request.topics.map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.map(({ partitionIndex, timestamp }) => {
        const log = this.log(topic.name, partitionIndex);
        if (log === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
        if (log.leader !== nodeId) return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
        if (timestamp === -2) return { partitionIndex, errorCode: 0, offset: log.start };
        if (timestamp === -1) return { partitionIndex, errorCode: 0, offset: log.end };
        const batch = log.batches.find((one) => header.maxTimestamp(one, 0) >= timestamp);
        return { partitionIndex, errorCode: 0, offset: batch === undefined ? -1 : header.baseOffset(batch, 0) };
      }),
    }));
    return { throttleTimeMs: 0, topics };
  }
}

/** One connection: frames in, answers out in the order of the requests. */
class ServedConnection {
  readonly #cluster: ScriptedCluster;
  readonly #nodeId: number;
  readonly #side: ServerSide;
  readonly #world: VirtualWorld;
  #bytes = Buffer.alloc(0);
  #turn: Promise<void> = Promise.resolve();
  /** As brokers do, nothing is done out of turn. */
  #isDead = false;

  constructor(cluster: ScriptedCluster, nodeId: number, side: ServerSide, world: VirtualWorld) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#side = side;
    this.#world = world;
  }

  received(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.byteLength >= 4) {
      const size = this.#bytes.readInt32BE(0);
      if (this.#bytes.byteLength < 4 + size) return;
      const frame = Buffer.from(this.#bytes.subarray(4, 4 + size));
      this.#bytes = this.#bytes.subarray(4 + size);
      this.#turn = this.#turn.then(() => this.#handle(frame));
    }
  }

  async #handle(frame: Buffer): Promise<void> {
    if (this.#isDead) return;
    const reader = new ByteReader(frame);
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader);
    const api = Object.values(API).find((one) => one.key === apiKey) as Api;
    const claimed = this.#cluster.versions?.get(apiKey);
    if (apiKey === API.apiVersions.key && claimed !== undefined && apiVersion > claimed.max) {
      const apiKeys = [{ apiKey, minVersion: claimed.min, maxVersion: claimed.max }];
      return this.#send(api, 0, correlationId, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys });
    }
    const request = { api, version: apiVersion, body: decodeMessage(api.request, apiVersion, reader), nodeId: this.#nodeId };
    this.#cluster.requests.push(request);
    await this.#meet(request, correlationId, this.#cluster.script?.(request) ?? "answer");
  }

  async #meet(request: ScriptedRequest, correlationId: number, fate: Fate): Promise<void> {
    this.#isDead = fate === "ignore" || fate === "close" || fate === "close-after";
    if (fate === "ignore") return;
    if (fate === "close") return this.#side.close("ECONNRESET");
    if (typeof fate === "object") return this.#send(request.api, request.version, correlationId, fate.answer);
    if (typeof fate === "number") await this.#pause(fate);
    else if (fate === "answer" && this.#cluster.isIdleFetch(request)) await this.#pause(this.#cluster.fetchWaitMsMax);
    const answer = this.#cluster.serve(request);
    if (fate === "close-after") return this.#side.close("ECONNRESET");
    if (answer !== undefined) this.#send(request.api, request.version, correlationId, answer);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#world.after(ms, resolve));
  }

  #send(api: Api, version: number, correlationId: number, answer: MessageInput<Message>): void {
    const writer = new ByteWriter();
    encodeResponseFrame(api.response, version, correlationId, answer, writer);
    this.#side.send(Buffer.from(writer.finish()));
  }
}
