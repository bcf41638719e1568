import { QueueError } from "../base/errors.ts";
import type { Clock, Timer } from "../io/clock.ts";
import { PeerError } from "../io/peer-error.ts";
import type { PeerMessage, PeerStream, PeerStreamReader } from "../io/peer-transport.ts";
import type { Hold } from "../model/record-slices.ts";
import { decodeMessage } from "../peer-net/messages.ts";
import { FollowerMessage, type FollowPartition, type Fullness, type Hello, type Part } from "../peer-net/proto/broker/replication.ts";
import type { Log } from "../telemetry/log.ts";
import {
  BASE_PIECE_BYTES,
  EPOCHS_MAX,
  MARK_DELAY_MS,
  MESSAGE_BYTES,
  MESSAGE_PARTS_MAX,
  PART_BYTES_MAX,
  PENDING_BYTES_MAX,
  PINNING_MAX,
  WINDOW_BYTES,
} from "./limits.ts";
import { commonEnd, type LogHistory } from "./log-history.ts";
import type { LedLog, ReplicaRead } from "./logs.ts";
import { encodeAppend, encodeBasePiece, encodeBegin, encodeDrop } from "./messages.ts";
import type { ReplicaSet } from "./replica-set.ts";

/** A partition that is led here, in its present leader epoch. */
export type Led = Readonly<{ log: LedLog; set: ReplicaSet }>;

/** What a stream asks of the side that leads. */
export interface LeadingSide {
  readonly clock: Clock;
  readonly logger: Log;
  led(partitionId: number): Led | undefined;
  /** Why the process that speaks may not follow; undefined: it may. */
  refusal(hello: Hello): string | undefined;
  /** It has said who it is. */
  entered(stream: FollowerStream): void;
  left(stream: FollowerStream): void;
  /** Of these partitions a follower has more than before. */
  acknowledged(led: readonly Led[]): void;
  /** A follower has said what keeps its log. */
  pinned(): void;
}

/** How far one partition is on its way to the follower. */
type Progress = {
  readonly led: Led;
  /** Everything below has been sent. */
  next: number;
  /** The mark that was sent last. */
  mark: number;
  /** The end of uploads whose folds it was told. */
  foldTold: number;
  /** The follower has to say that it is there, though there is nothing to send. */
  isNew: boolean;
  isReading: boolean;
  /** Read from files, to go with the next message. */
  loaded: ReplicaRead | undefined;
};

type Sent = Readonly<{
  number: number;
  bytes: number;
  ends: readonly Readonly<{ progress: Progress; end: number; asked: number }>[];
  holds: readonly Hold[];
}>;

/**
 * The leader's end of a stream to one follower, for all partitions that it follows here: sends what is durable and not sent yet, many
 * partitions a message, as long as the window has room. Nothing waits in memory: what does not fit is read again later.
 */
export class FollowerStream implements PeerStreamReader {
  readonly #side: LeadingSide;
  readonly #stream: PeerStream;
  readonly #progress = new Map<number, Progress>();
  /** To be looked at for something to send. */
  readonly #dirty = new Set<Progress>();
  /** Whose mark moved and nothing else. */
  readonly #marked = new Set<Progress>();
  #markTimer: Timer | undefined;
  readonly #inFlight: Sent[] = [];
  #inFlightBytes = 0;
  #number = 0;
  /** Words that have to go before the next batches. */
  readonly #outbox: PeerMessage[] = [];
  #hello: Hello | undefined;
  /** Of the follower's log, and what of this leader's keeps it, as that said last. */
  #usedRatio = 0;
  #pinning: ReadonlySet<number> = new Set();
  #isClosed = false;

  constructor(side: LeadingSide, stream: PeerStream) {
    this.#side = side;
    this.#stream = stream;
  }

  get broker(): number {
    return this.#hello?.brokerId ?? -1;
  }

  /** The partition has more that is durable, or leads on in another epoch. */
  grew(partitionId: number): void {
    const progress = this.#progress.get(partitionId);
    if (progress !== undefined) this.#dirty.add(progress);
  }

