import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { ProduceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { API, type BodyFor } from "./apis.ts";
import { inTime, type Timer } from "./clock.ts";
import type { Cluster, Led } from "./cluster.ts";
import type { Connection, RequestOptions } from "./connection.ts";
import { brokerError, ClientError, isRetriable } from "./errors.ts";
import type { ProducerBatch } from "./producer-batch.ts";
import { type Identity, ProducerIdentity } from "./producer-identity.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { PartitionQueue } from "./producer-partition.ts";
import { pauseMs } from "./retry.ts";

const LANE = "produce";

/** Newest version of Produce that names topics instead of giving their ids. */
const VERSION_WITH_NAMES = 12;

type Item = Readonly<{ queue: PartitionQueue; batch: ProducerBatch; led: Led }>;

/** What the sender knows of one broker. `throttledUntilMs`: the broker asked for a pause. */
type Target = { inFlight: number; connecting: boolean; throttledUntilMs: number; failures: number; isDraining: boolean };

/** Told of every batch, once. `baseOffset` and `logAppendTimeMs` −1 when the broker did not say. */
export type BatchEnd = (
  queue: PartitionQueue,
  batch: ProducerBatch,
  end: { baseOffset: number; logAppendTimeMs: number } | ClientError,
) => void;

/** Sends batches that are due to the leaders of their partitions, and sends them again. Owns all timing of a producer. */
export class ProducerSender {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #ended: BatchEnd;
  readonly #identity: ProducerIdentity;
  readonly #queues = new Set<PartitionQueue>();
  readonly #targets = new Map<number, Target>();
  #turnPlanned = false;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #refreshing = false;
  #refreshFailures = 0;
  #obtaining = false;
  #stopped = false;

  constructor(cluster: Cluster, options: ProducerOptions, ended: BatchEnd) {
    this.#cluster = cluster;
    this.#options = options;
    this.#ended = ended;
    this.#identity = new ProducerIdentity(cluster);
  }

  newQueue(topic: string, index: number): PartitionQueue {
    return new PartitionQueue(topic, index, this.#options.idempotence, this.#options.inFlightMax);
  }

  /** Something may be due in this queue: looked at once the current turn is over. */
  wake(queue: PartitionQueue): void {
    this.#queues.add(queue);
    this.#plan();
  }

  /** The queue has a batch that lingers until then. */
  wakeAt(queue: PartitionQueue, atMs: number): void {
    this.#queues.add(queue);
    this.#arm(atMs);
  }

  /** Resolves when the kernel has everything that has no answer (acks 0), at the latest when the time for deliveries is over. */
  async sent(): Promise<void> {
    if (this.#options.acks !== 0) return;
    const connections = [...this.#targets.keys()].flatMap((nodeId) => this.#cluster.openConnection(nodeId, LANE) ?? []);
    const all = Promise.all(connections.map((connection) => new Promise<void>((resolve) => connection.onDrained(resolve))));
    const late = (): ClientError => new ClientError("DELIVERY_TIMED_OUT", "the broker takes nothing");
    await inTime(this.#cluster.parts.clock, all, this.#options.deliveryTimeoutMs, late).catch((error: ClientError) =>
      this.#options.onRetry?.(error),
    );
  }

  /** Ends everything that is not under way with this error; nothing is sent any more. */
  stop(error: ClientError): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const queue of [...this.#queues]) for (const batch of queue.batches()) this.#ended(queue, batch, error);
    this.#queues.clear();
  }

  get #nowMs(): number {
    return this.#cluster.parts.clock.monotonicMs();
  }

  #plan(): void {
    if (this.#turnPlanned || this.#stopped) return;
    this.#turnPlanned = true;
    this.#cluster.parts.clock.nextTurn(() => {
      this.#turnPlanned = false;
      this.#pump();
    });
  }

  #arm(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#stopped) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#cluster.parts.clock.after(Math.max(0, atMs - this.#nowMs), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  /** Looks at every queue with work: closes what has lingered, expires, and sends what may be sent. */
  #pump(): void {
    if (this.#stopped) return;
    const nowMs = this.#nowMs;
    const perBroker = new Map<number, Item[]>();
    for (const queue of this.#queues) {
      this.#expire(queue, nowMs);
      if (queue.isIdle) {
        this.#queues.delete(queue);
        continue;
      }
      this.#closeIfDue(queue, nowMs);
      this.#offer(queue, nowMs, perBroker);
    }
    for (const [nodeId, items] of perBroker) this.#sendTo(nodeId, items, nowMs);
  }

  #closeIfDue(queue: PartitionQueue, nowMs: number): void {
    if (queue.open === undefined) return;
    const dueMs = queue.open.createdAtMs + this.#options.lingerMs;
    if (nowMs >= dueMs) queue.closeOpen();
    else this.#arm(dueMs);
  }

  #expire(queue: PartitionQueue, nowMs: number): void {
    const oldest = queue.oldestWaiting();
    if (oldest === undefined) return;
    if (oldest.deadlineMs > nowMs) return this.#arm(oldest.deadlineMs);
    for (const batch of queue.expired(nowMs)) this.#ended(queue, batch, timedOut(queue, batch));
  }

  #offer(queue: PartitionQueue, nowMs: number, perBroker: Map<number, Item[]>): void {
    if (queue.canRestart && queue.needs !== undefined) this.#restart(queue, queue.needs);
    if (queue.hasReady && queue.notBeforeMs > nowMs) this.#arm(queue.notBeforeMs);
    const batch = queue.sendable(nowMs);
    if (batch === undefined) return;
    const led = this.#cluster.ledNow(queue.topic, queue.index);
    if (led === undefined) return this.#refresh();
    const items = perBroker.get(led.nodeId);
    if (items === undefined) perBroker.set(led.nodeId, [{ queue, batch, led }]);
    else items.push({ queue, batch, led });
  }

  #restart(queue: PartitionQueue, needs: "epoch" | "producer-id"): void {
    const current = this.#identity.current;
    const identity: Identity | undefined = needs === "producer-id" ? current : this.#identity.nextEpoch();
    if (identity === undefined) this.#obtain();
    else queue.restart(identity);
  }

  /** Without an id nothing can be sent: a failure that retrying will not mend ends all that waits. */
  #obtain(): void {
    if (this.#obtaining) return;
    this.#obtaining = true;
    this.#identity
      .obtain()
      .catch((error: unknown) => this.#failWaiting(ClientError.from(error)))
      .finally(() => {
        this.#obtaining = false;
        this.#plan();
      });
  }

  #failWaiting(error: ClientError): void {
    for (const queue of this.#queues) {
      if (queue.needs === undefined) continue;
      queue.closeOpen();
      for (const batch of queue.expired(Number.POSITIVE_INFINITY)) this.#ended(queue, batch, error);
    }
  }

  /** Metadata is missing or wrong for somebody. */
  #refresh(): void {
    if (this.#refreshing || this.#stopped) return;
    this.#refreshing = true;
    const pause = (): void => {
      this.#refreshFailures += 1;
      this.#cluster.parts.clock.after(pauseMs(this.#cluster.options.backOff, this.#refreshFailures, this.#cluster.parts.random), () => {
        this.#refreshing = false;
        this.#pump();
      });
    };
    this.#cluster.refresh().then(() => {
      if (!this.#everyLeaderIsKnown()) return pause();
      this.#refreshFailures = 0;
      this.#refreshing = false;
      this.#plan();
    }, pause);
  }

  #everyLeaderIsKnown(): boolean {
    for (const queue of this.#queues) if (this.#cluster.ledNow(queue.topic, queue.index) === undefined) return false;
    return true;
  }

  #target(nodeId: number): Target {
    let target = this.#targets.get(nodeId);
    if (target === undefined) {
      target = { inFlight: 0, connecting: false, throttledUntilMs: 0, failures: 0, isDraining: false };
      this.#targets.set(nodeId, target);
    }
    return target;
  }

  #sendTo(nodeId: number, items: readonly Item[], nowMs: number): void {
    const target = this.#target(nodeId);
    if (target.throttledUntilMs > nowMs) return this.#arm(target.throttledUntilMs);
    const connection = this.#cluster.openConnection(nodeId, LANE);
    if (connection === undefined) return this.#connect(nodeId, target, items);
    if (this.#options.acks === 0 && connection.unsentBytes > this.#options.requestBytesMax) return this.#waitUntilSent(connection, target);
    let at = 0;
    while (at < items.length && target.inFlight < this.#options.inFlightMax) at = this.#sendOne(connection, target, items, at);
    // A partition may have more than one batch that is due.
    if (at >= items.length && target.inFlight < this.#options.inFlightMax && items.some((item) => item.queue.hasReady)) this.#plan();
  }

  /** Without answers, what the kernel has not taken is all that is under way: more than that waits where it counts as buffered. */
  #waitUntilSent(connection: Connection, target: Target): void {
    if (target.isDraining) return;
    target.isDraining = true;
    connection.onDrained(() => {
      target.isDraining = false;
      this.#plan();
    });
  }

  /** One request from the items at `from` on. @returns Index of the first that did not fit. */
  #sendOne(connection: Connection, target: Target, items: readonly Item[], from: number): number {
    const sent: Item[] = [];
    let bytes = 0;
    let at = from;
    for (; at < items.length; at += 1) {
      const item = items[at] as Item;
      if (bytes > 0 && bytes + item.batch.bytes > this.#options.requestBytesMax) break;
      sent.push({ ...item, batch: item.queue.take(this.#options.compression) });
      bytes += item.batch.encodedBytes;
    }
    this.#transmit(connection, target, sent);
    return at;
  }

  #transmit(connection: Connection, target: Target, sent: readonly Item[]): void {
    const options: RequestOptions = sent.some((item) => item.led.topic.topicId === ZERO_UUID) ? { versionMax: VERSION_WITH_NAMES } : {};
    const body = this.#body(sent);
    if (this.#options.acks === 0) return this.#transmitUnanswered(connection, sent, body, options);
    target.inFlight += 1;
    connection.send(
      API.produce,
      body,
      { ...options, timeoutMs: this.#cluster.options.requestTimeoutMs + this.#options.brokerTimeoutMs },
      (response) => {
        target.inFlight -= 1;
        if (response.throttleTimeMs > 0) target.throttledUntilMs = this.#nowMs + response.throttleTimeMs;
        this.#answered(sent, response);
      },
      (error) => {
        target.inFlight -= 1;
        for (const item of sent) this.#failed(item, error);
        this.#plan();
      },
    );
  }

  #transmitUnanswered(connection: Connection, sent: readonly Item[], body: BodyFor<typeof API.produce>, options: RequestOptions): void {
    try {
      connection.sendUnanswered(API.produce, body, options);
      for (const item of sent) this.#delivered(item, -1, -1);
    } catch (error) {
      for (const item of sent) this.#failed(item, ClientError.from(error));
    }
    this.#plan();
  }

  #body(sent: readonly Item[]): BodyFor<typeof API.produce> {
    const topics = new Map<string, Item[]>();
    for (const item of sent) {
      const items = topics.get(item.queue.topic);
      if (items === undefined) topics.set(item.queue.topic, [item]);
      else items.push(item);
    }
    return {
      acks: this.#options.acks === "all" ? -1 : this.#options.acks,
      timeoutMs: this.#options.brokerTimeoutMs,
      topicData: [...topics].map(([name, items]) => ({
        name,
        topicId: (items[0] as Item).led.topic.topicId,
        partitionData: items.map((item) => ({ index: item.queue.index, records: item.batch.encode(this.#options.compression) })),
      })),
    };
  }

  #answered(sent: readonly Item[], response: ProduceResponse): void {
    for (const item of sent) {
      const { topic, topicId } = { topic: item.queue.topic, topicId: item.led.topic.topicId };
      const ofTopic = response.responses.find((entry) => entry.name === topic || (entry.name === "" && entry.topicId === topicId));
      const answer = ofTopic?.partitionResponses.find((entry) => entry.index === item.queue.index);
      if (answer === undefined) {
        this.#failed(item, new ClientError("MALFORMED_RESPONSE", `the broker's answer lacks ${topic}[${item.queue.index}]`));
      } else if (answer.errorCode === ErrorCode.NONE || answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        this.#delivered(item, answer.errorCode === ErrorCode.NONE ? answer.baseOffset : -1, answer.logAppendTimeMs);
      } else {
        const place = { topic, partition: item.queue.index };
        this.#failed(item, brokerError(answer.errorCode, `produce to ${topic}[${item.queue.index}]`, answer.errorMessage, place));
      }
    }
    this.#plan();
  }

  #delivered({ queue, batch }: Item, baseOffset: number, logAppendTimeMs: number): void {
    queue.delivered(batch);
    this.#ended(queue, batch, { baseOffset, logAppendTimeMs });
  }

  #failed({ queue, batch }: Item, error: ClientError): void {
    const code = error.kafkaCode ?? 0;
    batch.isTooLarge = (code === ErrorCode.MESSAGE_TOO_LARGE || code === ErrorCode.RECORD_LIST_TOO_LARGE) && batch.recordCount > 1;
    const isAboutSequence = this.#options.idempotence && PartitionQueue.isAboutSequence(code);
    if (code === ErrorCode.INVALID_PRODUCER_EPOCH) this.#identity.discard();
    const again = batch.isTooLarge || isAboutSequence || (error.kafkaCode === undefined ? error.retriable : isRetriable(code));
    if (!again || this.#stopped) {
      // Nobody knows whether it is stored: then its numbers must not be another batch's, which would pass for it.
      if (error.kind === "internal") batch.lastError = error;
      queue.refused(batch);
      this.#ended(queue, batch, error);
      return;
    }
    queue.retry(batch, error);
    this.#options.onRetry?.(error);
    if (isMisplaced(error)) this.#refresh();
    const pause =
      batch.isTooLarge || isAboutSequence ? 0 : pauseMs(this.#cluster.options.backOff, queue.failures + 1, this.#cluster.parts.random);
    queue.notBeforeMs = Math.max(queue.notBeforeMs, this.#nowMs + pause);
  }

  #connect(nodeId: number, target: Target, items: readonly Item[]): void {
    if (target.connecting) return;
    target.connecting = true;
    this.#cluster.connection(nodeId, LANE).then(
      () => {
        target.connecting = false;
        target.failures = 0;
        this.#plan();
      },
      (error: unknown) => this.#connectFailed(target, items, ClientError.from(error)),
    );
  }

  #connectFailed(target: Target, items: readonly Item[], error: ClientError): void {
    target.connecting = false;
    target.failures += 1;
    this.#options.onRetry?.(error);
    const untilMs = this.#nowMs + pauseMs(this.#cluster.options.backOff, target.failures, this.#cluster.parts.random);
    target.throttledUntilMs = Math.max(target.throttledUntilMs, untilMs);
    for (const { queue, batch } of items) {
      batch.lastError = error;
      queue.notBeforeMs = Math.max(queue.notBeforeMs, untilMs);
    }
    this.#refresh();
    this.#plan();
  }
}

/** Another broker may lead. One that cannot commit in time may be cut off from the others, and not know that they have replaced it. */
function isMisplaced({ kind, kafkaCode }: ClientError): boolean {
  const isPerhaps = kafkaCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || kafkaCode === ErrorCode.REQUEST_TIMED_OUT;
  return kind === "moved" || isPerhaps || kafkaCode === undefined;
}

function timedOut(queue: PartitionQueue, batch: ProducerBatch): ClientError {
  const place = { topic: queue.topic, partition: queue.index };
  const doubt = batch.attempts > 0 ? "it was sent and may or may not be stored" : "it was never sent";
  const why = batch.lastError === undefined ? "" : `; last failure: ${batch.lastError.message}`;
  const text = `${batch.recordCount} record(s) for ${queue.topic}[${queue.index}] were not acknowledged in time: ${doubt}${why}`;
  return new ClientError("DELIVERY_TIMED_OUT", text, batch.lastError === undefined ? place : { ...place, cause: batch.lastError });
}
