import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { isBatchCrcRight } from "@tidemq/protocol/record-batch.ts";
import type { Timer } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import { type ConsumerOptions, consumerOptions } from "./consumer-options.ts";
import { ConsumerPartition, type Position } from "./consumer-partition.ts";
import { ClientError, isRetriable, OffsetOutOfRangeError } from "./errors.ts";
import type { FetchedBatch } from "./fetched-batch.ts";
import { Fetcher } from "./fetcher.ts";
import { ASSIGNMENTS_MAX } from "./limits.ts";
import { listOffsets } from "./list-offsets.ts";
import { pauseMs } from "./retry.ts";

export type Assignment = Readonly<{ topic: string; partition: number; from: Position }>;

type Taker = Readonly<{ resolve: (batch: FetchedBatch | undefined) => void; reject: (error: ClientError) => void }>;

/**
 * Reads partitions that it is told to read. Batches of a partition come in order; asks ahead while there is room.
 *
 *   for await (const batch of consumer) for (const record of batch.records()) …
 *
 * A failure that retrying does not mend (an offset out of range, a damaged batch, a deleted topic) is thrown by
 * `next` once; the partition then rests until `seek`, the others go on.
 */
export class Consumer implements AsyncIterable<FetchedBatch> {
  readonly #cluster: Cluster;
  readonly #options: ConsumerOptions;
  readonly #lane: string;
  readonly #partitions = new Map<string, ConsumerPartition>();
  readonly #fetchers = new Map<number, Fetcher>();
  /** Partitions with batches that wait to be taken, in the order of arrival. */
  readonly #ready: ConsumerPartition[] = [];
  readonly #failures: ClientError[] = [];
  readonly #takers: Taker[] = [];
  #turnPlanned = false;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isSeeking = false;
  #isRefreshing = false;
  #loopFailures = 0;
  #closed = false;
  readonly #ended: (() => void) | undefined;

  /**
   * @param lane Names the connections of this consumer: a waiting fetch holds up what stands behind it.
   * @param ended Called when it is closed.
   */
  constructor(cluster: Cluster, lane: string, options: Partial<ConsumerOptions> = {}, ended?: () => void) {
    this.#cluster = cluster;
    this.#ended = ended;
    this.#lane = lane;
    this.#options = consumerOptions(options);
  }

