import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { FetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import { wholeBatchBytes } from "@tidemq/protocol/record-batch.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { API, type RequestBody } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import type { ConsumerPartition } from "./consumer-partition.ts";
import { brokerError, ClientError } from "./errors.ts";
import { FetchSession, type Wanted } from "./fetch-session.ts";
import { FetchedBatch } from "./fetched-batch.ts";

/** Newest version of Fetch that names topics instead of giving their ids. */
const VERSION_WITH_NAMES = 12;

type Asked = Readonly<{ partition: ConsumerPartition; generation: number; wanted: Wanted }>;

/** What the consumer is told. */
export type FetchEvents = Readonly<{
  /** Batches have been pushed. */
  arrived: (partition: ConsumerPartition) => void;
  /** The broker refuses this partition. */
  refused: (partition: ConsumerPartition, error: ClientError) => void;
  /** Another broker is nearer. */
  redirected: (partition: ConsumerPartition, nodeId: number) => void;
}>;

/** Asks one broker for partitions that it leads, or that its leader sent us there for, one request after the other. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #nodeId: number;
  readonly #lane: string;
  readonly #options: ConsumerOptions;
  readonly #events: FetchEvents;
  readonly #session: FetchSession;
  #isAsking = false;

  constructor(cluster: Cluster, nodeId: number, lane: string, options: ConsumerOptions, events: FetchEvents) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#lane = lane;
    this.#options = options;
    this.#events = events;
    this.#session = new FetchSession(options.sessions);
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  /**
   * One request for these partitions. Resolves when its answer has been dealt with.
   *
   * @throws {ClientError} When there was none, or it was an error as a whole.
   */
  async ask(partitions: readonly ConsumerPartition[]): Promise<void> {
    this.#isAsking = true;
    try {
      const asked = partitions.map((partition) => this.#asked(partition)).filter((one) => one !== undefined);
      const connection = await this.#cluster.connection(this.#nodeId, this.#lane);
      const byName = asked.some((one) => one.wanted.topicId === ZERO_UUID);
      const response = await connection.request(API.fetch, this.#body(asked), {
        timeoutMs: this.#cluster.options.requestTimeoutMs + this.#options.waitMsMax,
        ...(byName ? { versionMax: VERSION_WITH_NAMES } : {}),
      });
      if (this.#session.answered(response.errorCode, response.sessionId)) this.#take(asked, response);
      else if (!isSessionError(response.errorCode)) throw brokerError(response.errorCode, "fetch");
    } catch (error) {
      this.#session.reset();
      throw error;
    } finally {
      this.#isAsking = false;
    }
  }

  #asked(partition: ConsumerPartition): Asked | undefined {
    const led = this.#cluster.ledNow(partition.topic, partition.index);
    if (led === undefined) return undefined;
    partition.askedOf = this.#nodeId;
    const wanted = {
      topic: partition.topic,
      topicId: led.topic.topicId,
      partition: partition.index,
      fetchOffset: partition.fetchOffset,
      leaderEpoch: led.partition.leaderEpoch,
    };
    return { partition, generation: partition.generation, wanted };
  }

  #body(asked: readonly Asked[]): RequestBody<typeof API.fetch> {
    const { sessionId, sessionEpoch, send, forget } = this.#session.next(asked.map((one) => one.wanted));
    return {
      maxWaitMs: this.#options.waitMsMax,
      minBytes: this.#options.bytesMin,
      maxBytes: this.#options.bytesMax,
      rackId: this.#options.rackId ?? "",
      sessionId,
      sessionEpoch,
      topics: byTopic(send).map(([first, all]) => ({
        topic: first.topic,
        topicId: first.topicId,
        partitions: all.map((one) => ({
          partition: one.partition,
          currentLeaderEpoch: one.leaderEpoch,
          fetchOffset: one.fetchOffset,
          partitionMaxBytes: this.#options.partitionBytesMax,
        })),
      })),
      forgottenTopicsData: byTopic(forget).map(([first, all]) => ({
        topic: first.topic,
        topicId: first.topicId,
        partitions: all.map((one) => one.partition),
      })),
    };
  }

  #take(asked: readonly Asked[], response: FetchResponse): void {
    const byKey = new Map(asked.map((one) => [`${one.wanted.topic} ${one.wanted.partition}`, one]));
    const byId = new Map(asked.map((one) => [`${one.wanted.topicId} ${one.wanted.partition}`, one]));
    for (const topic of response.responses) {
      for (const answer of topic.partitions) {
        const key = topic.topic === "" ? `${topic.topicId} ${answer.partitionIndex}` : `${topic.topic} ${answer.partitionIndex}`;
        const one = topic.topic === "" ? byId.get(key) : byKey.get(key);
        if (one !== undefined && this.#isWanted(one)) this.#takePartition(one.partition, answer);
      }
    }
  }

  /** After a seek or a new assignment the answer to the old question says nothing; nor when another broker was asked meanwhile. */
  #isWanted({ partition, generation }: Asked): boolean {
    return generation === partition.generation && partition.askedOf === this.#nodeId;
  }

  #takePartition(partition: ConsumerPartition, answer: FetchResponse["responses"][number]["partitions"][number]): void {
    if (answer.errorCode !== ErrorCode.NONE) {
      const place = { topic: partition.topic, partition: partition.index };
      const what = `fetch ${partition.topic}[${partition.index}] at offset ${partition.fetchOffset}`;
      return this.#events.refused(partition, brokerError(answer.errorCode, what, undefined, place));
    }
    const { preferredReadReplica: nearest } = answer;
    // No success yet: whoever is sent to and fro waits longer each time.
    if (nearest >= 0 && nearest !== this.#nodeId) return this.#events.redirected(partition, nearest);
    partition.failures = 0;
    partition.highWatermark = answer.highWatermark;
    partition.logStart = answer.logStartOffset;
    if (answer.records === null || answer.records.byteLength === 0) return;
    const from = partition.fetchOffset;
    pushBatches(partition, answer.records, answer.highWatermark);
    if (partition.fetchOffset > from) this.#events.arrived(partition);
    else this.#events.refused(partition, unreadable(partition, answer.records.byteLength));
  }
}

/** Otherwise the same answer would be asked for again and again. */
function unreadable(partition: ConsumerPartition, byteCount: number): ClientError {
  const { topic, index, fetchOffset } = partition;
  const text = `${byteCount} bytes of ${topic}[${index}] at offset ${fetchOffset} hold no whole batch behind that offset`;
  return new ClientError("MALFORMED_RESPONSE", text, { topic, partition: index });
}

/** Cuts an answer into batches. The last may be incomplete: it comes whole the next time. */
function pushBatches(partition: ConsumerPartition, records: Uint8Array, highWatermark: number): void {
  for (let at = 0; ; ) {
    const size = wholeBatchBytes(records, at, records.byteLength);
    if (size === 0) return;
    const bytes = records.subarray(at, at + size);
    const batch = new FetchedBatch(partition.topic, partition.index, bytes, partition.fetchOffset, highWatermark);
    // A broker sends whole batches: the first may begin, but not end, before the offset asked for.
    if (batch.endOffset > partition.fetchOffset) partition.push(batch);
    at += size;
  }
}

function byTopic(wanted: readonly Wanted[]): [Wanted, Wanted[]][] {
  const groups = new Map<string, Wanted[]>();
  for (const one of wanted) {
    const key = `${one.topic} ${one.topicId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].map((all) => [all[0] as Wanted, all]);
}

function isSessionError(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ||
    errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH ||
    errorCode === ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
  );
}
