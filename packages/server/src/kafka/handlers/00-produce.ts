import { ApiKey } from "@tidemq/protocol/api-keys.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { produceRequest } from "@tidemq/protocol/messages/00-produce.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { kafkaErrorOf } from "../../base/errors.ts";
import type { ClientConnection } from "../../client-net/client-connection.ts";
import { ACKS_MAJORITY, ACKS_NONE } from "../../partition/ack-waiters.ts";
import type { Partition } from "../../partition/partition.ts";
import type { ApiHandler } from "../api-handler.ts";
import { batchMessage, checkBatch } from "../batch-check.ts";
import type { KafkaParts } from "../kafka-parts.ts";
import { NAME_CACHE_SLOTS, PRODUCE_SWEEP_MS, PRODUCE_WAIT_MS_MAX } from "../limits.ts";
import { NameCache } from "../name-cache.ts";
import { EndpointBytes, endpointsOf } from "../node-endpoints.ts";
import { type PendingOwner, PendingProduce } from "../pending-produce.ts";
import { ProduceResponseWriter, produceResponseBytesMax } from "../produce-response.ts";
import { ProduceScanner } from "../produce-scanner.ts";

/*
 * Behaviour
 * - The whole request is checked for form before anything of it is appended. Then batch by batch, in order: everything
 *   that can refuse refuses here (partition, acks, form, size, checksum, timestamps, sequence), and is answered with
 *   offset −1; what is accepted is copied into the log from where it lies in the frame.
 * - The answer is written at once, with the offsets, and sent when all its batches are durable: acks 1 with the leader, −1 with every
 *   member of the in-sync set, which is what lies below the high watermark. Kafka has no others; here −2 is the majority of the set and
 *   n ≥ 2 any n of its members. Only −1 outlives an election for certain. n beyond the number of replicas is INVALID_REQUIRED_ACKS.
 * - NOT_ENOUGH_REPLICAS while the set is smaller than `min.insync.replicas` (acks −1; the number of replicas when that is less) or than n;
 *   NOT_ENOUGH_REPLICAS_AFTER_APPEND when it has become so until the batch is with all members.
 * - A retry of a batch that is here already waits like the batch itself.
 * - acks 0 is answered with nothing, and an error with the end of the connection, as Kafka does.
 * - A batch that is not safe within `timeoutMs` is answered with REQUEST_TIMED_OUT; it may still become so.
 * - A log that runs full slows its producers: throttle time in the answer, and the connection is not read for so long.
 * - Transactions are not implemented: UNSUPPORTED_VERSION for each partition of such a request.
 *
 * Version notes
 * - 0–2 are advertised and refused · v3 transactional id · v5 log start · v7 zstd · v8 error text · v9 flexible
 * - v10 current leader with NOT_LEADER_OR_FOLLOWER, and where that is · v11, v12 as v10 · v13 topics by id
 */

const TOPIC_IDS_SINCE = 13;
const NO_OFFSET = -1;
const FREE_MAX = 4096;

export function produceHandler(parts: KafkaParts): ApiHandler {
  const handler = new ProduceHandler(parts);
  return {
    apiKey: ApiKey.Produce,
    versions: produceRequest.versions,
    start: (connection, bytes, bodyStart, end, version, correlationId) =>
      handler.start(connection, bytes, bodyStart, end, version, correlationId),
  };
}

class ProduceHandler implements PendingOwner {
  readonly #parts: KafkaParts;
  readonly #scanner = new ProduceScanner();
  readonly #writer = new ProduceResponseWriter();
  readonly #names = new NameCache(NAME_CACHE_SLOTS, "utf8");
  readonly #ids = new NameCache(NAME_CACHE_SLOTS, "base64url");
  readonly #endpointBytes: EndpointBytes;
  readonly #free: PendingProduce[] = [];
  #oldest: PendingProduce | undefined;
  #newest: PendingProduce | undefined;
  #isSweeping = false;
  readonly #sweep = (): void => this.#timeOutOverdue();

