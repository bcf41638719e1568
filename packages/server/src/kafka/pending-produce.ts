import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import type { MarkWaiter } from "../partition/mark-waiters.ts";
import { failPartition } from "./produce-response.ts";

/** Who owns answered and pooled pending produces. */
export interface PendingOwner {
  /** The answer is complete. */
  answered(pending: PendingProduce): void;
  /** Nothing refers to it any more. */
  free(pending: PendingProduce): void;
}

/**
 * One Produce request whose answer is written but not yet true: it is sent when every batch of it is safe, or with an
 * error in the place of those that are not when the time is over. Reused; it lives until the last batch has reported.
 */
export class PendingProduce {
  readonly #owner: PendingOwner;
  readonly #appends: PendingAppend[] = [];
  #used = 0;
  /** Batches that have not reported, and one for the scan of the request itself. */
  #unreported = 0;
  #isAnswered = false;
  #connection: ClientConnection | undefined;
  #slot = 0;
  #version = 0;
  /** Where the answer lies until it is sent. */
  #chunk: Uint8Array = new Uint8Array(0);
  deadlineMs = 0;
  startedMs = 0;
  /** The owner's list, by age. */
  previous: PendingProduce | undefined;
  next: PendingProduce | undefined;

  constructor(owner: PendingOwner) {
    this.#owner = owner;
  }

  begin(connection: ClientConnection, version: number, chunk: Uint8Array, startedMs: number, deadlineMs: number): void {
    this.#connection = connection;
    this.#version = version;
    this.#chunk = chunk;
    this.#unreported = 1;
    this.#isAnswered = false;
    this.#used = 0;
    this.startedMs = startedMs;
    this.deadlineMs = deadlineMs;
  }

  /** The waiter of the batch whose error code in the answer lies at this position of the chunk. */
  waiterFor(errorAt: number): PendingAppend {
    let append = this.#appends[this.#used];
    if (append === undefined) this.#appends.push((append = new PendingAppend(this)));
    this.#used += 1;
    this.#unreported += 1;
    append.begin(errorAt);
    return append;
  }

  /** The batch was refused, so nobody will report. */
  takeBack(): void {
    this.#used -= 1;
    this.#unreported -= 1;
  }

  /** The whole answer is written and belongs to this slot. */
  written(slot: number): void {
    this.#slot = slot;
    this.#reported();
  }

  reported(append: PendingAppend, failure: number): void {
    if (failure !== 0) this.#fail(append, failure);
    this.#reported();
  }

  /** Its time is over: what has not reported may or may not have happened. */
  timeOut(): void {
    if (this.#isAnswered) return;
    for (let i = 0; i < this.#used; i += 1) {
      const append = this.#appends[i] as PendingAppend;
      if (!append.isReported) this.#fail(append, ErrorCode.REQUEST_TIMED_OUT);
    }
    this.#answer();
  }

  /** The memory of an answer that was sent, or whose connection is gone, belongs to somebody else. */
  #fail(append: PendingAppend, failure: number): void {
    if (this.#connection?.isOpen === true) failPartition(this.#chunk, append.errorAt, this.#version, failure);
  }

  #reported(): void {
    this.#unreported -= 1;
    if (this.#unreported > 0) return;
    if (!this.#isAnswered) this.#answer();
    this.#owner.free(this);
  }

  #answer(): void {
    this.#isAnswered = true;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.finishSlot(this.#slot);
    this.#owner.answered(this);
  }
}

/** One batch of a pending produce. */
export class PendingAppend implements MarkWaiter {
  readonly #pending: PendingProduce;
  errorAt = 0;
  isReported = false;

  constructor(pending: PendingProduce) {
    this.#pending = pending;
  }

  begin(errorAt: number): void {
    this.errorAt = errorAt;
    this.isReported = false;
  }

  reached(_endOffset: number, failure: number): void {
    this.isReported = true;
    this.#pending.reported(this, failure);
  }
}
