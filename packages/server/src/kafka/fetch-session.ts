import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { FetchRequest } from "@tidemq/protocol/messages/01-fetch.ts";
import type { Clock } from "../io/clock.ts";
import type { Random } from "../io/random.ts";
import { FETCH_TOPIC_IDS_SINCE, type FetchPosition, newPosition, positionKey, positionsOf } from "./fetch-position.ts";
import { FETCH_SESSION_EVICTION_MS, FETCH_SESSION_PARTITIONS_MAX, FETCH_SESSIONS_MAX } from "./limits.ts";

/** Epochs of a request: a session is opened, or none is used (any more). */
const EPOCH_INITIAL = 0;
const EPOCH_FINAL = -1;
const EPOCH_MAX = 0x7fff_ffff;
const NO_SESSION = 0;

/**
 * What a client fetches from, kept here so that its requests name only what changed and its answers only what is new.
 * A session belongs to no connection: whoever knows its number and the next epoch goes on with it.
 * Source: KIP-227, "Introduce Incremental FetchRequests to Increase Partition Scalability".
 */
export class FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  /** By key, in the order in which they are served: what has sent records goes to the end. */
  readonly positions = new Map<string, FetchPosition>();
  /** Of the next request. */
  epoch = 1;
  usedMs: number;

  constructor(id: number, usesTopicIds: boolean, nowMs: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.usedMs = nowMs;
  }

  /** Others go first the next time. */
  moveToEnd(position: FetchPosition): void {
    const { key } = position;
    if (this.positions.delete(key)) this.positions.set(key, position);
  }

  nextEpoch(): void {
    this.epoch = this.epoch === EPOCH_MAX ? 1 : this.epoch + 1;
  }
}

/** What a request fetches, and in which session. `isFull`: the answer names every position, new or not. */
export type FetchScope =
  | Readonly<{ error: number }>
  | Readonly<{ error: undefined; positions: readonly FetchPosition[]; session: FetchSession | undefined; isFull: boolean }>;

/** All sessions of this broker, of bounded number and size. */
export class FetchSessions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessionsMax: number;
  readonly #positionsMax: number;
  /** In order of last use. */
  readonly #sessions = new Map<number, FetchSession>();
  #positions = 0;

  constructor(clock: Clock, random: Random, sessionsMax: number = FETCH_SESSIONS_MAX, positionsMax: number = FETCH_SESSION_PARTITIONS_MAX) {
    this.#positionsMax = positionsMax;
    this.#clock = clock;
    this.#random = random;
    this.#sessionsMax = sessionsMax;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get positions(): number {
    return this.#positions;
  }

  /** Finds, opens, changes or closes the session that the request speaks of. */
  scopeOf(request: FetchRequest, version: number): FetchScope {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch !== EPOCH_INITIAL && sessionEpoch !== EPOCH_FINAL) return this.#incremental(request, version);
    this.#close(sessionId);
    const positions = positionsOf(request, version);
    const session = sessionEpoch === EPOCH_INITIAL && positions.length > 0 ? this.#open(positions, version) : undefined;
    return { error: undefined, positions: session === undefined ? positions : [...session.positions.values()], session, isFull: true };
  }

  #incremental(request: FetchRequest, version: number): FetchScope {
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    if (session.epoch !== request.sessionEpoch) return { error: ErrorCode.INVALID_FETCH_SESSION_EPOCH };
    if (session.usesTopicIds !== version >= FETCH_TOPIC_IDS_SINCE) return { error: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR };
    this.#update(session, request, version);
    if (this.#positions > this.#positionsMax) {
      this.#close(session.id); // it grew too large: the client begins anew, and may get no session
      return { error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    }
    if (session.positions.size === 0) {
      this.#close(session.id);
      return { error: undefined, positions: [], session: undefined, isFull: false };
    }
    session.nextEpoch();
    this.#touch(session);
    return { error: undefined, positions: [...session.positions.values()], session, isFull: false };
  }

  #update(session: FetchSession, request: FetchRequest, version: number): void {
    const before = session.positions.size;
    for (const { topic, topicId, partitions } of request.topics) {
      for (const asked of partitions) this.#ask(session, newPosition(topic, topicId, asked.partition, version), asked);
    }
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const index of partitions)
        session.positions.delete(session.usesTopicIds ? positionKey("", topicId, index) : positionKey(topic, "", index));
    }
    this.#positions += session.positions.size - before;
  }

  #ask(session: FetchSession, fresh: FetchPosition, asked: FetchRequest["topics"][number]["partitions"][number]): void {
    const { key } = fresh;
    const known = session.positions.get(key);
    (known ?? fresh).ask(asked);
    if (known === undefined) session.positions.set(key, fresh);
  }

  /** A new session, or none when there is no room. */
  #open(positions: readonly FetchPosition[], version: number): FetchSession | undefined {
    if (!this.#makeRoom(positions.length)) return undefined;
    const session = new FetchSession(this.#freeId(), version >= FETCH_TOPIC_IDS_SINCE, this.#clock.monotonicMs());
    for (const position of positions) session.positions.set(position.key, position);
    this.#sessions.set(session.id, session);
    this.#positions += session.positions.size;
    return session;
  }

  /** The session unused for longest makes room, if that is long enough. */
  #makeRoom(positions: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    for (const oldest of this.#sessions.values()) {
      if (this.#sessions.size < this.#sessionsMax && this.#positions + positions <= this.#positionsMax) return true;
      if (nowMs - oldest.usedMs < FETCH_SESSION_EVICTION_MS) return false;
      this.#close(oldest.id);
    }
    return positions <= this.#positionsMax;
  }

  #touch(session: FetchSession): void {
    session.usedMs = this.#clock.monotonicMs();
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #close(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#positions -= session.positions.size;
  }

  /** Random, so that no client meets another's session by counting. */
  #freeId(): number {
    for (;;) {
      const id = this.#random.uint32() >>> 1;
      if (id !== NO_SESSION && !this.#sessions.has(id)) return id;
    }
  }
}
