import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { assert } from "../base/assert.ts";
import type { ClusterState, PartitionState, StateObserver, TopicState } from "./cluster-state.ts";
import { SNAPSHOT_CHUNK_BYTES } from "./limits.ts";
import type { ObjectState } from "./range-list.ts";
import { type ChunkKind, encodeChunk } from "./snapshot-chunks.ts";
import { writeHead, writeObject, writePartition, writeTopic } from "./state-codec.ts";

/**
 * A snapshot of the state as it is when this is made, written while the state goes on changing: the walk takes one
 * chunk's worth at a time, and what changes or goes before the walk has come to it is written first.
 *
 *     state at the cut   [ written by the walk | touched, written early | still to come ]   created after the cut: left out
 *
 * One at a time; it watches the state until `next` answered undefined, or `abandon`.
 */
export class SnapshotWriter implements StateObserver {
  /** The last batch in it. */
  readonly index: number;
  readonly #state: ClusterState;
  readonly #number: number;
  readonly #chunkBytes: number;
  readonly #topics = new Section("topics");
  readonly #objects = new Section("objects");
  readonly #partitions = new Section("partitions");
  readonly #walk: Iterator<void>;
  readonly #ready: Uint8Array[] = [];
  #chunks = 0;
  #ended = false;

  /** @param chunkBytes What a chunk aims at. */
  constructor(state: ClusterState, chunkBytes: number = SNAPSHOT_CHUNK_BYTES) {
    assert(state.observer === undefined, "one snapshot at a time");
    assert(state.keptBy === undefined, "a snapshot holds the object index of all partitions");
    state.snapshotNumber += 1;
    state.observer = this;
    this.#state = state;
    this.#chunkBytes = chunkBytes;
    this.#number = state.snapshotNumber;
    this.index = state.index;
    this.#walk = this.#entities();
    const head = new ByteWriter();
    writeHead(head, state);
    this.#emit("head", head.finish());
  }

  /** The next chunk, or undefined when it is complete. Encodes at most about one chunk: about 1 ms. */
  next(): Uint8Array | undefined {
    while (this.#ready.length === 0 && !this.#ended) if (this.#walk.next().done === true) this.#end();
    return this.#ready.shift();
  }

  /** Gives up; a later one begins anew. */
  abandon(): void {
    if (this.#state.observer === this) this.#state.observer = undefined;
    this.#ended = true;
  }

  beforeTopic(topic: TopicState): void {
    if (!this.#isDue(topic)) return;
    writeTopic(this.#topics.entry(), topic);
    this.#emitFull(this.#topics);
  }

  beforeObject(object: ObjectState): void {
    if (!this.#isDue(object)) return;
    writeObject(this.#objects.entry(), object);
    this.#emitFull(this.#objects);
  }

  beforePartition(partition: PartitionState): void {
    if (!this.#isDue(partition)) return;
    writePartition(this.#partitions.entry(), partition);
    this.#emitFull(this.#partitions);
  }

  /** What came after the cut carries this snapshot's number from the beginning. */
  #isDue(entity: { savedIn: number }): boolean {
    if (entity.savedIn === this.#number) return false;
    entity.savedIn = this.#number;
    return true;
  }

  *#entities(): Generator<void> {
    for (const topic of this.#state.topicsById.values()) yield this.beforeTopic(topic);
    for (const object of this.#state.objects.values()) yield this.beforeObject(object);
    for (const partition of this.#state.partitions.values()) yield this.beforePartition(partition);
  }

  #end(): void {
    this.abandon();
    const sections = [this.#topics, this.#objects, this.#partitions];
    for (const section of sections) if (section.bytes > 0) this.#emit(section.kind, section.take());
    const end = new ByteWriter();
    for (const section of sections) end.int64(section.entries);
    this.#emit("end", end.finish());
  }

  #emitFull(section: Section): void {
    if (section.bytes >= this.#chunkBytes) this.#emit(section.kind, section.take());
  }

  #emit(kind: ChunkKind, payload: Uint8Array): void {
    this.#ready.push(encodeChunk(kind, this.#chunks, payload));
    this.#chunks += 1;
  }
}

/** Entries of one kind that wait for a full chunk. */
class Section {
  readonly kind: ChunkKind;
  entries = 0;
  readonly #writer = new ByteWriter(4096);

  constructor(kind: ChunkKind) {
    this.kind = kind;
  }

  get bytes(): number {
    return this.#writer.length;
  }

  /** Where the next entry is to be written. */
  entry(): ByteWriter {
    this.entries += 1;
    return this.#writer;
  }

  /** Valid until the next entry. */
  take(): Uint8Array {
    const bytes = this.#writer.finish();
    this.#writer.reset();
    return bytes;
  }
}
