import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { addTopic } from "./apply-topics.ts";
import type { ClusterState, PartitionState, TopicState } from "./cluster-state.ts";
import { readNatural } from "./field-codec.ts";
import type { ObjectState } from "./range-list.ts";
import { type Chunk, damagedSnapshot, readChunks } from "./snapshot-chunks.ts";
import { type PartitionContext, readHead, readObject, readPartition, readTopic } from "./state-codec.ts";

/** What the snapshot has to be of, and whose replicas' object index is entered; absent: that of all partitions. */
export type ExpectedSnapshot = Readonly<{ clusterId: string; index: number; keptBy?: number | undefined }>;

/**
 * The state that a snapshot holds, whole or not at all.
 * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT.
 */
export async function loadSnapshot(pieces: AsyncIterable<Uint8Array>, expected: ExpectedSnapshot): Promise<ClusterState> {
  const chunks: Chunk[] = [];
  for await (const chunk of readChunks(pieces)) chunks.push(chunk);
  try {
    return assemble(chunks, expected);
  } catch (error) {
    throw error instanceof ProtocolError ? damagedSnapshot(error.message) : error;
  }
}

/** The order of writing means nothing, so objects and topics are read before the partitions that name them. */
function assemble(chunks: readonly Chunk[], expected: ExpectedSnapshot): ClusterState {
  const { keptBy } = expected;
  const [head] = entries(chunks, "head", (reader, version) => readHead(reader, version, keptBy));
  if (head === undefined || chunks[0]?.kind !== "head") throw damagedSnapshot("it has no head");
  if (head.clusterId !== expected.clusterId) throw damagedSnapshot(`it belongs to cluster ${head.clusterId}`);
  if (head.index !== expected.index) throw damagedSnapshot(`it holds batch ${head.index}, its name says ${expected.index}`);
  const topics = entries(chunks, "topics", readTopic);
  const topicsById = new Map(topics.map((topic) => [topic.id, topic]));
  const objects = entries(chunks, "objects", readObject);
  const objectsByNumber = new Map(objects.map((object) => [object.number, object]));
  const context: PartitionContext = { topicOf: (id) => topicsById.get(id), objectOf: (number) => objectsByNumber.get(number), keptBy };
  const partitions = entries(chunks, "partitions", (reader, version) => readPartition(reader, version, context));
  checkCounts(chunks, [topics.length, objects.length, partitions.length]);
  enter(head, topics, objects, partitions);
  return head;
}

function entries<T>(chunks: readonly Chunk[], kind: Chunk["kind"], read: (reader: ByteReader, version: number) => T): T[] {
  const found: T[] = [];
  for (const chunk of chunks) {
    if (chunk.kind !== kind) continue;
    const reader = new ByteReader(chunk.payload);
    while (reader.remaining > 0) found.push(read(reader, chunk.version));
  }
  return found;
}

function checkCounts(chunks: readonly Chunk[], found: readonly number[]): void {
  const [counts] = entries(chunks, "end", (reader) => [readNatural(reader), readNatural(reader), readNatural(reader)]);
  if (counts?.join() !== found.join()) throw damagedSnapshot(`it counts ${counts?.join("/")} entries and has ${found.join("/")}`);
}

/** In the order of creation, as if the commands had been applied here. */
function enter(
  state: ClusterState,
  topics: readonly TopicState[],
  objects: readonly ObjectState[],
  partitions: readonly PartitionState[],
): void {
  for (const partition of [...partitions].sort((a, b) => a.id - b.id)) state.partitions.set(partition.id, partition);
  for (const topic of [...topics].sort((a, b) => (a.partitions[0] ?? 0) - (b.partitions[0] ?? 0))) addTopic(state, topic);
  const kept = state.keptBy === undefined ? [...objects] : objects.filter(({ ranges }) => ranges > 0);
  for (const object of kept.sort((a, b) => a.number - b.number)) {
    if (object.ranges === 0) throw damagedSnapshot(`no range lies in object ${object.number}`);
    state.objects.set(state.objectKeyOf(object.id), object);
  }
  const names = state.topicsByMetricName.size + state.internalTopics.size;
  const unique = state.partitions.size === partitions.length && names === topics.length;
  if (!unique || state.topicsById.size !== topics.length || state.objects.size !== kept.length)
    throw damagedSnapshot("an entry stands twice");
  checkTopics(state);
}

function checkTopics(state: ClusterState): void {
  let partitions = 0;
  for (const topic of state.topicsById.values()) {
    partitions += topic.partitions.length;
    topic.partitions.forEach((id, index) => {
      const partition = state.partitions.get(id);
      if (partition?.topicId !== topic.id || partition.index !== index)
        throw damagedSnapshot(`topic ${topic.name} lacks partition ${index}`);
    });
  }
  if (partitions !== state.partitions.size) throw damagedSnapshot("a partition that its topic does not have");
}
