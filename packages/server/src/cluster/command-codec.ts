import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { QueueError } from "../base/errors.ts";
import type { Command, CommandKind, ConfigChange, LoggedCommand, RegisterBroker } from "./commands.ts";
import {
  readAssignments,
  readBroker,
  readConfigs,
  readCount,
  readList,
  readListeners,
  readNatural,
  readOptional,
  readText,
  writeBrokers,
  writeConfigs,
  writeList,
  writeListener,
  writeOptional,
  writeText,
} from "./field-codec.ts";
import {
  COMMAND_BYTES_MAX,
  COMMANDS_MAX,
  CONFIG_NAME_BYTES_MAX,
  CONFIG_VALUE_BYTES_MAX,
  CONFIGS_MAX,
  PRODUCER_ID_BLOCK_MAX,
  TOPIC_NAME_LENGTH_MAX,
} from "./limits.ts";
import { readCommitManifest, readCommitObject, writeCommitManifest, writeCommitObject } from "./object-command-codec.ts";

import {
  readChangeInSync,
  readElectLeader,
  readReassignPartition,
  readReportDamage,
  writeChangeInSync,
  writeElectLeader,
  writeReassignPartition,
  writeReportDamage,
} from "./replica-command-codec.ts";

// docs/formats/metadata-log.md, "Commands". Numbers are never given to another command.

type Codec<C extends Command> = Readonly<{ number: number; write(writer: ByteWriter, command: C): void; read(reader: ByteReader): C }>;

