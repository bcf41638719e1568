import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { unreachable } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Steps } from "../../quota/turn-share.ts";
import { ASSIGNMENT_BYTES_MAX, GROUP_ID_BYTES_MAX, MEMBERS_MAX, OFFSET_METADATA_BYTES_MAX, PARTITIONS_MAX, TOPICS_MAX } from "../limits.ts";
import type { CommittedTopic, Entry } from "./entries.ts";
import * as fields from "./entry-fields.ts";
import type { Assignment, ClassicMember, ClassicMembership, CommittedOffset, ConsumerMember } from "./group-state.ts";
import { EPOCH_AWAY } from "./group-state.ts";

/** Of every kind of entry; of those in which something was added later, the newest. */
const VERSION = 1;
const VERSIONS: Readonly<Partial<Record<Entry["kind"], number>>> = { member: 2 };
/** A member with an expression. */
const EXPRESSION_SINCE = 2;

const KINDS = ["group", "offsets", "offsets-gone", "group-gone", "consumer-group", "member", "member-gone", "target"] as const;

/** Bytes of docs/formats/groups.md. */
export function encodeEntry(entry: Entry): Uint8Array {
  const writer = new ByteWriter(1024);
  writeEntry(writer, entry);
  return writer.finish();
}

/** The same behind what the writer has. */
export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writeHead(writer, entry);
  writeFields(writer, entry);
}

function writeHead(writer: ByteWriter, entry: Entry): void {
  writer.int8(KINDS.indexOf(entry.kind) + 1);
  writer.int8(versionOf(entry));
  writer.compactString(entry.groupId);
}

/** The oldest that says all: who has not heard of newer ones reads it as long as it can. */
function versionOf(entry: Entry): number {
  return entry.kind === "member" && entry.member.expression !== undefined ? EXPRESSION_SINCE : VERSION;
}

/** The same in steps: a group of a thousand members takes milliseconds. */
export function* writeEntryInSteps(writer: ByteWriter, entry: Entry): Steps {
  if (entry.kind !== "group" && entry.kind !== "target") return writeEntry(writer, entry);
  writeHead(writer, entry);
  if (entry.kind === "group") {
    writeGeneration(writer, entry.membership);
    for (const member of entry.membership.members.values()) {
      writeMember(writer, member);
      yield "more";
    }
  } else {
    writeTargetHead(writer, entry);
    for (const [memberId, target] of entry.targets) {
      writeTarget(writer, memberId, target);
      yield "more";
    }
  }
}

/**
 * Exactly one entry; nothing of the bytes is kept.
 * @throws QueueError CORRUPT_RECORD; an entry of a newer version is named so.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  try {
    const reader = new ByteReader(bytes);
    const number = reader.int8();
    const version = reader.int8();
    const kind = KINDS[number - 1];
    if (kind === undefined || version < VERSION || version > newestOf(kind)) throw unknownEntry(number, version, kind);
    const entry = readFields(reader, kind, version, fields.readText(reader, GROUP_ID_BYTES_MAX));
    if (reader.remaining > 0) throw reader.malformed(`${reader.remaining} bytes too many`);
    return entry;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new QueueError("CORRUPT_RECORD", "corrupt group entry", { cause: error });
  }
}

function newestOf(kind: Entry["kind"]): number {
  return VERSIONS[kind] ?? VERSION;
}

function unknownEntry(number: number, version: number, kind: Entry["kind"] | undefined): QueueError {
  const known = kind === undefined ? VERSION : newestOf(kind);
  const text = version > known || number > KINDS.length ? "was written by a newer version" : "is not known";
  return new QueueError("CORRUPT_RECORD", `group entry ${text}. kind=${number} version=${version} known=${known}`);
}

function writeFields(writer: ByteWriter, entry: Entry): void {
  switch (entry.kind) {
    case "group":
      writeGeneration(writer, entry.membership);
      for (const member of entry.membership.members.values()) writeMember(writer, member);
      return;
    case "offsets":
      return writeOffsets(writer, entry.topics);
    case "offsets-gone":
      return fields.writeAssignment(writer, entry.topics);
    case "group-gone":
      return;
    case "consumer-group":
      writer.int32(entry.epoch);
      return writer.int64(entry.emptySinceMs);
    case "member":
      return writeConsumerMember(writer, entry.member);
    case "member-gone":
      return writer.compactString(entry.memberId);
    case "target":
      writeTargetHead(writer, entry);
      for (const [memberId, target] of entry.targets) writeTarget(writer, memberId, target);
      return;
    default:
      unreachable(entry);
  }
}

function readFields(reader: ByteReader, kind: Entry["kind"], version: number, groupId: string): Entry {
  switch (kind) {
    case "group":
      return { kind, groupId, membership: readMembership(reader) };
    case "offsets":
      return { kind, groupId, topics: readOffsets(reader) };
    case "offsets-gone":
      return { kind, groupId, topics: fields.readAssignment(reader) };
    case "group-gone":
      return { kind, groupId };
    case "consumer-group":
      return {
        kind,
        groupId,
        epoch: fields.readNumber(reader, 32),
        emptySinceMs: fields.readNumber(reader, 64, -1),
      };
    case "member":
      return { kind, groupId, member: readConsumerMember(reader, version) };
    case "member-gone":
      return { kind, groupId, memberId: fields.readText(reader) };
    case "target":
      return {
        kind,
        groupId,
        epoch: fields.readNumber(reader, 32),
        assignor: fields.readText(reader),
        topologyHash: fields.readText(reader),
        targets: readTargets(reader),
      };
    default:
      unreachable(kind);
  }
}

/** All but the members. */
function writeGeneration(writer: ByteWriter, group: ClassicMembership): void {
  writer.int64(group.emptySinceMs);
  writer.compactString(group.protocolType);
  writer.int32(group.generation);
  fields.writeOptional(writer, group.protocol);
  fields.writeOptional(writer, group.leader);
  writer.uvarint(group.members.size);
}