  /** Reads these partitions and no others. Those read already go on where they are put now. @throws {ClientError} INVALID_ARGUMENT */
  assign(assignments: readonly Assignment[]): void {
    if (assignments.length > ASSIGNMENTS_MAX) throw new ClientError("INVALID_ARGUMENT", `at most ${ASSIGNMENTS_MAX} partitions`);
    for (const partition of this.#partitions.values()) partition.generation += 1;
    this.#partitions.clear();
    this.#ready.length = 0;
    for (const { topic, partition, from } of assignments) {
      this.#partitions.set(keyOf(topic, partition), new ConsumerPartition(topic, partition, from));
    }
    this.#plan();
  }

  /** Reads these as well. One that is read already goes on where it is put now. @throws {ClientError} INVALID_ARGUMENT */
  add(assignments: readonly Assignment[]): void {
    const { size } = this.#partitions;
    if (size + assignments.length > ASSIGNMENTS_MAX) throw new ClientError("INVALID_ARGUMENT", `at most ${ASSIGNMENTS_MAX} partitions`);
    for (const { topic, partition, from } of assignments) {
      this.remove([{ topic, partition }]);
      this.#partitions.set(keyOf(topic, partition), new ConsumerPartition(topic, partition, from));
    }
    this.#plan();
  }

  /** Reads these no more; what was read ahead is dropped. Those not read are passed over. */
  remove(places: readonly Readonly<{ topic: string; partition: number }>[]): void {
    for (const { topic, partition } of places) {
      const one = this.#partitions.get(keyOf(topic, partition));
      if (one === undefined) continue;
      one.generation += 1;
      this.#partitions.delete(keyOf(topic, partition));
      removeFrom(this.#ready, one);
    }
  }

  /** Goes on there; what was read ahead is dropped. @throws {ClientError} INVALID_ARGUMENT when it is not assigned. */
  seek(topic: string, partition: number, to: Position): void {
    const one = this.#assigned(topic, partition);
    one.seek(to);
    removeFrom(this.#ready, one);
    this.#plan();
  }

  /** Hands out and asks for nothing of this partition; what was read ahead stays. */
  pause(topic: string, partition: number): void {
    this.#assigned(topic, partition).isPaused = true;
  }

  resume(topic: string, partition: number): void {
    this.#assigned(topic, partition).isPaused = false;
    this.#hand();
    this.#plan();
  }

  /** Next offset to be handed out; undefined while it is being looked for. */
  position(topic: string, partition: number): number | undefined {
    return this.#assigned(topic, partition).position;
  }

  /** Mark of the partition as of the latest answer; −1 before the first. */
  highWatermark(topic: string, partition: number): number {
    return this.#assigned(topic, partition).highWatermark;
  }

  /** The next batch, of whatever partition; waits for it. undefined: closed. @throws {ClientError} See above. */
  next(): Promise<FetchedBatch | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
      this.#hand();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FetchedBatch, void, undefined> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  /** Whether somebody waits in `next`: then nothing that was handed out is still being dealt with. */
  get isAwaited(): boolean {
    return this.#takers.length > 0;
  }

  /** Whoever waits in `next`, or calls it next, gets this error. */
  interrupt(error: ClientError): void {
    this.#failures.push(error);
    this.#hand();
  }

  /** Ends reading: whoever waits in `next` gets undefined. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const taker of this.#takers.splice(0)) taker.resolve(undefined);
    this.#cluster.closeLane(this.#lane);
    this.#ended?.();
  }

  #assigned(topic: string, partition: number): ConsumerPartition {
    const one = this.#partitions.get(keyOf(topic, partition));
    if (one === undefined) throw new ClientError("INVALID_ARGUMENT", `${topic}[${partition}] is not assigned to this consumer`);
    return one;
  }

  get #nowMs(): number {
    return this.#cluster.parts.clock.monotonicMs();
  }

  /** Something that was under way has ended; it may have opened a connection after `close`. */
  #goOn(): void {
    if (this.#closed) this.#cluster.closeLane(this.#lane);
    else this.#plan();
  }

  #plan(): void {
    if (this.#turnPlanned || this.#closed) return;
    this.#turnPlanned = true;
    this.#cluster.parts.clock.nextTurn(() => {
      this.#turnPlanned = false;
      this.#pump();
    });
  }

  #planAt(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#closed) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#cluster.parts.clock.after(Math.max(0, atMs - this.#nowMs), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  /** Finds places that are sought and asks each broker that is not busy for its partitions. */
  #pump(): void {
    if (this.#closed) return;
    const nowMs = this.#nowMs;
    const perBroker = new Map<number, ConsumerPartition[]>();
    let isSought = false;
    let isLost = false;
    for (const partition of this.#partitions.values()) {
      if (partition.notBeforeMs > nowMs) this.#planAt(partition.notBeforeMs);
      else if (partition.sought !== undefined) isSought ||= partition.failure === undefined;
      else if (partition.isFetchable(nowMs, this.#options.bufferBytesMax)) {
        const led = this.#cluster.ledNow(partition.topic, partition.index);
        if (led === undefined) isLost = true;
        else addTo(perBroker, this.#nearestOf(partition, nowMs) ?? led.nodeId, partition);
      }
    }
    if (isSought) this.#seekAll();
    if (isLost) this.#refresh();
    for (const [nodeId, partitions] of perBroker) this.#ask(nodeId, partitions);
  }

  /** Undefined: the leader. It is asked again after a while, and when the other one is gone: it may know a nearer one. */
  #nearestOf(partition: ConsumerPartition, nowMs: number): number | undefined {
    const { nearest } = partition;
    if (nearest === undefined) return undefined;
    if (nowMs < nearest.untilMs && this.#cluster.metadata.brokers.has(nearest.nodeId)) return nearest.nodeId;
    partition.nearest = undefined;
    return undefined;
  }

  #ask(nodeId: number, partitions: readonly ConsumerPartition[]): void {
    const fetcher = this.#fetcher(nodeId);
    if (fetcher.isAsking) return;
    fetcher.ask(partitions).then(
      () => this.#goOn(),
      (error: unknown) =>
        this.#askFailed(
          partitions.filter(({ askedOf }) => askedOf === nodeId),
          ClientError.from(error),
        ),
    );
  }

  #askFailed(partitions: readonly ConsumerPartition[], error: ClientError): void {
    if (this.#closed) return this.#goOn();
    const isNearest = partitions.some(({ nearest }) => nearest !== undefined);
    for (const partition of partitions) partition.nearest = undefined;
    if (!error.retriable && !isNearest) for (const partition of partitions) this.#fail(partition, error);
    else {
      for (const partition of partitions) this.#postpone(partition);
      this.#options.onRetry?.(error);
    }
    this.#refresh();
    this.#plan();
  }

  #fetcher(nodeId: number): Fetcher {
    let fetcher = this.#fetchers.get(nodeId);
    if (fetcher === undefined) {
      fetcher = new Fetcher(this.#cluster, nodeId, this.#lane, this.#options, {
        arrived: (partition) => this.#arrived(partition),
        refused: (partition, error) => this.#refused(partition, error),
        redirected: (partition, to) => this.#redirected(partition, to),
      });
      this.#fetchers.set(nodeId, fetcher);
    }
    return fetcher;
  }

  #arrived(partition: ConsumerPartition): void {
    if (!this.#ready.includes(partition)) this.#ready.push(partition);
    this.#hand();
  }

  #redirected(partition: ConsumerPartition, nodeId: number): void {
    partition.nearest = { nodeId, untilMs: this.#nowMs + this.#cluster.options.metadataAgeMsMax };
    if (this.#cluster.metadata.brokers.has(nodeId)) return;
    this.#postpone(partition);
    this.#refresh();
  }

  #refused(partition: ConsumerPartition, error: ClientError): void {
    const code = error.kafkaCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    // A follower may lack what its leader has, and be damaged where that is not: the leader says how it is.
    if (partition.nearest !== undefined) return this.#backToLeader(partition, error);
    if (code === ErrorCode.OFFSET_OUT_OF_RANGE) return this.#outOfRange(partition);
    if (error.kind === "corrupt" || !isRetriable(code)) return this.#fail(partition, error);
    this.#postpone(partition);
    this.#options.onRetry?.(error);
    this.#refresh();
  }

  #backToLeader(partition: ConsumerPartition, error: ClientError): void {
    partition.nearest = undefined;
    this.#postpone(partition);
    this.#options.onRetry?.(error);
    this.#refresh();
  }

  #postpone(partition: ConsumerPartition): void {
    partition.failures += 1;
    const { backOff } = this.#cluster.options;
    partition.notBeforeMs = this.#nowMs + pauseMs(backOff, partition.failures, this.#cluster.parts.random);
  }

  #fail(partition: ConsumerPartition, error: ClientError): void {
    if (partition.failure !== undefined || this.#partitions.get(keyOf(partition.topic, partition.index)) !== partition) return;
    partition.failure = error;
    this.#failures.push(error);
    this.#hand();
  }

  #outOfRange(partition: ConsumerPartition): void {
    const policy = this.#options.outOfRange;
    if (policy !== "fail") {
      partition.seek(policy);
      return this.#plan();
    }
    const { topic, index, generation, fetchOffset: requested } = partition;
    // No more is asked for until the range is known.
    partition.notBeforeMs = Number.POSITIVE_INFINITY;
    const questions = (["earliest", "latest"] as const).map((at) => ({ topic, partition: index, at }));
    listOffsets(this.#cluster, questions, this.#lane)
      .then(
        ([first, end]) => {
          if (partition.generation !== generation) return;
          partition.notBeforeMs = 0;
          this.#fail(partition, new OffsetOutOfRangeError(topic, index, { requested, first: first?.offset ?? -1, end: end?.offset ?? -1 }));
        },
        (error: unknown) => {
          if (partition.generation === generation) this.#fail(partition, ClientError.from(error));
        },
      )
      .finally(() => this.#goOn());
  }

  /** Finds all places that are sought; a failure that retrying does not mend belongs to each of them. */
  #seekAll(): void {
    if (this.#isSeeking) return;
    this.#isSeeking = true;
    const seeking = [...this.#partitions.values()].filter((one) => one.sought !== undefined && one.failure === undefined);
    this.#find(seeking)
      .catch((error: unknown) => {
        for (const partition of seeking) this.#fail(partition, ClientError.from(error));
      })
      .finally(() => {
        this.#isSeeking = false;
        this.#goOn();
      });
  }

  async #find(seeking: readonly ConsumerPartition[]): Promise<void> {
    const generations = seeking.map((one) => one.generation);
    const questions = seeking.map((one) => ({ topic: one.topic, partition: one.index, at: one.sought ?? "latest" }));
    const answers = await listOffsets(this.#cluster, questions, this.#lane);
    const late = seeking.filter((_, i) => (answers[i]?.offset ?? -1) < 0);
    const ends = await listOffsets(
      this.#cluster,
      late.map((one) => ({ topic: one.topic, partition: one.index, at: "latest" })),
      this.#lane,
    );
    seeking.forEach((one, i) => {
      if (one.generation !== generations[i]) return;
      // No record is that young: go on with what comes next.
      const offset = answers[i]?.offset ?? -1;
      one.found(offset >= 0 ? offset : (ends[late.indexOf(one)]?.offset ?? 0));
    });
  }

  #refresh(): void {
    if (this.#isRefreshing || this.#closed) return;
    this.#isRefreshing = true;
    const topics = [...new Set([...this.#partitions.values()].map((partition) => partition.topic))];
    this.#cluster.markStale();
    this.#cluster.topics(topics).then(
      () => this.#refreshed(undefined),
      (error: unknown) => this.#refreshed(ClientError.from(error)),
    );
  }

  #refreshed(error: ClientError | undefined): void {
    this.#isRefreshing = false;
    if (this.#closed) return;
    const lost = [...this.#partitions.values()].filter((one) => this.#cluster.ledNow(one.topic, one.index) === undefined);
    if (lost.length === 0) {
      this.#loopFailures = 0;
      return this.#plan();
    }
    for (const partition of lost) {
      const missing = this.#missing(partition, error);
      if (missing !== undefined) this.#fail(partition, missing);
    }
    this.#loopFailures += 1;
    const untilMs = this.#nowMs + pauseMs(this.#cluster.options.backOff, this.#loopFailures, this.#cluster.parts.random);
    for (const partition of lost) partition.notBeforeMs = Math.max(partition.notBeforeMs, untilMs);
    this.#plan();
  }

  /** Why a partition without a leader will not get one; undefined: it may. */
  #missing({ topic, index }: ConsumerPartition, error: ClientError | undefined): ClientError | undefined {
    if (error !== undefined && !error.retriable && (error.place.topic === undefined || error.place.topic === topic)) return error;
    if (this.#cluster.metadata.topic(topic)?.errorCode !== ErrorCode.NONE || this.#cluster.metadata.partition(topic, index) !== undefined) {
      return error !== undefined && this.#cluster.metadata.brokers.size === 0 ? error : undefined;
    }
    const count = this.#cluster.metadata.topic(topic)?.partitions.length ?? 0;
    const text = `${topic} has no partition ${index}: it has ${count}, numbered from 0`;
    return new ClientError({ kafka: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }, text, { topic, partition: index });
  }

  /** Gives what is there to who waits. */
  #hand(): void {
    while (this.#takers.length > 0) {
      const failure = this.#failures.shift();
      if (failure !== undefined) {
        this.#takers.shift()?.reject(failure);
        continue;
      }
      const batch = this.#take();
      if (batch !== undefined) this.#takers.shift()?.resolve(batch);
      else if (this.#failures.length === 0) return;
    }
  }

  #take(): FetchedBatch | undefined {
    for (let at = 0; at < this.#ready.length; ) {
      const partition = this.#ready[at] as ConsumerPartition;
      if (partition.isPaused) {
        at += 1;
        continue;
      }
      const batch = partition.shift();
      if (!partition.hasData) this.#ready.splice(at, 1);
      if (batch === undefined) continue;
      if (partition.bufferedBytes < this.#options.bufferBytesMax) this.#plan();
      if (batch.isControl) continue;
      if (this.#options.checkCrc && !isBatchCrcRight(batch.bytes, 0)) {
        this.#damaged(partition, batch);
        return undefined;
      }
      return batch;
    }
    return undefined;
  }

  #damaged(partition: ConsumerPartition, batch: FetchedBatch): void {
    const { topic, index } = partition;
    // Not to its beginning, when less of it was asked for: whoever commits the position would take it back.
    partition.seek(Math.max(batch.baseOffset, batch.fromOffset));
    const text = `the batch at ${topic}[${index}] offsets ${batch.baseOffset}–${batch.endOffset - 1} fails its checksum`;
    partition.failure = new ClientError({ kafka: ErrorCode.CORRUPT_MESSAGE }, text, { topic, partition: index });
    this.#failures.push(partition.failure);
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}

function addTo(map: Map<number, ConsumerPartition[]>, nodeId: number, partition: ConsumerPartition): void {
  const list = map.get(nodeId);
  if (list === undefined) map.set(nodeId, [partition]);
  else list.push(partition);
}

function removeFrom<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
