import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import type { PendingRequest } from "../client-net/frame-handler.ts";
import type { TurnWork } from "../client-net/turn-queue.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { Timer } from "../io/clock.ts";
import type { RecordSlices } from "../model/record-slices.ts";
import type { MarkListener, Partition } from "../partition/partition.ts";
import { abandon, failureOf } from "./api-handler.ts";
import { BorrowedRecords } from "./borrowed-records.ts";
import type { DamageLog } from "./damage-log.ts";
import type { FetchPosition } from "./fetch-position.ts";
import { type FetchAnswer, type FetchPart, sendFetchAnswer } from "./fetch-response.ts";
import type { FetchSession } from "./fetch-session.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { FETCH_BYTES_MAX, FETCH_ROOM_SHARE, FETCH_SLOW_READS_MAX, FETCH_WAIT_MS_MAX } from "./limits.ts";
import { FETCH_FROM_FOLLOWERS_SINCE, followedHere, nearestFollower } from "./nearest-replica.ts";
import { endpointsOf } from "./node-endpoints.ts";
import { compareLeaderEpoch } from "./partition-access.ts";

/** One request, with what it fetches. */
export type FetchCall = Readonly<{
  connection: ClientConnection;
  version: number;
  correlationId: number;
  request: FetchRequest;
  positions: readonly FetchPosition[];
  session: FetchSession | undefined;
  isFull: boolean;
  isReadCommitted: boolean;
  startedMs: number;
}>;

type Found = Partition | number;

/** A partition that is listened to. `bytes`: what it had for the client when it was looked at last. */
type Watched = { readonly position: FetchPosition; bytes: number };

/** An answer that is being gathered: the bytes it may still take, and what is being read from elsewhere than memory. */
type Reading = { bytes: number; isFirst: boolean; readonly slow: Promise<void>[]; slowBytes: number };

/**
 * One Fetch from its start to its answer:
 *
 *   look → enough there, or an error? ──yes──────────────▶ read → answer
 *            └─no─▶ wait: a mark moves, time is over ──────┘
 */
export class ActiveFetch implements MarkListener, PendingRequest, TurnWork {
  readonly #parts: KafkaParts;
  readonly #call: FetchCall;
  readonly #damage: DamageLog;
  readonly #bytesMin: number;
  readonly #watched = new Map<Partition, Watched>();
  /** What all of them had. */
  #bytes = 0;
  /** Since the last look. */
  readonly #moved = new Set<Partition>();
  /** A partition stands in the request twice: no more than the last is kept of it. */
  #hasTwins = false;
  #timer: Timer | undefined;
  #isWaiting = false;
  #isQueued = false;

  constructor(parts: KafkaParts, call: FetchCall, damage: DamageLog) {
    this.#parts = parts;
    this.#call = call;
    this.#damage = damage;
    this.#bytesMin = Math.min(call.request.minBytes, call.request.maxBytes);
  }