  markMoved(partitionId: number): void {
    const progress = this.#progress.get(partitionId);
    if (progress === undefined) return;
    this.#marked.add(progress);
    this.#markTimer ??= this.#side.clock.after(MARK_DELAY_MS, () => {
      this.#markTimer = undefined;
      for (const marked of this.#marked) this.#dirty.add(marked);
      this.flush();
    });
  }

  /** The follower is to say whether it still follows. */
  ask(partitionId: number): void {
    const progress = this.#progress.get(partitionId);
    if (progress === undefined) return;
    progress.isNew = true;
    this.#dirty.add(progress);
  }

  /** Not led here as it was: who still follows it in this epoch asks anew. Replicas may have gone and come back within one. */
  leave(partitionId: number): void {
    const progress = this.#progress.get(partitionId);
    if (progress === undefined) return;
    this.#forget(progress);
    this.#sayDrop(partitionId, progress.led.log.leaderEpoch, "it is led anew");
  }

  #drop(partitionId: number): void {
    const progress = this.#progress.get(partitionId);
    if (progress !== undefined) this.#forget(progress);
  }

  /** Sends what there is and fits. */
  flush(): void {
    this.#sendOutbox();
    while (this.#outbox.length === 0 && !this.#isClosed && this.#dirty.size > 0 && this.#inFlightBytes < WINDOW_BYTES)
      if (!this.#sendNext()) return;
  }

  cancel(): void {
    this.#stream.cancel();
  }

  message(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      this.#understand(decodeMessage(FollowerMessage, bytes));
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#refuse(error);
    }
  }

  drained(): void {
    this.flush();
  }

  ended(): void {
    this.#stream.end();
  }

  closed(): void {
    this.#isClosed = true;
    this.#markTimer?.cancel();
    for (const { holds } of this.#inFlight) release(holds);
    this.#inFlight.length = 0;
    this.#outbox.length = 0;
    for (const progress of [...this.#progress.values()]) this.#forget(progress);
    if (this.#hello !== undefined) this.#side.left(this);
  }

  #refuse(error: QueueError): void {
    this.#side.logger.warn("a follower is refused", { broker: this.broker, reason: error.message });
    this.#isClosed = true;
    this.#stream.end(error);
  }

  #understand({ kind }: FollowerMessage): void {
    if (kind === undefined) throw new QueueError("MALFORMED_FRAME", "a follower says what this version does not know");
    if (kind.$case === "hello") return this.#enter(kind.value);
    if (this.#hello === undefined) throw new QueueError("MALFORMED_FRAME", "a follower has to say first who it is");
    if (kind.$case === "follow") return this.#follow(kind.value);
    if (kind.$case === "leave") return this.#drop(kind.value.partitionId);
    if (kind.value.fullness !== undefined) this.#learnFullness(kind.value.fullness);
    this.#acknowledged(kind.value.number);
  }

  #enter(hello: Hello): void {
    if (this.#hello !== undefined) throw new QueueError("MALFORMED_FRAME", "a follower says once who it is");
    const refusal = this.#side.refusal(hello);
    if (refusal !== undefined) throw new QueueError("NOT_LEADER", refusal);
    this.#hello = hello;
    this.#side.entered(this);
  }

  #follow(asked: FollowPartition): void {
    const { partitionId, leaderEpoch } = asked;
    this.#drop(partitionId);
    const led = this.#side.led(partitionId);
    if (led === undefined || led.log.leaderEpoch !== leaderEpoch)
      return this.#sayDrop(partitionId, leaderEpoch, "it is not led here in that epoch");
    // It may have to give up what it has, before it is a replica again.
    if (asked.metadataIndex < led.set.since) return this.#sayDrop(partitionId, leaderEpoch, "the replicas have changed since");
    // What it has said to have it may have no more.
    if (asked.damaged) led.set.forget(this.broker);
    this.#begin(led, historyOf(asked), asked.damaged);
    this.flush();
  }

  #sayDrop(partitionId: number, leaderEpoch: number, reason: string): void {
    this.#say(encodeDrop({ partitionId, leaderEpoch, reason }));
  }

  /** `history`: of the follower's log; undefined: it has nothing that is of use. */
  #begin(led: Led, history: LogHistory, isDamaged: boolean): void {
    const { log } = led;
    const from = isDamaged ? undefined : fromWhere(log, history);
    const base = from === undefined ? log.baseForReplica() : NO_BASE;
    if (base === undefined) return this.#sayDrop(log.id, log.leaderEpoch, "its base is not known yet");
    const progress = { led, next: from ?? log.uploadedEnd, mark: -1, foldTold: -1, isNew: true, isReading: false, loaded: undefined };
    this.#progress.set(log.id, progress);
    this.#dirty.add(progress);
    const begin = { partitionId: log.id, leaderEpoch: log.leaderEpoch, from: progress.next };
    if (from !== undefined) return this.#say(encodeBegin({ ...begin, baseBytes: undefined }));
    this.#say(encodeBegin({ ...begin, baseBytes: base.byteLength }));
    for (let at = 0; at < base.byteLength; at += BASE_PIECE_BYTES) this.#say(encodeBasePiece(base.subarray(at, at + BASE_PIECE_BYTES)));
  }

  /** One message of what is to be sent; false: there was nothing. */
  #sendNext(): boolean {
    const parts: Part[] = [];
    const payload: Uint8Array[] = [];
    const ends: { progress: Progress; end: number; asked: number }[] = [];
    const holds: Hold[] = [];
    let bytes = 0;
    for (const progress of this.#dirty) {
      if (bytes >= MESSAGE_BYTES || parts.length >= MESSAGE_PARTS_MAX) break;
      this.#dirty.delete(progress);
      const read = this.#take(progress);
      if (read === undefined) continue;
      parts.push(this.#part(progress, read));
      for (const piece of read.pieces) payload.push(piece);
      if (read.hold !== undefined) holds.push(read.hold);
      bytes += read.bytes;
      progress.next = read.nextOffset;
      ends.push({ progress, end: read.nextOffset, asked: progress.led.set.asked });
      // The others first.
      if (progress.next < progress.led.log.durableEnd) this.#dirty.add(progress);
    }
    if (parts.length === 0) return false;
    this.#number += 1;
    this.#inFlight.push({ number: this.#number, bytes, ends, holds });
    this.#inFlightBytes += bytes;
    this.#send(encodeAppend(this.#number, parts, payload));
    return true;
  }

  /** The next batches; none when only a mark is to be told; undefined when nothing is, or it has to be read first. */
  #take(progress: Progress): ReplicaRead | undefined {
    const { loaded } = progress;
    if (loaded !== undefined) {
      progress.loaded = undefined;
      return loaded;
    }
    if (progress.isReading) return undefined;
    const { log } = progress.led;
    if (progress.next < log.uploadedEnd) {
      this.#beginAnew(progress);
      return undefined;
    }
    if (progress.next < log.durableEnd) return this.#read(progress);
    const hasNews = progress.isNew || log.highWatermark > progress.mark || log.uploadedEnd > progress.foldTold;
    return hasNews ? { pieces: [], bytes: 0, nextOffset: progress.next, hold: undefined, appendTimesMs: [] } : undefined;
  }

  #read(progress: Progress): ReplicaRead | undefined {
    const { log } = progress.led;
    try {
      const read = log.readForReplica(progress.next, PART_BYTES_MAX);
      if (!(read instanceof Promise)) return read;
      progress.isReading = true;
      read.then(
        (loaded) => this.#loaded(progress, loaded),
        (error: unknown) => this.#cannotRead(progress, error),
      );
    } catch (error) {
      this.#cannotRead(progress, error);
    }
    return undefined;
  }

  #loaded(progress: Progress, read: ReplicaRead): void {
    progress.isReading = false;
    if (!this.#isCurrent(progress)) return read.hold?.release();
    progress.loaded = read;
    this.#dirty.add(progress);
    this.flush();
  }

  /** What was uploaded meanwhile is no longer in the log. Of what is damaged nobody gets a copy. */
  #cannotRead(progress: Progress, error: unknown): void {
    progress.isReading = false;
    if (!(error instanceof QueueError)) throw error;
    if (!this.#isCurrent(progress)) return;
    const { log } = progress.led;
    if (progress.next < log.uploadedEnd) return this.#beginAnew(progress);
    this.#side.logger.error("a partition cannot be read for a follower", {
      partition: log.name,
      broker: this.broker,
      reason: error.message,
    });
    this.#forget(progress);
    this.#sayDrop(log.id, log.leaderEpoch, error.message);
  }

  /** What it would need next has been uploaded: it begins there. */
  #beginAnew(progress: Progress): void {
    this.#forget(progress);
    this.#begin(progress.led, NO_HISTORY, true);
    this.flush();
  }

  #part(progress: Progress, { bytes, appendTimesMs }: ReplicaRead): Part {
    const { log } = progress.led;
    progress.isNew = false;
    progress.mark = log.highWatermark;
    const fold = log.uploadedEnd > progress.foldTold ? log.foldDigest() : undefined;
    progress.foldTold = log.uploadedEnd;
    this.#marked.delete(progress);
    return {
      partitionId: log.id,
      leaderEpoch: log.leaderEpoch,
      baseOffset: progress.next,
      bytes,
      highWatermark: progress.mark,
      fold,
      appendTimeMs: appendTimesMs[0] ?? 0,
      appendTimeStepsMs: appendTimesMs.slice(1).map((ms, i) => ms - (appendTimesMs[i] as number)),
    };
  }

  /** 0: nothing of this partition keeps the follower's log from being used again; else how full that is. */
  pinnedRatio(partitionId: number): number {
    return this.#pinning.has(partitionId) ? this.#usedRatio : 0;
  }

  #learnFullness({ usedPermille, pinningPartitionIds }: Fullness): void {
    if (usedPermille < 0 || usedPermille > 1_000 || pinningPartitionIds.length > PINNING_MAX)
      throw new QueueError("MALFORMED_FRAME", "a follower's log is fuller than full");
    this.#usedRatio = usedPermille / 1_000;
    this.#pinning = new Set(pinningPartitionIds);
    if (this.#pinning.size > 0) this.#side.pinned();
  }

  #acknowledged(number: number): void {
    if (number > this.#number) throw new QueueError("MALFORMED_FRAME", "a follower acknowledges what was not sent");
    const more = new Set<Led>();
    while ((this.#inFlight[0]?.number ?? Number.POSITIVE_INFINITY) <= number) {
      const sent = this.#inFlight.shift() as Sent;
      this.#inFlightBytes -= sent.bytes;
      release(sent.holds);
      for (const { progress, end, asked } of sent.ends) if (this.#isCurrent(progress)) this.#has(progress.led, end, asked, more);
    }
    if (more.size > 0) this.#side.acknowledged([...more]);
    this.flush();
  }

  #has(led: Led, end: number, asked: number, more: Set<Led>): void {
    led.set.answered(this.broker, asked);
    led.set.acknowledged(this.broker, end, led.log.logEnd, this.#side.clock.monotonicMs());
    more.add(led);
  }

  /** Followed as it was then: not dropped, and led in the same epoch. */
  #isCurrent(progress: Progress): boolean {
    const { led } = progress;
    return this.#progress.get(led.log.id) === progress && this.#side.led(led.log.id)?.set === led.set;
  }

  #forget(progress: Progress): void {
    this.#dirty.delete(progress);
    this.#marked.delete(progress);
    progress.loaded?.hold?.release();
    progress.loaded = undefined;
    const { id } = progress.led.log;
    if (this.#progress.get(id) === progress) this.#progress.delete(id);
  }

  #say(message: PeerMessage): void {
    this.#outbox.push(message);
    this.#sendOutbox();
  }

  #sendOutbox(): void {
    while (this.#outbox.length > 0 && this.#stream.pendingBytes < PENDING_BYTES_MAX) this.#send(this.#outbox.shift() as PeerMessage);
  }

  /** What does not fit any more ends the stream: the follower takes nothing. */
  #send(message: PeerMessage): void {
    if (this.#isClosed) return;
    try {
      this.#stream.send(message);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#stream.cancel();
    }
  }
}

const NO_BASE = new Uint8Array(0);
const NO_HISTORY: LogHistory = { epochs: [], starts: [], end: 0 };

/** Where the follower's log goes on; undefined: it has to begin anew. */
function fromWhere(log: LedLog, history: LogHistory): number | undefined {
  const common = commonEnd(log.history(), history);
  return common === undefined || common < log.uploadedEnd ? undefined : common;
}

function historyOf({ logEnd, epochs, epochStarts }: FollowPartition): LogHistory {
  const isWhole = epochs.length === epochStarts.length && epochs.length <= EPOCHS_MAX && logEnd >= 0;
  if (!isWhole) throw new QueueError("MALFORMED_FRAME", "a follower's history is none");
  return { epochs, starts: epochStarts, end: logEnd };
}

function release(holds: readonly Hold[]): void {
  for (const hold of holds) hold.release();
}
