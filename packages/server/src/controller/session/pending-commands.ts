import { QueueError } from "../../base/errors.ts";
import type { Outcome } from "../../cluster/commands.ts";
import type { Clock, Timer } from "../../io/clock.ts";
import { SUBMIT_WAIT_MS, SUBMITS_MAX } from "../limits.ts";

type Pending = {
  readonly token: number;
  readonly command: Uint8Array;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: QueueError) => void;
  readonly timer: Timer;
  isSent: boolean;
};

/** A broker's commands from when they are asked for until this broker has applied them. */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  /** By the index of the batch that carries it: token and position. */
  readonly #placed = new Map<number, { token: number; position: number }[]>();
  #tokenLast = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects with OVERLOADED, PEER_UNAVAILABLE (never sent), REQUEST_TIMED_OUT (may be applied), or what refuses it. */
  add(command: Uint8Array): Promise<Outcome> {
    if (this.#pending.size >= SUBMITS_MAX)
      return Promise.reject(new QueueError("OVERLOADED", "too many changes of metadata are waiting; nothing was changed"));
    return new Promise((resolve, reject) => {
      this.#tokenLast += 1;
      const token = this.#tokenLast;
      const timer = this.#clock.after(SUBMIT_WAIT_MS, () => this.#late(token));
      this.#pending.set(token, { token, command, resolve, reject, timer, isSent: false });
    });
  }

  /** Those that were never sent, oldest first; they count as sent from now on. */
  takeWaiting(): Pending[] {
    const waiting = [...this.#pending.values()].filter(({ isSent }) => !isSent);
    for (const pending of waiting) pending.isSent = true;
    return waiting;
  }

  /** It stands in the log, at a place that is told before the batch is. */
  placed(token: number, index: number, position: number, appliedIndex: number): void {
    if (!this.#pending.has(token)) return;
    if (index <= appliedIndex) return this.#unknown(token);
    const places = this.#placed.get(index) ?? [];
    places.push({ token, position });
    this.#placed.set(index, places);
  }

  refused(token: number, error: QueueError): void {
    this.#take(token)?.reject(error);
  }

  /** The batch at `index` was applied here, with these answers. */
  applied(index: number, outcomes: readonly Outcome[]): void {
    const places = this.#placed.get(index) ?? [];
    this.#placed.delete(index);
    for (const { token, position } of places) {
      const outcome = outcomes[position];
      if (outcome === undefined) this.#unknown(token);
      else this.#take(token)?.resolve(outcome);
    }
  }

  /** The session is over. Whoever is placed learns it from the next session's batches; of what was only sent nobody knows. */
  lost(): void {
    const placed = new Set([...this.#placed.values()].flat().map(({ token }) => token));
    for (const { token, isSent } of [...this.#pending.values()]) if (isSent && !placed.has(token)) this.#unknown(token);
  }

  close(): void {
    for (const { token, isSent } of [...this.#pending.values()])
      if (isSent) this.#unknown(token);
      else this.#take(token)?.reject(new QueueError("SHUTTING_DOWN", "the broker is stopping"));
  }

  #late(token: number): void {
    if (this.#pending.get(token)?.isSent === true) return this.#unknown(token);
    this.#take(token)?.reject(new QueueError("PEER_UNAVAILABLE", "no controller is there; nothing was changed, try again"));
  }

  #unknown(token: number): void {
    this.#take(token)?.reject(
      new QueueError("REQUEST_TIMED_OUT", "the controller did not say whether it was done; look before you ask again"),
    );
  }

  #take(token: number): Pending | undefined {
    const pending = this.#pending.get(token);
    pending?.timer.cancel();
    this.#pending.delete(token);
    return pending;
  }
}