function writeMember(writer: ByteWriter, member: ClassicMember): void {
  fields.writeIdentity(writer, member);
  writer.int32(member.sessionTimeoutMs);
  writer.int32(member.rebalanceTimeoutMs);
  fields.writeProtocols(writer, member.protocols);
  fields.writeBlob(writer, member.assignment);
}

function readMembership(reader: ByteReader): ClassicMembership {
  const emptySinceMs = fields.readNumber(reader, 64, -1);
  const protocolType = fields.readText(reader);
  const generation = fields.readNumber(reader, 32);
  const protocol = fields.readOptional(reader);
  const leader = fields.readOptional(reader);
  const members = new Map<string, ClassicMember>();
  for (let left = fields.readCount(reader, MEMBERS_MAX, 14); left > 0; left -= 1) {
    const member: ClassicMember = {
      ...fields.readIdentity(reader),
      sessionTimeoutMs: fields.readNumber(reader, 32),
      rebalanceTimeoutMs: fields.readNumber(reader, 32),
      protocols: fields.readProtocols(reader),
      assignment: fields.readBlob(reader, ASSIGNMENT_BYTES_MAX),
    };
    if (members.has(member.id)) throw reader.malformed(`member ${member.id} twice`);
    members.set(member.id, member);
  }
  return { kind: "classic", protocolType, generation, protocol, leader, members, emptySinceMs };
}

function writeOffsets(writer: ByteWriter, topics: readonly CommittedTopic[]): void {
  writer.uvarint(topics.length);
  for (const { topicId, offsets } of topics) {
    writer.uuid(topicId);
    writer.uvarint(offsets.size);
    for (const [partition, committed] of offsets) {
      writer.uvarint(partition);
      writer.int64(committed.offset);
      writer.int32(committed.leaderEpoch);
      writer.int64(committed.committedAtMs);
      writer.compactString(committed.metadata);
    }
  }
}

function readOffsets(reader: ByteReader): CommittedTopic[] {
  const topics: CommittedTopic[] = [];
  for (let left = fields.readCount(reader, TOPICS_MAX, 17); left > 0; left -= 1) {
    const topicId = reader.uuid();
    const offsets = new Map<number, CommittedOffset>();
    for (let more = fields.readCount(reader, PARTITIONS_MAX, 22); more > 0; more -= 1) offsets.set(reader.uvarint(), readOffset(reader));
    topics.push({ topicId, offsets });
  }
  return topics;
}

function readOffset(reader: ByteReader): CommittedOffset {
  const offset = reader.int64();
  const leaderEpoch = fields.readNumber(reader, 32, -1);
  const committedAtMs = fields.readNumber(reader, 64);
  return { offset, leaderEpoch, committedAtMs, metadata: fields.readText(reader, OFFSET_METADATA_BYTES_MAX) };
}

function writeConsumerMember(writer: ByteWriter, member: ConsumerMember): void {
  fields.writeIdentity(writer, member);
  fields.writeOptional(writer, member.rackId);
  writer.int32(member.rebalanceTimeoutMs);
  writer.uvarint(member.topics.length);
  for (const topic of member.topics) writer.compactString(topic);
  if (member.expression !== undefined) writer.compactString(member.expression);
  fields.writeOptional(writer, member.assignor);
  writer.int32(member.epoch);
  writer.int32(member.previousEpoch);
  fields.writeAssignment(writer, member.assigned);
  fields.writeAssignment(writer, member.revoking);
  writer.bool(member.classic !== undefined);
  if (member.classic === undefined) return;
  writer.int32(member.classic.sessionTimeoutMs);
  fields.writeProtocols(writer, member.classic.protocols);
}

function readConsumerMember(reader: ByteReader, version: number): ConsumerMember {
  return {
    ...fields.readIdentity(reader),
    rackId: fields.readOptional(reader),
    rebalanceTimeoutMs: fields.readNumber(reader, 32, -1),
    topics: readTopics(reader),
    expression: version >= EXPRESSION_SINCE ? fields.readText(reader) : undefined,
    assignor: fields.readOptional(reader),
    epoch: fields.readNumber(reader, 32, EPOCH_AWAY),
    previousEpoch: fields.readNumber(reader, 32, EPOCH_AWAY),
    assigned: fields.readAssignment(reader),
    revoking: fields.readAssignment(reader),
    classic: reader.bool() ? { sessionTimeoutMs: fields.readNumber(reader, 32), protocols: fields.readProtocols(reader) } : undefined,
  };
}

function readTopics(reader: ByteReader): string[] {
  const topics: string[] = [];
  for (let left = fields.readCount(reader, TOPICS_MAX, 1); left > 0; left -= 1) topics.push(fields.readText(reader));
  return topics;
}

/** All but the targets. */
function writeTargetHead(writer: ByteWriter, entry: Extract<Entry, { kind: "target" }>): void {
  writer.int32(entry.epoch);
  writer.compactString(entry.assignor);
  writer.compactString(entry.topologyHash);
  writer.uvarint(entry.targets.size);
}

function writeTarget(writer: ByteWriter, memberId: string, assignment: Assignment): void {
  writer.compactString(memberId);
  fields.writeAssignment(writer, assignment);
}

function readTargets(reader: ByteReader): Map<string, Assignment> {
  const targets = new Map<string, Assignment>();
  for (let left = fields.readCount(reader, MEMBERS_MAX, 2); left > 0; left -= 1)
    targets.set(fields.readText(reader), fields.readAssignment(reader));
  return targets;
}