  // Of the request that is being started.
  #bytes: Uint8Array = new Uint8Array(0);
  #version = 0;
  /** Refuses every partition of the request. */
  #requestCode = 0;
  #nowMs = 0;
  #throttleMs = 0;
  #hasError = false;
  /** Whom the client shall ask instead. */
  #leaders: number[] = [];
  // Of the partition that is being appended to.
  #baseOffset = NO_OFFSET;
  #appendTimeMs = NO_OFFSET;

  constructor(parts: KafkaParts) {
    this.#parts = parts;
    this.#endpointBytes = new EndpointBytes(parts);
  }

  start(connection: ClientConnection, bytes: Uint8Array, bodyStart: number, end: number, version: number, correlationId: number): void {
    const scanner = this.#scanner;
    scanner.check(bytes, bodyStart, end, version);
    this.#bytes = bytes;
    this.#version = version;
    this.#requestCode = requestCode(scanner);
    this.#nowMs = this.#parts.clock.wallMs();
    this.#throttleMs = 0;
    this.#hasError = false;
    if (scanner.acks === ACKS_NONE) this.#startUnanswered(connection);
    else this.#startAnswered(connection, correlationId);
    if (this.#throttleMs > 0) connection.mute(this.#throttleMs);
  }

  answered(pending: PendingProduce): void {
    this.#unlink(pending);
    this.#parts.counters.answered(ApiKey.Produce, this.#parts.clock.monotonicMs() - pending.startedMs);
  }

  free(pending: PendingProduce): void {
    if (this.#free.length < FREE_MAX) this.#free.push(pending);
  }

  #startUnanswered(connection: ClientConnection): void {
    const scanner = this.#scanner;
    while (scanner.nextTopic()) {
      while (scanner.nextPartition()) this.#append(this.#find(), undefined, 0);
    }
    this.#parts.counters.answered(ApiKey.Produce, 0);
    if (this.#hasError) connection.destroy();
  }

  #startAnswered(connection: ClientConnection, correlationId: number): void {
    const scanner = this.#scanner;
    const writer = this.#writer;
    const { responses } = connection;
    responses.reserve(produceResponseBytesMax(scanner.topics, scanner.nameBytes, scanner.partitions) + this.#endpointBytes.max);
    const pending = this.#free.pop() ?? new PendingProduce(this);
    const startedMs = this.#parts.clock.monotonicMs();
    const waitMs = Math.min(Math.max(scanner.timeoutMs, 0), PRODUCE_WAIT_MS_MAX);
    pending.begin(connection, this.#version, responses.chunk, startedMs, startedMs + waitMs);
    writer.begin(responses.chunk, responses.at, this.#version, correlationId, scanner.topics);
    while (scanner.nextTopic()) {
      writer.topic(this.#bytes, scanner.nameStart, scanner.nameLength, scanner.topicPartitions);
      while (scanner.nextPartition()) this.#appendAndWrite(pending);
      writer.topicEnd();
    }
    responses.advance(writer.end(this.#throttleMs, this.#takeEndpoints(connection)));
    this.#link(pending);
    pending.written(connection.openSlot());
  }

  #appendAndWrite(pending: PendingProduce): void {
    const writer = this.#writer;
    const partition = this.#find();
    const code = this.#append(partition, pending, writer.errorAt);
    const logStart = code === 0 && partition !== undefined ? partition.logStart : NO_OFFSET;
    const message = code === 0 ? null : batchMessage(code);
    writer.partition(this.#scanner.index, code, this.#baseOffset, this.#appendTimeMs, logStart, message);
    if (code === ErrorCode.NOT_LEADER_OR_FOLLOWER) this.#writeLeader();
    else writer.partitionEnd(-1, -1);
  }

  /** Appends the scanner's current batch. Returns Kafka's error code; base offset and append time are left in fields. */
  #append(partition: Partition | undefined, pending: PendingProduce | undefined, errorAt: number): number {
    this.#baseOffset = NO_OFFSET;
    this.#appendTimeMs = NO_OFFSET;
    const code = this.#tryAppend(partition, pending, errorAt);
    if (code === 0) return 0;
    this.#hasError = true;
    this.#parts.counters.error(code);
    return code;
  }

  #tryAppend(partition: Partition | undefined, pending: PendingProduce | undefined, errorAt: number): number {
    if (this.#requestCode !== 0) return this.#requestCode;
    if (partition === undefined) return this.#missing();
    const { recordsStart, recordsEnd } = this.#scanner;
    const { settings } = partition;
    const code = checkBatch(this.#bytes, recordsStart, recordsEnd, this.#version, settings, this.#nowMs);
    if (code !== 0) return code;
    const records = batch.recordCount(this.#bytes, recordsStart);
    const result = partition.append(this.#bytes, recordsStart, recordsEnd - recordsStart, pending?.waiterFor(errorAt), this.#scanner.acks);
    if (result.code !== undefined) {
      pending?.takeBack();
      return kafkaErrorOf(result.code);
    }
    this.#baseOffset = result.baseOffset;
    if (settings.timestampType === "LogAppendTime") this.#appendTimeMs = this.#nowMs;
    if (result.throttleMs > this.#throttleMs) this.#throttleMs = result.throttleMs;
    const { counters } = this.#parts;
    counters.producedBatches += 1;
    counters.producedRecords += records;
    counters.producedBytes += recordsEnd - recordsStart;
    return 0;
  }

  #find(): Partition | undefined {
    const { nameStart, nameLength, index } = this.#scanner;
    const { partitions } = this.#parts;
    if (this.#version >= TOPIC_IDS_SINCE) return partitions.byTopicId(this.#ids.text(this.#bytes, nameStart, nameLength), index);
    return partitions.byName(this.#names.text(this.#bytes, nameStart, nameLength), index);
  }

  /** The topic's partition is not here: because there is none, or because it is not led here. */
  #missing(): number {
    const topic = this.#topic();
    if (topic === undefined) return this.#version >= TOPIC_IDS_SINCE ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const exists = topic.partitions[this.#scanner.index] !== undefined;
    return exists ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }

  #topic() {
    const { nameStart, nameLength } = this.#scanner;
    const { state } = this.#parts;
    if (this.#version >= TOPIC_IDS_SINCE) return state.topicById(this.#ids.text(this.#bytes, nameStart, nameLength));
    return state.topicsByName.get(this.#names.text(this.#bytes, nameStart, nameLength));
  }

  #writeLeader(): void {
    const id = this.#topic()?.partitions[this.#scanner.index];
    const state = id === undefined ? undefined : this.#parts.state.partitions.get(id);
    this.#writer.partitionEnd(state?.leader ?? -1, state?.leaderEpoch ?? -1);
    if (state !== undefined) this.#leaders.push(state.leader);
  }

  #takeEndpoints(connection: ClientConnection) {
    if (this.#leaders.length === 0) return undefined;
    const leaders = this.#leaders;
    this.#leaders = [];
    return endpointsOf(this.#parts, connection, leaders);
  }

  #link(pending: PendingProduce): void {
    pending.previous = this.#newest;
    pending.next = undefined;
    if (this.#newest === undefined) this.#oldest = pending;
    else this.#newest.next = pending;
    this.#newest = pending;
    if (!this.#isSweeping) this.#sweepLater();
  }

  #unlink(pending: PendingProduce): void {
    if (pending.previous === undefined) this.#oldest = pending.next;
    else pending.previous.next = pending.next;
    if (pending.next === undefined) this.#newest = pending.previous;
    else pending.next.previous = pending.previous;
    pending.previous = undefined;
    pending.next = undefined;
  }

  #timeOutOverdue(): void {
    this.#isSweeping = false;
    const nowMs = this.#parts.clock.monotonicMs();
    for (let pending = this.#oldest; pending !== undefined; ) {
      const next = pending.next;
      if (pending.deadlineMs <= nowMs) pending.timeOut();
      pending = next;
    }
    if (this.#oldest !== undefined) this.#sweepLater();
  }

  #sweepLater(): void {
    this.#isSweeping = true;
    this.#parts.clock.after(PRODUCE_SWEEP_MS, this.#sweep);
  }
}

function requestCode(scanner: ProduceScanner): number {
  if (scanner.acks < ACKS_MAJORITY) return ErrorCode.INVALID_REQUIRED_ACKS;
  return scanner.isTransactional ? ErrorCode.UNSUPPORTED_VERSION : 0;
}