  start(): void {
    if (this.#isReady()) this.#answer();
    else this.#wait();
  }

  markMoved(partition: Partition): void {
    if (!this.#isWaiting) return;
    this.#moved.add(partition);
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#call.connection.beforeSending(this);
  }

  /** Marks of a whole durable group have moved. */
  turn(): void {
    this.#isQueued = false;
    if (!this.#isWaiting) return;
    if (this.#hasMovedEnough()) this.#answer();
  }

  cancel(): void {
    if (this.#isWaiting) this.#answer();
  }

  /** Whether there is no point in waiting: an error, nothing asked for, or as many bytes as were asked for. */
  #isReady(): boolean {
    const { positions, request } = this.#call;
    if (request.maxWaitMs <= 0 || this.#bytesMin <= 0 || positions.length === 0) return true;
    let bytes = 0;
    for (const position of positions) {
      const found = this.#find(position);
      if (typeof found === "number" || this.#hasNews(found, position)) return true;
      bytes += readableBytes(found, position);
      if (bytes >= this.#bytesMin) return true;
    }
    return false;
  }

  /** Something to tell that is no record. */
  #hasNews(found: Partition, position: FetchPosition): boolean {
    if (this.#isOutOfRange(found, position) || this.#divergence(found, position) !== undefined) return true;
    return this.#nearest(found, position) !== undefined;
  }

  /** Looks at what moved and nothing else: one of a thousand partitions moves with each batch that is written. */
  #hasMovedEnough(): boolean {
    for (const partition of this.#moved) {
      const watched = this.#watched.get(partition);
      if (watched === undefined || this.#hasTwins || this.#find(watched.position) !== partition) return this.#isReadyAnew();
      if (this.#hasNews(partition, watched.position)) return true;
      const bytes = readableBytes(partition, watched.position);
      this.#bytes += bytes - watched.bytes;
      watched.bytes = bytes;
    }
    if (this.#bytes >= this.#bytesMin) return true;
    // One that was led here, and is followed now, has forgotten who listens.
    for (const partition of this.#moved) partition.listen(this);
    this.#moved.clear();
    return false;
  }

  /** What moved is another partition by now, or none. */
  #isReadyAnew(): boolean {
    if (this.#isReady()) return true;
    this.#watch();
    return false;
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#watch();
    const waitMs = Math.min(this.#call.request.maxWaitMs, FETCH_WAIT_MS_MAX);
    this.#timer = this.#parts.clock.after(waitMs, () => this.cancel());
    this.#call.connection.waitFor(this);
  }

  #watch(): void {
    this.#unwatch();
    this.#bytes = 0;
    for (const position of this.#call.positions) {
      const found = this.#find(position);
      if (typeof found === "number") continue;
      found.listen(this);
      const bytes = readableBytes(found, position);
      this.#bytes += bytes;
      this.#hasTwins ||= this.#watched.has(found);
      this.#watched.set(found, { position, bytes });
    }
  }

  #unwatch(): void {
    for (const partition of this.#watched.keys()) partition.unlisten(this);
    this.#watched.clear();
    this.#moved.clear();
  }

  #stopWaiting(): void {
    this.#isWaiting = false;
    this.#timer?.cancel();
    this.#unwatch();
  }

  #answer(): void {
    this.#stopWaiting();
    const { connection } = this.#call;
    if (!connection.isOpen) return;
    try {
      const reading: Reading = { bytes: this.#bytesMax(), isFirst: true, slow: [], slowBytes: 0 };
      const parts = this.#call.positions.map((position) => this.#readOne(position, reading));
      if (reading.slow.length === 0) return this.#send(parts);
      connection.claimAnswer(reading.slowBytes);
      void Promise.all(reading.slow).then(() => {
        connection.releaseAnswer(reading.slowBytes);
        this.#parts.coldTurns.run(() => this.#sendOrAbandon(parts));
      });
    } catch (thrown) {
      abandon(this.#parts, connection, thrown, "Fetch");
    }
  }

  #sendOrAbandon(parts: FetchPart[]): void {
    try {
      this.#send(parts);
      // At once, so that the copy to the kernel is part of the share.
      this.#call.connection.sendNow();
    } catch (thrown) {
      abandon(this.#parts, this.#call.connection, thrown, "Fetch");
    }
  }

  /** Less for each when memory for answers is short: many slow readers share it, and nobody waits for them. */
  #bytesMax(): number {
    const { request, connection } = this.#call;
    return Math.min(Math.max(request.maxBytes, 0), FETCH_BYTES_MAX, Math.floor(connection.answerRoom / FETCH_ROOM_SHARE));
  }

  /** What is not in memory is read beside each other. */
  #readOne(position: FetchPosition, reading: Reading): FetchPart {
    const found = this.#find(position);
    if (typeof found === "number") return this.#failed(position, undefined, found);
    const diverging = this.#divergence(found, position);
    if (diverging !== undefined) return { ...emptyPart(position, found), diverging };
    if (this.#isOutOfRange(found, position)) return this.#failed(position, found, ErrorCode.OFFSET_OUT_OF_RANGE);
    const nearest = this.#nearest(found, position);
    if (nearest !== undefined) return { ...emptyPart(position, found), nearest };
    const part = emptyPart(position, found);
    const bytesMax = Math.min(Math.max(position.bytesMax, 0), reading.bytes);
    if (position.offset >= found.highWatermark || (bytesMax === 0 && !reading.isFirst)) return part;
    if (reading.slow.length >= FETCH_SLOW_READS_MAX) return part;
    try {
      const slices = found.read(position.offset, bytesMax, reading.isFirst);
      if (slices instanceof Promise) {
        reading.bytes -= bytesMax;
        reading.slowBytes += bytesMax;
        const taken = slices.then(
          (read) => this.#takeCold(part, found, read),
          (thrown: unknown) => this.#readFailed(part, thrown),
        );
        reading.slow.push(taken);
      } else {
        reading.bytes = Math.max(reading.bytes - slices.bytes, 0);
        part.records = new BorrowedRecords(slices);
        this.#parts.counters.fetchedSlabBytes += slices.bytes;
        if (slices.bytes === 0) return part;
      }
      reading.isFirst = false;
    } catch (thrown) {
      this.#readFailed(part, thrown);
    }
    return part;
  }

  #takeCold(part: FetchPart, partition: Partition, slices: RecordSlices): void {
    part.records = new BorrowedRecords(slices);
    const { counters } = this.#parts;
    if (part.position.offset >= partition.wal.firstOffset) counters.fetchedFileBytes += slices.bytes;
    else counters.fetchedObjectBytes += slices.bytes;
  }

  #readFailed(part: FetchPart, thrown: unknown): void {
    const [code] = failureOf(this.#parts, thrown, "Fetch");
    if (thrown instanceof QueueError && thrown.code === "CORRUPT_RECORD") this.#damage.met(thrown.message);
    part.errorCode = code;
  }

  #send(parts: FetchPart[]): void {
    const { connection, version, correlationId, session, isReadCommitted, startedMs } = this.#call;
    if (!connection.isOpen) {
      for (const part of parts) part.records?.release();
      return;
    }
    const leaders = parts.flatMap(({ leader }) => (leader === undefined ? [] : [leader.id]));
    const answer: FetchAnswer = {
      errorCode: ErrorCode.NONE,
      sessionId: session?.id ?? 0,
      isReadCommitted,
      parts: this.#newToClient(parts),
      endpoints: endpointsOf(this.#parts, connection, leaders),
    };
    this.#parts.counters.answered(1, this.#parts.clock.monotonicMs() - startedMs);
    sendFetchAnswer(connection, version, correlationId, answer);
  }

  /** In a session only what the client does not know yet is told, and kept in mind. */
  #newToClient(parts: FetchPart[]): FetchPart[] {
    const { session, isFull } = this.#call;
    if (session === undefined) return parts;
    const told = isFull ? parts : parts.filter(isNews);
    for (const part of told) {
      const failed = part.errorCode !== 0;
      part.position.toldHighWatermark = failed ? -1 : part.highWatermark;
      part.position.toldLogStart = failed ? -1 : part.logStart;
      if ((part.records?.bytes ?? 0) > 0) session.moveToEnd(part.position);
    }
    return told;
  }

  /** The partition, or the error that the client gets for it. */
  #find(position: FetchPosition): Found {
    const { topic, topicId, index, leaderEpoch } = position;
    const { partitions } = this.#parts;
    const partition = topic === "" ? partitions.byTopicId(topicId, index) : partitions.byName(topic, index);
    if (partition === undefined) return this.#findFollowed(position);
    const code = compareLeaderEpoch(leaderEpoch, partition.leaderEpoch);
    return code === ErrorCode.NONE ? partition : code;
  }

  /** As it follows its leader here, for clients that know of that; else why it is not here. */
  #findFollowed(position: FetchPosition): Found {
    const state = this.#stateOf(position);
    if (state === undefined || this.#call.version < FETCH_FROM_FOLLOWERS_SINCE) return this.#missing(position);
    const followed = followedHere(this.#parts, state);
    if (followed === undefined) return this.#missing(position);
    const code = compareLeaderEpoch(position.leaderEpoch, state.leaderEpoch);
    return code === ErrorCode.NONE ? followed : code;
  }

  /** The follower that is to be asked instead. */
  #nearest(partition: Partition, { offset }: FetchPosition): number | undefined {
    const { connection, request } = this.#call;
    if (request.rackId === "" || partition.inSyncCount === undefined) return undefined;
    return nearestFollower(this.#parts, connection, partition, offset, request.rackId);
  }

  #missing({ topic, topicId, index }: FetchPosition): number {
    const { state } = this.#parts;
    const known = topic === "" ? state.topicById(topicId) : state.topicsByName.get(topic);
    if (known === undefined) return topic === "" ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return known.partitions[index] === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  #isOutOfRange(partition: Partition, position: FetchPosition): boolean {
    return position.offset < partition.logStart || position.offset > partition.logEnd;
  }

  /** Where the log of the client and this one part, when the client tells the epoch of what it has (KIP-595). */
  #divergence(partition: Partition, position: FetchPosition): FetchPart["diverging"] {
    if (position.lastFetchedEpoch < 0) return undefined;
    const end = partition.live.epochEnd(position.lastFetchedEpoch);
    if (end === undefined) return { epoch: -1, endOffset: -1 };
    const endOffset = end.endOffset ?? partition.logEnd;
    const isSame = end.epoch === position.lastFetchedEpoch && endOffset >= position.offset;
    return isSame ? undefined : { epoch: end.epoch, endOffset };
  }

  #failed(position: FetchPosition, partition: Partition | undefined, errorCode: number): FetchPart {
    this.#parts.counters.error(errorCode);
    const part: FetchPart = {
      position,
      errorCode,
      highWatermark: -1,
      lastStable: -1,
      logStart: -1,
      leader: undefined,
      nearest: undefined,
      diverging: undefined,
      records: undefined,
    };
    const leader = partition === undefined ? this.#leaderOf(position) : undefined;
    return leader === undefined ? part : { ...part, leader };
  }

  #leaderOf(position: FetchPosition): FetchPart["leader"] {
    const state = this.#stateOf(position);
    return state === undefined ? undefined : { id: state.leader, epoch: state.leaderEpoch };
  }

  #stateOf({ topic, topicId, index }: FetchPosition): PartitionState | undefined {
    const { state } = this.#parts;
    const known = topic === "" ? state.topicById(topicId) : state.topicsByName.get(topic);
    const id = known?.partitions[index];
    return id === undefined ? undefined : must(state.partitions.get(id), "partition of a topic");
  }
}

function emptyPart(position: FetchPosition, partition: Partition): FetchPart {
  return {
    position,
    errorCode: ErrorCode.NONE,
    highWatermark: partition.highWatermark,
    lastStable: partition.lastStable,
    logStart: partition.logStart,
    leader: undefined,
    nearest: undefined,
    diverging: undefined,
    records: undefined,
  };
}

/** Roughly; what lies in object storage counts as much as was asked for. */
function readableBytes(partition: Partition, position: FetchPosition): number {
  if (!partition.hasRecordsFrom(position.offset)) return 0;
  if (position.offset < partition.wal.firstOffset) return position.bytesMax;
  return Math.min(Math.max(partition.bytesReadable(position.offset), 1), Math.max(position.bytesMax, 1));
}

function isNews(part: FetchPart): boolean {
  const { position } = part;
  if (part.errorCode !== 0 || part.diverging !== undefined || part.nearest !== undefined || (part.records?.bytes ?? 0) > 0) return true;
  return part.highWatermark !== position.toldHighWatermark || part.logStart !== position.toldLogStart;
}
