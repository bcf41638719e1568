import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { type ObjectRange, UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import {
  type BrokerConfigs,
  type BrokerState,
  ClusterState,
  type CommitBound,
  isKept,
  type LogHolder,
  NO_LEADER,
  newPartition,
  type OffsetSpan,
  type OwnConfigs,
  type PartitionState,
  type Reassignment,
  type TopicState,
} from "./cluster-state.ts";
import {
  readBroker,
  readBrokers,
  readConfigs,
  readCount,
  readList,
  readListeners,
  readManifest,
  readNatural,
  readObjectId,
  readOptional,
  readText,
  writeBrokers,
  writeConfigs,
  writeList,
  writeListener,
  writeManifest,
  writeObjectId,
  writeOptional,
  writeText,
} from "./field-codec.ts";
import {
  ACCEPTED_LOSSES_MAX,
  BROKERS_MAX,
  CLIENT_METRICS_MAX,
  REPLICAS_MAX,
  TOPIC_NAME_LENGTH_MAX,
  TOPIC_PARTITIONS_MAX,
} from "./limits.ts";
import { readRange, writeRange } from "./range-codec.ts";
import type { ObjectState } from "./range-list.ts";

// The entries of docs/formats/snapshot.md.

const HEAD_WITH_CLIENT_METRICS = 4;
const HEAD_WITH_LISTENERS = 5;
const PARTITIONS_WITH_REASSIGNMENT = 4;

/** Everything but topics, objects and partitions: small, written whole at the cut. */
export function writeHead(writer: ByteWriter, state: ClusterState, objectNumberNext = state.objectNumberNext): void {
  writeText(writer, state.clusterId);
  writer.int64(state.index);
  writer.int64(state.controllerEpoch);
  writeText(writer, state.controllerHolder);
  writer.int64(state.brokerEpochLast);
  writer.int64(state.partitionIdNext);
  writer.int64(objectNumberNext);
  writer.int64(state.producerIdNext);
  writeList(writer, [...state.brokers.values()], writeBrokerState);
  writeList(writer, [...state.brokerConfigs], writeBrokerConfigs);
  writeList(writer, [...state.commitBounds], writeCommitBound);
  writeList(writer, [...state.clientMetrics], writeClientMetrics);
}

/** @param version Of the chunk. @param keptBy Of the state that comes of it. */
export function readHead(reader: ByteReader, version: number, keptBy?: number): ClusterState {
  const state = new ClusterState(readText(reader), keptBy);
  state.index = readNatural(reader);
  state.controllerEpoch = readNatural(reader);
  state.controllerHolder = readText(reader);
  state.brokerEpochLast = readNatural(reader);
  state.partitionIdNext = readNatural(reader);
  state.objectNumberNext = readNatural(reader);
  state.producerIdNext = readNatural(reader);
  for (const broker of readList(reader, BROKERS_MAX, (r) => readBrokerState(r, version))) state.brokers.set(broker.id, broker);
  for (const [broker, configs] of readList(reader, BROKERS_MAX + 1, readBrokerConfigs)) state.brokerConfigs.set(broker, configs);
  for (const [broker, bound] of readList(reader, BROKERS_MAX, readCommitBound)) state.commitBounds.set(broker, bound);
  if (version >= HEAD_WITH_CLIENT_METRICS)
    for (const [name, configs] of readList(reader, CLIENT_METRICS_MAX, readClientMetrics)) state.clientMetrics.set(name, configs);
  return state;
}

export function writeTopic(writer: ByteWriter, topic: TopicState): void {
  writer.uuid(topic.id);
  writeText(writer, topic.name);
  writer.int64(topic.configVersion);
  writeConfigs(writer, topic.configs);
  writeList(writer, topic.partitions, (w, id) => w.int64(id));
}

export function readTopic(reader: ByteReader): TopicState {
  return {
    id: reader.uuid(),
    name: readText(reader, TOPIC_NAME_LENGTH_MAX),
    configVersion: readNatural(reader),
    configs: readConfigs(reader),
    partitions: readList(reader, TOPIC_PARTITIONS_MAX, readNatural),
    savedIn: 0,
  };
}

export function writeObject(writer: ByteWriter, object: ObjectState): void {
  writer.int64(object.number);
  writeObjectId(writer, object.id);
  writer.int64(object.objectBytes);
}

export function readObject(reader: ByteReader): ObjectState {
  return { number: readNatural(reader), id: readObjectId(reader), objectBytes: readNatural(reader), ranges: 0, savedIn: 0 };
}

export function writePartition(writer: ByteWriter, partition: PartitionState): void {
  writePlacement(writer, partition);
  writeIndexHead(writer, partition);
  const { ranges } = partition;
  for (let at = 0; at < ranges.count; at += 1) writeRange(writer, ranges.at(at), ranges.objectAt(at)?.number ?? 0);
}

/** What of a partition every broker knows. */
export function writePlacement(writer: ByteWriter, partition: PartitionState): void {
  writer.int64(partition.id);
  writer.uuid(partition.topicId);
  writer.uvarint(partition.index);
  writeBrokers(writer, partition.replicas);
  writeBrokers(writer, partition.inSync);
  writeOptional(writer, partition.lastInSync, writeLogHolder);
  writeOptional(writer, partition.reassignment, writeReassignment);
  writer.int32(partition.leader);
  writer.int32(partition.leaderEpoch);
  writer.int32(partition.partitionEpoch);
}

/** Its object index, up to the number of ranges. */
export function writeIndexHead(writer: ByteWriter, partition: PartitionState): void {
  writer.int64(partition.logStart);
  writer.int64(partition.uploadedEnd);
  writeList(writer, partition.acceptedLosses, writeSpan);
  writeOptional(writer, partition.manifest, writeManifest);
  writer.uvarint(partition.ranges.count);
}

/** What the entry of a partition refers to. `objectOf`: by number. */
export type PartitionContext = Readonly<{
  topicOf(topicId: string): TopicState | undefined;
  objectOf(number: number): ObjectState | undefined;
  /** Of the state that the partition is of. */
  keptBy: number | undefined;
}>;

/** Each range that is kept counts as one use of its object. @param version Of the chunk. */
export function readPartition(reader: ByteReader, version: number, { topicOf, objectOf, keptBy }: PartitionContext): PartitionState {
  const id = readNatural(reader);
  const topic = topicOf(reader.uuid());
  if (topic === undefined) throw reader.malformed(`partition ${id} of an unknown topic`);
  const index = reader.uvarint();
  const replicas = readBrokers(reader);
  const place = { index, replicas, inSync: readInSync(reader, replicas) };
  const partition = newPartition({ id, topicId: topic.id, topic: topic.name, ...place, savedIn: 0 }, keptBy);
  if (version >= 2) partition.lastInSync = readOptional(reader, (r) => readLogHolder(r, version));
  if (version >= PARTITIONS_WITH_REASSIGNMENT) partition.reassignment = readOptional(reader, readReassignment);
  partition.leader = reader.int32();
  partition.leaderEpoch = reader.int32();
  if (version >= PARTITIONS_WITH_REASSIGNMENT) partition.partitionEpoch = reader.int32();
  if (partition.leader < NO_LEADER || partition.leaderEpoch < 0 || partition.partitionEpoch < 0)
    throw reader.malformed(`leader of partition ${id}`);
  const keeps = isKept(partition);
  const [logStart, uploadedEnd] = [readNatural(reader), readNatural(reader)];
  const acceptedLosses = readList(reader, ACCEPTED_LOSSES_MAX, readSpan);
  const manifest = readOptional(reader, (r) => readManifest(r, id));
  if (keeps) Object.assign(partition, { logStart, uploadedEnd, acceptedLosses, manifest });
  const count = readCount(reader, UNMERGED_RANGES_MAX);
  if (keeps) partition.ranges.reserve(count);
  let endBefore = manifest?.endOffset ?? 0;
  for (let left = count; left > 0; left -= 1) {
    const { range, object } = readIndexedRange(reader, id, objectOf);
    if (range.startOffset < endBefore || range.endOffset > uploadedEnd) throw reader.malformed(`ranges of partition ${id}`);
    endBefore = range.endOffset;
    if (keeps) keepRange(partition, range, object);
  }
  return partition;
}

/** Mostly all replicas: then it is the same list, which nobody changes. */
function readInSync(reader: ByteReader, replicas: readonly number[]): readonly number[] {
  const inSync = readList(reader, REPLICAS_MAX, readBroker);
  return inSync.length === replicas.length && inSync.every((broker, at) => broker === replicas[at]) ? replicas : inSync.slice();
}

function readIndexedRange(reader: ByteReader, partitionId: number, objectOf: PartitionContext["objectOf"]) {
  let object: ObjectState | undefined;
  const range = readRange(reader, partitionId, (number) => {
    object = objectOf(number);
    return object;
  });
  return { range, object };
}

function keepRange(partition: PartitionState, range: ObjectRange, object: ObjectState | undefined): void {
  if (object !== undefined) object.ranges += 1;
  partition.ranges.append(range, object);
}

function writeSpan(writer: ByteWriter, span: OffsetSpan): void {
  writer.int64(span.from);
  writer.int64(span.to);
}

function readSpan(reader: ByteReader): OffsetSpan {
  return { from: readNatural(reader), to: readNatural(reader) };
}

function writeBrokerState(writer: ByteWriter, broker: BrokerState): void {
  writer.int32(broker.id);
  writer.int64(broker.epoch);
  writeText(writer, broker.incarnation);
  writeText(writer, broker.host);
  writeText(writer, broker.rack);
  writeText(writer, broker.walId);
  writer.int64(broker.registeredAt);
  writer.int64(broker.walIndex);
  writer.bool(broker.fenced);
  writeList(writer, broker.listeners, writeListener);
}

function readBrokerState(reader: ByteReader, version: number): BrokerState {
  return {
    id: readBroker(reader),
    epoch: readNatural(reader),
    incarnation: readText(reader),
    host: readText(reader),
    rack: readText(reader),
    walId: version >= 2 ? readText(reader) : "",
    registeredAt: version >= 3 ? readNatural(reader) : 0,
    walIndex: version >= 3 ? readNatural(reader) : 0,
    fenced: version >= HEAD_WITH_LISTENERS ? reader.bool() : false,
    listeners: version >= HEAD_WITH_LISTENERS ? readListeners(reader) : [],
  };
}

function writeLogHolder(writer: ByteWriter, holder: LogHolder): void {
  writer.int32(holder.broker);
  writeText(writer, holder.walId);
  writer.int64(holder.from);
  writer.int64(holder.before);
}

function readLogHolder(reader: ByteReader, version: number): LogHolder {
  const log = { broker: readBroker(reader), walId: readText(reader) };
  if (version < 3) return { ...log, from: 0, before: Number.MAX_SAFE_INTEGER };
  return { ...log, from: readNatural(reader), before: readNatural(reader) };
}

function writeReassignment(writer: ByteWriter, { target, before }: Reassignment): void {
  writeBrokers(writer, target);
  writeBrokers(writer, before);
}

function readReassignment(reader: ByteReader): Reassignment {
  return { target: readBrokers(reader), before: readBrokers(reader) };
}

function writeBrokerConfigs(writer: ByteWriter, [broker, configs]: readonly [number, BrokerConfigs]): void {
  writer.int32(broker);
  writer.int64(configs.configVersion);
  writeConfigs(writer, configs.configs);
}

function readBrokerConfigs(reader: ByteReader): [number, BrokerConfigs] {
  return [reader.int32(), { configVersion: readNatural(reader), configs: readConfigs(reader) }];
}

function writeClientMetrics(writer: ByteWriter, [name, { configs, configVersion }]: readonly [string, OwnConfigs]): void {
  writeText(writer, name);
  writer.int64(configVersion);
  writeConfigs(writer, configs);
}

function readClientMetrics(reader: ByteReader): [string, OwnConfigs] {
  const name = readText(reader);
  const configVersion = readNatural(reader);
  return [name, { configs: readConfigs(reader), configVersion }];
}

function writeCommitBound(writer: ByteWriter, [broker, bound]: readonly [number, CommitBound]): void {
  writer.int32(broker);
  writer.int64(bound.brokerEpoch);
  writer.int64(bound.sequence);
}

function readCommitBound(reader: ByteReader): [number, CommitBound] {
  return [readBroker(reader), { brokerEpoch: readNatural(reader), sequence: readNatural(reader) }];
}