const CODECS: { readonly [K in CommandKind]: Codec<Extract<Command, { kind: K }>> } = {
  "claim-controller": {
    number: 1,
    write: (w, c) => writeText(w, c.holder),
    // The epoch claimed is the command's own; `decodeCommand` fills it in.
    read: (r) => ({ kind: "claim-controller", holder: readText(r), controllerEpoch: 0 }),
  },
  "register-broker": {
    number: 19,
    write(w, c) {
      w.int32(c.broker);
      writeText(w, c.incarnation);
      writeText(w, c.host);
      writeText(w, c.rack);
      writeText(w, c.walId);
      w.int64(c.walIndex);
      w.bool(c.walDamaged);
      writeList(w, c.listeners, writeListener);
    },
    read: (r) => ({ ...readRegistration(r), ...readLog(r), listeners: readListeners(r) }),
  },
  "elect-leaders": {
    number: 3,
    write(w, c) {
      w.int32(c.broker);
      w.int64(c.brokerEpoch);
    },
    read: (r) => ({ kind: "elect-leaders", broker: readBroker(r), brokerEpoch: readNatural(r) }),
  },
  "fence-broker": {
    number: 20,
    write(w, c) {
      w.int32(c.broker);
      w.int64(c.brokerEpoch);
    },
    read: (r) => ({ kind: "fence-broker", broker: readBroker(r), brokerEpoch: readNatural(r) }),
  },
  "change-in-sync": { number: 21, write: writeChangeInSync, read: readChangeInSync },
  "report-damage": { number: 22, write: writeReportDamage, read: readReportDamage },
  "elect-leader": { number: 23, write: writeElectLeader, read: readElectLeader },
  "reassign-partition": { number: 24, write: writeReassignPartition, read: readReassignPartition },
  "create-topic": {
    number: 4,
    write(w, c) {
      w.uuid(c.topicId);
      writeText(w, c.name);
      writeConfigs(w, c.configs);
      writeList(w, c.assignments, writeBrokers);
    },
    read: (r) => ({
      kind: "create-topic",
      topicId: r.uuid(),
      name: readText(r, TOPIC_NAME_LENGTH_MAX),
      configs: readConfigs(r),
      assignments: readAssignments(r),
    }),
  },
  "delete-topic": {
    number: 5,
    write: (w, c) => w.uuid(c.topicId),
    read: (r) => ({ kind: "delete-topic", topicId: r.uuid() }),
  },
  "create-partitions": {
    number: 6,
    write(w, c) {
      w.uuid(c.topicId);
      w.uvarint(c.partitionsBefore);
      writeList(w, c.assignments, writeBrokers);
    },
    read: (r) => ({ kind: "create-partitions", topicId: r.uuid(), partitionsBefore: r.uvarint(), assignments: readAssignments(r) }),
  },
  "set-topic-configs": {
    number: 7,
    write(w, c) {
      w.uuid(c.topicId);
      w.int64(c.versionBefore);
      writeList(w, c.changes, writeChange);
    },
    read: (r) => ({ kind: "set-topic-configs", topicId: r.uuid(), versionBefore: readNatural(r), changes: readChanges(r) }),
  },
  "set-broker-configs": {
    number: 8,
    write(w, c) {
      w.int32(c.broker);
      w.int64(c.versionBefore);
      writeList(w, c.changes, writeChange);
    },
    read: (r) => ({ kind: "set-broker-configs", broker: r.int32(), versionBefore: readNatural(r), changes: readChanges(r) }),
  },
  "set-client-metrics": {
    number: 18,
    write(w, c) {
      writeText(w, c.name);
      w.int64(c.versionBefore);
      writeList(w, c.changes, writeChange);
    },
    read(r) {
      const name = readText(r);
      if (name === "") throw r.malformed("a subscription without a name");
      return { kind: "set-client-metrics", name, versionBefore: readNatural(r), changes: readChanges(r) };
    },
  },
  "allocate-producer-ids": {
    number: 9,
    write(w, c) {
      w.int32(c.broker);
      w.int64(c.brokerEpoch);
      w.uvarint(c.count);
    },
    read(r) {
      const life = { broker: readBroker(r), brokerEpoch: readNatural(r) };
      const count = r.uvarint();
      if (count > PRODUCER_ID_BLOCK_MAX) throw r.malformed(`block of ${count} producer ids`);
      return { kind: "allocate-producer-ids", ...life, count };
    },
  },
  "commit-object": { number: 10, write: writeCommitObject, read: readCommitObject },
  "commit-manifest": { number: 11, write: writeCommitManifest, read: readCommitManifest },
  "raise-log-start": {
    number: 12,
    write(w, c) {
      w.int64(c.partitionId);
      w.int32(c.leaderEpoch);
      w.int64(c.logStart);
      w.int64(c.batchOffset);
    },
    read: (r) => ({
      kind: "raise-log-start",
      partitionId: readNatural(r),
      leaderEpoch: r.int32(),
      logStart: readNatural(r),
      batchOffset: readNatural(r),
    }),
  },
  "raise-commit-bound": {
    number: 13,
    write(w, c) {
      w.int32(c.broker);
      w.int64(c.brokerEpoch);
      w.int64(c.sequence);
    },
    read: (r) => ({ kind: "raise-commit-bound", broker: readBroker(r), brokerEpoch: readNatural(r), sequence: readNatural(r) }),
  },
  "accept-loss": {
    number: 14,
    write(w, c) {
      w.int64(c.partitionId);
      w.int64(c.from);
      w.int64(c.to);
    },
    read(r) {
      const [partitionId, from, to] = [readNatural(r), readNatural(r), readNatural(r)];
      if (from >= to) throw r.malformed(`loss of [${from}, ${to})`);
      return { kind: "accept-loss", partitionId, from, to };
    },
  },
  "accept-log-loss": {
    number: 16,
    write(w, c) {
      w.int64(c.partitionId);
      w.int32(c.broker);
      w.int64(c.brokerEpoch);
    },
    read: (r) => ({ kind: "accept-log-loss", partitionId: readNatural(r), broker: readBroker(r), brokerEpoch: readNatural(r) }),
  },
};

type Reader = Readonly<{ read(reader: ByteReader): Command }>;

const INDEX_UNKNOWN = { walIndex: -1, walDamaged: false, listeners: [] };

/** What was written once, but is no more. */
const EARLIER: readonly (readonly [number, Reader])[] = [
  [2, { read: (r) => ({ ...readRegistration(r), walId: "", ...INDEX_UNKNOWN }) }],
  [15, { read: (r) => ({ ...readRegistration(r), walId: readText(r), ...INDEX_UNKNOWN }) }],
  [17, { read: (r) => ({ ...readRegistration(r), ...readLog(r), listeners: [] }) }],
];

const BY_NUMBER = new Map<number, Reader>([...EARLIER, ...Object.values(CODECS).map((codec): [number, Reader] => [codec.number, codec])]);

