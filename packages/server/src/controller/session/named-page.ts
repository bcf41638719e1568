import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { QueueError } from "../../base/errors.ts";
import type { ClusterState, PartitionState } from "../../cluster/cluster-state.ts";
import { readManifest, readNatural, writeManifest } from "../../cluster/field-codec.ts";
import type { ObjectState } from "../../cluster/range-list.ts";
import { readObject, writeObject } from "../../cluster/state-codec.ts";
import { type NamedPage, NamedRequest_Kind } from "../../peer-net/proto/controller/broker.ts";
import type { NamedManifest, NamedObject } from "../../tier/object-references.ts";
import { NAMED_MANIFESTS_PAGE, NAMED_OBJECTS_PAGE } from "../limits.ts";

// The entries of NamedPage (proto/controller/broker.proto).

/** An entry, and the number behind which the next page begins. */
type Numbered<T> = Readonly<{ number: number; entry: T }>;

/** Objects or manifests above a number, as the state has them now. */
export function pageOf(state: ClusterState, kind: NamedRequest_Kind, after: number): NamedPage {
  const writer = new ByteWriter();
  const complete = writeEntries(state, kind, after, writer);
  return { index: state.index, entries: writer.finish(), complete, clusterId: state.clusterId };
}

/** Whether these were the last ones. */
function writeEntries(state: ClusterState, kind: NamedRequest_Kind, after: number, writer: ByteWriter): boolean {
  switch (kind) {
    case NamedRequest_Kind.KIND_OBJECTS:
      return writePage(
        state.objects.values(),
        NAMED_OBJECTS_PAGE,
        ({ number }) => number > after,
        (object) => writeObject(writer, object),
      );
    case NamedRequest_Kind.KIND_MANIFESTS:
      return writePage(state.partitions.values(), NAMED_MANIFESTS_PAGE, isNaming(after), (partition) => writePointer(writer, partition));
    default:
      throw new QueueError("INVALID_REQUEST", `it is not known what is asked for. kind=${kind}`);
  }
}

/** They are walked from the first on for every page: a comparison each, and pages are asked for behind what takes far longer. */
function writePage<T>(all: Iterable<T>, count: number, isDue: (entity: T) => boolean, write: (entity: T) => void): boolean {
  let written = 0;
  for (const entity of all) {
    if (!isDue(entity)) continue;
    if (written === count) return false;
    write(entity);
    written += 1;
  }
  return true;
}

function isNaming(after: number): (partition: PartitionState) => boolean {
  return ({ id, manifest }) => id > after && manifest !== undefined;
}

function writePointer(writer: ByteWriter, { id, logStart, manifest }: PartitionState): void {
  if (manifest === undefined) return;
  writer.int64(id);
  writer.int64(logStart);
  writeManifest(writer, manifest);
}

/** @throws {QueueError} MALFORMED_FRAME */
export function objectsOf(page: NamedPage, after: number): Numbered<NamedObject>[] {
  return entriesOf(page, after, (reader): Numbered<ObjectState> => {
    const object = readObject(reader);
    return { number: object.number, entry: object };
  });
}

/** @throws {QueueError} MALFORMED_FRAME */
export function manifestsOf(page: NamedPage, after: number): Numbered<NamedManifest>[] {
  return entriesOf(page, after, (reader) => {
    const number = readNatural(reader);
    const logStart = readNatural(reader);
    return { number, entry: { logStart, pointer: readManifest(reader, number) } };
  });
}

function entriesOf<T>({ entries, complete }: NamedPage, after: number, read: (reader: ByteReader) => Numbered<T>): Numbered<T>[] {
  const found: Numbered<T>[] = [];
  const reader = new ByteReader(entries);
  try {
    while (reader.remaining > 0) found.push(read(reader));
  } catch (error) {
    throw error instanceof ProtocolError ? malformed(error.message) : error;
  }
  if (found.some(({ number }, at) => number <= (found[at - 1]?.number ?? after))) throw malformed("the entries do not ascend");
  if (!complete && found.length === 0) throw malformed("nothing is in it, and it is not the last one");
  return found;
}

function malformed(problem: string): QueueError {
  return new QueueError("MALFORMED_FRAME", `a page of what is named cannot be used. problem=${problem}`);
}
