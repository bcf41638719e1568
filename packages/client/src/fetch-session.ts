import { ErrorCode } from "@tidemq/protocol/error-codes.ts";

/** What is asked of one partition. */
export type Wanted = Readonly<{
  topic: string;
  topicId: string;
  partition: number;
  fetchOffset: number;
  leaderEpoch: number;
}>;

/** The part of a request that depends on the session. */
export type SessionRequest = Readonly<{ sessionId: number; sessionEpoch: number; send: readonly Wanted[]; forget: readonly Wanted[] }>;

const FINAL_EPOCH = 0x7fff_ffff;

/**
 * An incremental fetch session with one broker (KIP-227): the broker remembers the partitions, and a request names
 * only those that changed. When the broker wants none, or forgets it, every request is a full one.
 */
export class FetchSession {
  readonly #isUsed: boolean;
  #id = 0;
  #epoch = 0;
  /** What the broker remembers, by topic, id and partition. */
  #known = new Map<string, Wanted>();
  #pending = new Map<string, Wanted>();

  /** @param isUsed false: full requests without a session. */
  constructor(isUsed: boolean) {
    this.#isUsed = isUsed;
  }

  /** The next request for these partitions. Its answer or failure must be told before the next. */
  next(wanted: readonly Wanted[]): SessionRequest {
    this.#pending = new Map(wanted.map((one) => [keyOf(one), one]));
    if (!this.#isUsed) return { sessionId: 0, sessionEpoch: -1, send: wanted, forget: [] };
    if (this.#epoch === 0) return { sessionId: this.#id, sessionEpoch: 0, send: wanted, forget: [] };
    const send = wanted.filter((one) => isChanged(this.#known.get(keyOf(one)), one));
    const forget = [...this.#known].filter(([key]) => !this.#pending.has(key)).map(([, one]) => one);
    return { sessionId: this.#id, sessionEpoch: this.#epoch, send, forget };
  }

  /** @returns Whether the answer counts; if not, the session begins anew with the next request. */
  answered(errorCode: number, sessionId: number): boolean {
    if (!this.#isUsed) return errorCode === ErrorCode.NONE;
    if (errorCode !== ErrorCode.NONE) {
      this.reset(errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ? 0 : this.#id);
      return false;
    }
    if (sessionId === 0) this.reset(0);
    else {
      this.#epoch = sessionId === this.#id && this.#epoch < FINAL_EPOCH && this.#epoch > 0 ? this.#epoch + 1 : 1;
      this.#id = sessionId;
      this.#known = this.#pending;
    }
    return true;
  }

  /** The connection was lost, or the session is in doubt. @param id An old session to be closed by the next request; 0: none. */
  reset(id = 0): void {
    this.#id = id;
    this.#epoch = 0;
    this.#known = new Map();
  }
}

function keyOf(one: Wanted): string {
  return `${one.topic} ${one.topicId} ${one.partition}`;
}

function isChanged(known: Wanted | undefined, one: Wanted): boolean {
  return known === undefined || known.fetchOffset !== one.fetchOffset || known.leaderEpoch !== one.leaderEpoch;
}
