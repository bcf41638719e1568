import * as batch from "@tidemq/protocol/record-batch.ts";
import { QueueError } from "../base/errors.ts";
import { type Clock, sleep, type Timer } from "../io/clock.ts";
import { PeerError } from "../io/peer-error.ts";
import type { PeerStream, PeerStreamReader } from "../io/peer-transport.ts";
import type { Random } from "../io/random.ts";
import { decodeMessage } from "../peer-net/messages.ts";
import type { Peer } from "../peer-net/peer.ts";
import {
  type Append,
  type Begin,
  type Drop,
  type Fullness,
  type Hello,
  LeaderMessage,
  type Part,
} from "../peer-net/proto/broker/replication.ts";
import type { Log } from "../telemetry/log.ts";
import { BASE_BYTES_MAX } from "../tier/limits.ts";
import {
  EPOCHS_MAX,
  FOLLOW_RETRY_MAX_MS,
  FOLLOW_RETRY_MIN_MS,
  PINNING_MAX,
  STREAM_RETRY_MAX_MS,
  STREAM_RETRY_MIN_MS,
  WAITING_MESSAGES_MAX,
} from "./limits.ts";
import type { FollowedLog } from "./logs.ts";
import { encodeFollowerWord, FOLLOW_PATH, type FollowerWord } from "./messages.ts";

/** What a link asks of the side that follows. */
export interface FollowingSide {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Log;
  /** The broker as it can be reached now; undefined: nobody knows. */
  peer(broker: number): Peer | undefined;
  hello(leader: number): Hello;
  /** Of the newest batch of metadata that is applied here. */
  readonly metadataIndex: number;
  /** Of the write-ahead log: what cannot be used again without an upload. */
  usedRatio(): number;
  /** A broken invariant: ends the process. */
  fatal(error: Error): void;
}

type Followed = {
  readonly log: FollowedLog;
  readonly leaderEpoch: number;
  /** The leader has said where it begins, and it was done. */
  isInStep: boolean;
  /** Counts how often it was begun: what belongs to an earlier time is not waited for. */
  stay: number;
  retryMs: number;
  retry: Timer | undefined;
};

/** A message that is not acknowledged: what it brought is durable when each log's durable end has reached its end. */
type Received = Readonly<{ number: number; ends: readonly Readonly<{ followed: Followed; stay: number; end: number }>[] }>;

/** A base on its way: where the partition begins anew with it. */
type ComingBase = { readonly begin: Begin; readonly bytes: Uint8Array; filled: number };

/**
 * A follower's end of its stream to one leader, for all partitions that follow it: takes what comes in the right epoch and at the end
 * of the log, and has anything else begun anew. Messages are handled one after the other.
 */
export class LeaderLink {
  readonly #side: FollowingSide;
  readonly #leader: number;
  readonly #followed = new Map<number, Followed>();
  #stream: PeerStream | undefined;
  #isRunning = false;
  #isClosed = false;
  readonly #waiting: LeaderMessage[] = [];
  #isBusy = false;
  #isPaused = false;
  #base: ComingBase | undefined;
  readonly #received: Received[] = [];
  #numberTaken = 0;
  #numberAcknowledged = 0;
  /** As the leader was told last. */
  #toldFullness = "";

  constructor(side: FollowingSide, leader: number) {
    this.#side = side;
    this.#leader = leader;
  }

