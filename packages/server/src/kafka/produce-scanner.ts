import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { ByteCursor } from "./byte-cursor.ts";

const FLEXIBLE_SINCE = 9;
const TOPIC_IDS_SINCE = 13;
const UUID_BYTES = 16;

/**
 * Walks through the body of a Produce request in its frame and makes nothing of it but numbers. Equal, byte for byte, to
 * what the declaration of the message accepts (tested). Two passes: the first sees whether the whole request is well
 * formed, before anything of it is appended.
 *
 *   transactional id | acks | timeout | topics: name or id, partitions: index, records
 */
export class ProduceScanner {
  readonly #cursor = new ByteCursor();
  #flexible = false;
  #topicIds = false;
  #topicsStart = 0;
  #topicsLeft = 0;
  #partitionsLeft = 0;

  isTransactional = false;
  acks = 0;
  timeoutMs = 0;
  topics = 0;
  /** Of all topics together; filled by `check`. */
  partitions = 0;
  /** Bytes of all topic names or ids together; filled by `check`. */
  nameBytes = 0;

  /** Of the current topic: its name or id is `bytes[nameStart, nameStart + nameLength)`. */
  nameStart = 0;
  nameLength = 0;
  topicPartitions = 0;

  /** Of the current partition; records are `bytes[recordsStart, recordsEnd)`, empty when they were null. */
  index = 0;
  recordsStart = 0;
  recordsEnd = 0;

  /**
   * Reads the fields before the topics and checks the form of all that follows.
   * @throws {ProtocolError} MALFORMED
   */
  check(bytes: Uint8Array, start: number, end: number, version: number): void {
    const cursor = this.#cursor;
    cursor.reset(bytes, start, end);
    this.#flexible = version >= FLEXIBLE_SINCE;
    this.#topicIds = version >= TOPIC_IDS_SINCE;
    const idBytes = this.#flexible ? cursor.compactLength() : cursor.int16Length();
    this.isTransactional = idBytes >= 0;
    cursor.skip(Math.max(idBytes, 0));
    this.acks = cursor.int16();
    this.timeoutMs = cursor.int32();
    this.topics = this.#count();
    this.#topicsStart = cursor.at;
    this.#walk();
    this.rewind();
  }

  /** Before the first topic again. */
  rewind(): void {
    this.#cursor.at = this.#topicsStart;
    this.#topicsLeft = this.topics;
    this.#partitionsLeft = 0;
  }

  /** The next topic, whose partitions have to be gone through before the one after it. */
  nextTopic(): boolean {
    if (this.#topicsLeft === 0) return false;
    this.#topicsLeft -= 1;
    const cursor = this.#cursor;
    if (this.#topicIds) this.nameLength = UUID_BYTES;
    else this.nameLength = this.#notNull(this.#flexible ? cursor.compactLength() : cursor.int16Length());
    this.nameStart = cursor.at;
    cursor.skip(this.nameLength);
    this.topicPartitions = this.#count();
    this.#partitionsLeft = this.topicPartitions;
    if (this.#partitionsLeft === 0 && this.#flexible) cursor.skipTaggedFields();
    return true;
  }

  /** The next partition of the current topic. */
  nextPartition(): boolean {
    if (this.#partitionsLeft === 0) return false;
    this.#partitionsLeft -= 1;
    const cursor = this.#cursor;
    this.index = cursor.int32();
    const recordsBytes = Math.max(this.#flexible ? cursor.compactLength() : cursor.int32Length(), 0);
    this.recordsStart = cursor.at;
    cursor.skip(recordsBytes);
    this.recordsEnd = cursor.at;
    if (!this.#flexible) return true;
    cursor.skipTaggedFields();
    if (this.#partitionsLeft === 0) cursor.skipTaggedFields();
    return true;
  }

  #walk(): void {
    this.partitions = 0;
    this.nameBytes = 0;
    this.#topicsLeft = this.topics;
    while (this.nextTopic()) {
      this.nameBytes += this.nameLength;
      this.partitions += this.topicPartitions;
      while (this.nextPartition());
    }
    if (this.#flexible) this.#cursor.skipTaggedFields();
  }

  #count(): number {
    const count = this.#notNull(this.#flexible ? this.#cursor.compactLength() : this.#cursor.int32Length());
    // Each element takes at least one byte: the count of a loop is bounded by what was really sent.
    if (count > this.#cursor.remaining) throw malformed("more elements than bytes");
    return count;
  }

  #notNull(length: number): number {
    if (length < 0) throw malformed("null where it may not be");
    return length;
  }
}

function malformed(problem: string): ProtocolError {
  return new ProtocolError("MALFORMED", `malformed frame. problem=${problem}`);
}
