import type { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import type { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import type { BrokerLife, ChangeInSync, ElectLeader, ReassignPartition, ReportDamage } from "./commands.ts";
import { readBroker, readBrokers, readList, readNatural, readOptional, writeBrokers, writeList, writeOptional } from "./field-codec.ts";
import { PARTITIONS_MAX, REPLICAS_MAX } from "./limits.ts";

export function writeChangeInSync(writer: ByteWriter, command: ChangeInSync): void {
  writer.int64(command.partitionId);
  writer.int32(command.leaderEpoch);
  writeLife(writer, command);
  writer.int32(command.partitionEpoch);
  writeList(writer, command.to, writeLife);
}

export function readChangeInSync(reader: ByteReader): ChangeInSync {
  const place = { partitionId: readNatural(reader), leaderEpoch: reader.int32() };
  return { kind: "change-in-sync", ...place, ...readLife(reader), partitionEpoch: reader.int32(), to: readMembers(reader) };
}

export function writeReportDamage(writer: ByteWriter, command: ReportDamage): void {
  writeLife(writer, command);
  writeList(writer, command.partitionIds, (w, id) => w.int64(id));
}

export function readReportDamage(reader: ByteReader): ReportDamage {
  return { kind: "report-damage", ...readLife(reader), partitionIds: readList(reader, PARTITIONS_MAX, readNatural) };
}

export function writeElectLeader(writer: ByteWriter, command: ElectLeader): void {
  writer.int64(command.partitionId);
  writer.int32(command.leaderEpoch);
  writer.int32(command.leader);
}

export function readElectLeader(reader: ByteReader): ElectLeader {
  return { kind: "elect-leader", partitionId: readNatural(reader), leaderEpoch: reader.int32(), leader: readBroker(reader) };
}

export function writeReassignPartition(writer: ByteWriter, command: ReassignPartition): void {
  writer.int64(command.partitionId);
  writeOptional(writer, command.replicas, writeBrokers);
}

export function readReassignPartition(reader: ByteReader): ReassignPartition {
  return { kind: "reassign-partition", partitionId: readNatural(reader), replicas: readOptional(reader, readBrokers) };
}

function writeLife(writer: ByteWriter, life: BrokerLife): void {
  writer.int32(life.broker);
  writer.int64(life.brokerEpoch);
}

function readLife(reader: ByteReader): BrokerLife {
  return { broker: readBroker(reader), brokerEpoch: readNatural(reader) };
}

function readMembers(reader: ByteReader): BrokerLife[] {
  const members = readList(reader, REPLICAS_MAX, readLife);
  if (members.length === 0 || new Set(members.map(({ broker }) => broker)).size < members.length)
    throw reader.malformed(`in-sync set ${members.map(({ broker }) => broker).join()}`);
  return members;
}