  /** Follows the leader in this epoch from now on. */
  follow(log: FollowedLog, leaderEpoch: number): void {
    this.#stop(log.id);
    const followed: Followed = { log, leaderEpoch, isInStep: false, stay: 0, retryMs: FOLLOW_RETRY_MIN_MS, retry: undefined };
    this.#followed.set(log.id, followed);
    if (this.#stream !== undefined) this.#ask(followed);
    else if (!this.#isRunning) this.#run().catch((error: unknown) => this.#side.fatal(error as Error));
  }

  /** Something of it was lost. Who is not in step asks anyway. */
  followAnew(partitionId: number): void {
    const followed = this.#followed.get(partitionId);
    if (followed?.isInStep === true) this.#askLater(followed, LOST);
  }

  leave(partitionId: number): void {
    if (this.#followed.has(partitionId)) this.#say({ $case: "leave", value: { partitionId } });
    this.#stop(partitionId);
  }

  /** Groups of the log became durable. */
  durable(): void {
    const before = this.#numberAcknowledged;
    while (this.#received[0]?.ends.every((part) => this.#isDone(part)) === true) {
      this.#numberAcknowledged = (this.#received.shift() as Received).number;
    }
    if (this.#numberAcknowledged > before) this.#say({ $case: "ack", value: { number: this.#numberAcknowledged, fullness: undefined } });
  }

  /** How full the log is and what pins it, when that is news; with the number of the last acknowledgement, which says nothing new. */
  tellFullness(): void {
    if (this.#stream === undefined) return;
    const fullness = this.#fullness();
    const text = `${fullness.usedPermille}:${fullness.pinningPartitionIds.join()}`;
    if (text === this.#toldFullness) return;
    this.#toldFullness = text;
    this.#say({ $case: "ack", value: { number: this.#numberAcknowledged, fullness } });
  }

  #fullness(): Fullness {
    const pinning: number[] = [];
    for (const [id, { log }] of this.#followed) if (log.pinsLog && pinning.length < PINNING_MAX) pinning.push(id);
    // In hundredths: what changed by less is no news.
    return { usedPermille: 10 * Math.round(100 * Math.min(1, this.#side.usedRatio())), pinningPartitionIds: pinning };
  }

  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#followed.keys()]) this.#stop(id);
    this.#stream?.cancel();
  }

  /** Of what the partition fell out of since, the leader knows that it does not count: it was told before it hears of the message. */
  #isDone({ followed, stay, end }: Received["ends"][number]): boolean {
    const { log } = followed;
    return log.durableEnd >= end || followed.stay !== stay || this.#followed.get(log.id) !== followed;
  }

  #stop(partitionId: number): void {
    this.#followed.get(partitionId)?.retry?.cancel();
    this.#followed.delete(partitionId);
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#side;
    this.#isRunning = true;
    while (!this.#isClosed && this.#followed.size > 0) {
      await this.#session();
      await sleep(clock, STREAM_RETRY_MIN_MS + (random.uint32() % (STREAM_RETRY_MAX_MS - STREAM_RETRY_MIN_MS)));
    }
    this.#isRunning = false;
  }

  /** One stream, to its end. */
  async #session(): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let stream: PeerStream | undefined;
    const reader: PeerStreamReader = {
      isLent: true,
      message: (bytes) => this.#hear(bytes),
      drained: () => undefined,
      ended: () => undefined,
      closed: () => resolve(),
    };
    try {
      stream = await this.#side.peer(this.#leader)?.open(FOLLOW_PATH, () => reader);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
    }
    if (stream === undefined) return;
    if (this.#isClosed) return stream.cancel();
    this.#begin(stream);
    await over;
    this.#end();
  }

  #begin(stream: PeerStream): void {
    this.#stream = stream;
    this.#numberTaken = 0;
    this.#numberAcknowledged = 0;
    this.#toldFullness = "";
    this.#say({ $case: "hello", value: this.#side.hello(this.#leader) });
    for (const followed of this.#followed.values()) this.#ask(followed);
  }

  #end(): void {
    this.#stream = undefined;
    this.#waiting.length = 0;
    this.#received.length = 0;
    this.#base = undefined;
    this.#isPaused = false;
    for (const followed of this.#followed.values()) {
      followed.isInStep = false;
      followed.retry?.cancel();
      followed.retry = undefined;
    }
  }

  #ask(followed: Followed): void {
    const { log, leaderEpoch } = followed;
    followed.isInStep = false;
    followed.stay += 1;
    const { epochs, starts, end } = log.history();
    const damaged = log.isDamaged || log.isBehind;
    this.#say({
      $case: "follow",
      value: {
        partitionId: log.id,
        leaderEpoch,
        logEnd: end,
        epochs: epochs.slice(-EPOCHS_MAX),
        epochStarts: starts.slice(-EPOCHS_MAX),
        damaged,
        metadataIndex: this.#side.metadataIndex,
      },
    });
  }

  /**
   * It fell out of the stream, and asks again after a while. The leader hears that at once: an acknowledgement of messages, which
   * follows, must not be taken for this partition's.
   */
  #askLater(followed: Followed, reason: string): void {
    if (this.#followed.get(followed.log.id) !== followed) return; // begun anew meanwhile
    followed.isInStep = false;
    followed.stay += 1;
    this.#say({ $case: "leave", value: { partitionId: followed.log.id } });
    if (followed.retry !== undefined) return;
    const { clock, logger } = this.#side;
    logger.info("a partition is followed anew", { partition: followed.log.name, leader: this.#leader, reason });
    followed.retry = clock.after(followed.retryMs, () => {
      followed.retry = undefined;
      if (this.#stream !== undefined && this.#followed.get(followed.log.id) === followed) this.#ask(followed);
    });
    followed.retryMs = Math.min(FOLLOW_RETRY_MAX_MS, followed.retryMs * 2);
  }

  #hear(bytes: Uint8Array): void {
    if (this.#stream === undefined) return;
    try {
      // What has to wait is kept, and the bytes are only lent.
      this.#waiting.push(decodeMessage(LeaderMessage, this.#isBusy ? Uint8Array.from(bytes) : bytes));
    } catch (error) {
      return this.#cut((error as Error).message);
    }
    if (!this.#isBusy) this.#takeWaiting();
    else if (this.#waiting.length > WAITING_MESSAGES_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream.pause();
    }
  }

  /** Nothing of this stream is believed any more. */
  #cut(reason: string): void {
    this.#side.logger.warn("what a leader sends cannot be used; the stream is opened anew", { leader: this.#leader, reason });
    this.#stream?.cancel();
    this.#waiting.length = 0;
  }

  /** In their order; one that takes time holds up those behind it. */
  #takeWaiting(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const busy = this.#take(next);
      if (busy === undefined) continue;
      this.#isBusy = true;
      busy
        .catch((error: unknown) => this.#side.fatal(error as Error))
        .finally(() => {
          this.#isBusy = false;
          // Of this stream, or of one that was opened meanwhile.
          this.#takeWaiting();
        });
      return;
    }
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream?.resume();
  }

  #take({ kind }: LeaderMessage): Promise<void> | undefined {
    switch (kind?.$case) {
      case "begin":
        return this.#beginPartition(kind.value);
      case "base":
        return this.#takeBase(kind.value.bytes);
      case "append":
        return this.#append(kind.value);
      case "drop":
        return this.#dropped(kind.value);
      default:
        return this.#cut("a leader says what this version does not know") as undefined;
    }
  }

  /** The partition as the message means it; undefined: it is followed no more, or in another epoch. */
  #current({ partitionId, leaderEpoch }: Readonly<{ partitionId: number; leaderEpoch: number }>): Followed | undefined {
    const followed = this.#followed.get(partitionId);
    return followed?.leaderEpoch === leaderEpoch ? followed : undefined;
  }

  #dropped(drop: Drop): undefined {
    const followed = this.#current(drop);
    if (followed !== undefined) this.#askLater(followed, drop.reason);
  }

  #beginPartition(begin: Begin): Promise<void> | undefined {
    const { from, baseBytes } = begin;
    if (this.#base !== undefined) return this.#cut("a base is not whole") as undefined;
    if (baseBytes !== undefined) {
      if (baseBytes > BASE_BYTES_MAX) return this.#cut("a base is too large") as undefined;
      this.#base = { begin, bytes: new Uint8Array(baseBytes), filled: 0 };
      return this.#takeBase(NOTHING);
    }
    const followed = this.#current(begin);
    if (followed === undefined) return undefined;
    const { log } = followed;
    if (from > log.logEnd) return this.#askLater(followed, "the leader would go on beyond the end of the log") as undefined;
    if (from === log.logEnd) return this.#inStep(followed) as undefined;
    return log.truncateTo(from, begin.leaderEpoch).then(
      () => this.#inStep(followed),
      (error: unknown) => {
        if (!(error instanceof QueueError)) throw error;
        this.#askLater(followed, error.message);
      },
    );
  }

  #inStep(followed: Followed): void {
    if (this.#followed.get(followed.log.id) !== followed) return;
    // Since it asked.
    if (followed.log.isDamaged) return this.#askLater(followed, LOST);
    followed.isInStep = true;
  }

  #takeBase(bytes: Uint8Array): undefined {
    const base = this.#base;
    if (base === undefined || base.filled + bytes.byteLength > base.bytes.byteLength)
      return this.#cut("a base is larger than it should be") as undefined;
    base.bytes.set(bytes, base.filled);
    base.filled += bytes.byteLength;
    if (base.filled < base.bytes.byteLength) return;
    this.#base = undefined;
    const followed = this.#current(base.begin);
    if (followed === undefined) return;
    if (!followed.log.mayBeginAt(base.begin.from))
      return this.#askLater(followed, "the metadata here says other than the leader's") as undefined;
    try {
      followed.log.beginAt(base.begin.from, base.bytes);
      this.#inStep(followed);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#askLater(followed, error.message);
    }
  }