/** What this software writes; a larger number in a log is from newer software. */
export const BATCH_VERSION = 1;

/** The newest command that this software reads: who reads less must not be sent what this one writes. */
export const NEWEST_COMMAND = Math.max(...BY_NUMBER.keys());

function newerFormat(found: string): QueueError {
  return new QueueError("NEWER_FORMAT", `the metadata log was written by newer software: start that version again. found=${found}`);
}

/** One command with its epoch, as it will stand in a batch: encoded once, counted, then put beside others. */
export function encodeCommand(logged: LoggedCommand): Uint8Array {
  const codec = CODECS[logged.command.kind] as unknown as Codec<Command>;
  const writer = new ByteWriter();
  writer.int8(codec.number);
  writer.int64(logged.controllerEpoch);
  codec.write(writer, logged.command);
  return writer.finish();
}

/**
 * A command that no reader would accept must not get into the log, where it would stop every start.
 * @throws {QueueError} POLICY_VIOLATION when it is too large, INVALID_REQUEST when a field breaks a limit.
 */
export function checkCommand(bytes: Uint8Array): LoggedCommand {
  if (bytes.byteLength > COMMAND_BYTES_MAX)
    throw new QueueError("POLICY_VIOLATION", `the change is too large for one command. bytes=${bytes.byteLength} max=${COMMAND_BYTES_MAX}`);
  const reader = new ByteReader(bytes);
  try {
    const command = decodeCommand(reader);
    if (reader.remaining > 0) throw reader.malformed(`${reader.remaining} bytes behind the command`);
    return command;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new QueueError("INVALID_REQUEST", `the change has a field that is not possible. problem=${error.message}`);
  }
}

/** The payload of a batch: version, number of commands, then each with its length. */
export function encodeBatch(commands: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(16 + commands.reduce((sum, command) => sum + command.byteLength + 5, 0));
  writer.int8(BATCH_VERSION);
  writer.uvarint(commands.length);
  for (const command of commands) {
    writer.uvarint(command.byteLength);
    writer.raw(command);
  }
  return writer.finish();
}

/** @throws {QueueError} NEWER_FORMAT for a version or command unknown here. @throws {ProtocolError} for bytes that break the format. */
export function decodeBatch(payload: Uint8Array): LoggedCommand[] {
  const reader = new ByteReader(payload);
  const version = reader.int8();
  if (version !== BATCH_VERSION) throw newerFormat(`batch version ${version}`);
  const commands: LoggedCommand[] = [];
  for (let left = readCount(reader, COMMANDS_MAX); left > 0; left -= 1) {
    const outerEnd = reader.enter(reader.uvarint());
    commands.push(decodeCommand(reader));
    reader.leave(outerEnd);
  }
  if (reader.remaining > 0) throw reader.malformed(`${reader.remaining} bytes behind the last command`);
  return commands;
}

function decodeCommand(reader: ByteReader): LoggedCommand {
  const number = reader.int8();
  const codec = BY_NUMBER.get(number);
  if (codec === undefined) throw newerFormat(`command ${number}`);
  const controllerEpoch = readNatural(reader);
  const command = codec.read(reader);
  return { controllerEpoch, command: command.kind === "claim-controller" ? { ...command, controllerEpoch } : command };
}

type RegisteredLog = Pick<RegisterBroker, "walId" | "walIndex" | "walDamaged">;

function readLog(reader: ByteReader): RegisteredLog {
  return { walId: readText(reader), walIndex: readNatural(reader), walDamaged: reader.bool() };
}

function readRegistration(reader: ByteReader): Omit<RegisterBroker, keyof RegisteredLog | "listeners"> {
  return {
    kind: "register-broker",
    broker: readBroker(reader),
    incarnation: readText(reader),
    host: readText(reader),
    rack: readText(reader),
  };
}

function writeChange(writer: ByteWriter, change: ConfigChange): void {
  writeText(writer, change.name);
  writeOptional(writer, change.value, writeText);
}

function readChanges(reader: ByteReader): ConfigChange[] {
  return readList(reader, CONFIGS_MAX * 2, (r) => ({
    name: readText(r, CONFIG_NAME_BYTES_MAX),
    value: readOptional(r, (inner) => readText(inner, CONFIG_VALUE_BYTES_MAX)),
  }));
}