  #append({ number, parts, payload }: Append): undefined {
    if (number !== this.#numberTaken + 1) return this.#cut("a message is missing") as undefined;
    this.#numberTaken = number;
    const ends: { followed: Followed; stay: number; end: number }[] = [];
    let at = 0;
    for (const part of parts) {
      const end = at + part.bytes;
      if (part.bytes < 0 || end > payload.byteLength) return this.#cut("a message is shorter than it says") as undefined;
      const followed = this.#current(part);
      if (followed?.isInStep === true) {
        const problem = appendPart(followed.log, part, payload, at);
        if (problem !== undefined) this.#askLater(followed, problem);
        else {
          followed.retryMs = FOLLOW_RETRY_MIN_MS;
          ends.push({ followed, stay: followed.stay, end: followed.log.logEnd });
        }
      }
      at = end;
    }
    this.#received.push({ number, ends });
    this.durable();
  }

  #say(kind: FollowerWord): void {
    try {
      this.#stream?.send(encodeFollowerWord(kind));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#stream?.cancel();
    }
  }
}

const NOTHING = new Uint8Array(0);
const LOST = "something of it is lost here";

/** Appends what a message has of one partition; why that cannot be, when it cannot. Some of it may have been appended. */
function appendPart(log: FollowedLog, part: Part, payload: Uint8Array, start: number): string | undefined {
  if (log.isDamaged) return LOST;
  if (part.baseOffset !== log.logEnd) return `it goes on at ${part.baseOffset}, the log ends at ${log.logEnd}`;
  const end = start + part.bytes;
  let timeMs = part.appendTimeMs;
  for (let at = start, n = 0; at < end; n++) {
    if (n > 0) timeMs += part.appendTimeStepsMs[n - 1] ?? 0;
    const length = batchAt(payload, at, end, log.logEnd, part.leaderEpoch);
    if (length === undefined) return "a batch is damaged, or does not follow";
    if (!log.appendReplica(payload, at, length, timeMs)) return "the write-ahead log has no room";
    at += length;
  }
  log.learnMark(part.highWatermark);
  if (part.fold !== undefined) log.learnFold(part.fold);
  return undefined;
}

/** Length of the batch that begins here, if it is whole, right, and follows. */
function batchAt(bytes: Uint8Array, at: number, end: number, offset: number, leaderEpoch: number): number | undefined {
  if (end - at < batch.BATCH_HEADER_BYTES) return undefined;
  const length = batch.batchBytes(bytes, at);
  if (length < batch.BATCH_HEADER_BYTES || length > end - at || batch.magic(bytes, at) !== batch.MAGIC) return undefined;
  if (batch.baseOffset(bytes, at) !== offset || batch.lastOffsetDelta(bytes, at) < 0) return undefined;
  if (batch.leaderEpoch(bytes, at) > leaderEpoch || !batch.isBatchCrcRight(bytes, at)) return undefined;
  return length;
}
