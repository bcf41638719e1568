import { Buffer } from "node:buffer";
import { type ErrorCode, QueueError } from "../../base/errors.ts";
import { decodeBatch, encodeCommand } from "../../cluster/command-codec.ts";
import { isRefusal, type Outcome } from "../../cluster/commands.ts";
import type { Clock, Timer } from "../../io/clock.ts";
import { SUBMIT_WAIT_MS, SUBMITS_MAX } from "../limits.ts";

type Pending = Readonly<{
  token: number;
  command: Uint8Array;
  resolve: (outcome: Outcome) => void;
  reject: (error: QueueError) => void;
  timer: Timer;
}>;

type Place = Readonly<{ token: number; position: number }>;

/** A batch as it was applied here. */
export type AppliedBatch = Readonly<{ index: number; payload: Uint8Array; outcomes: readonly Outcome[] }>;

/** Refusals of a controller that is none any more, or stops: the next one's log tells whether it was done. */
const ASK_THE_LOG: ReadonlySet<ErrorCode> = new Set(["NOT_CONTROLLER", "SHUTTING_DOWN", "REQUEST_TIMED_OUT"]);

/**
 * A broker's commands from when they are asked for until this broker has applied them. One whose controller fell silent is looked for in
 * the log, and submitted again when it can stand there no more (docs/rfcs/0009-brokers-and-their-controller.md).
 */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  /** To be sent: they stand nowhere where they count. */
  readonly #waiting = new Set<Pending>();
  /** They were sent to a controller that is gone since, or says that it could not. */
  readonly #doubtful = new Set<Pending>();
  /** By the index of the batch that carries it. */
  readonly #placed = new Map<number, Place[]>();
  #tokenLast = 0;
  /** What earlier sessions left in doubt stands below an index, or never counts; undefined: no controller has said so yet. */
  #decided: Readonly<{ below: number; doubtful: ReadonlySet<Pending> }> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects with OVERLOADED, PEER_UNAVAILABLE (not done), REQUEST_TIMED_OUT (may be applied), or what refuses it. */
  add(command: Uint8Array): Promise<Outcome> {
    if (this.#pending.size >= SUBMITS_MAX)
      return Promise.reject(new QueueError("OVERLOADED", "too many changes of metadata are waiting; nothing was changed"));
    return new Promise((resolve, reject) => {
      this.#tokenLast += 1;
      const token = this.#tokenLast;
      const timer = this.#clock.after(SUBMIT_WAIT_MS, () => this.#late(token));
      const pending = { token, command, resolve, reject, timer };
      this.#pending.set(token, pending);
      this.#waiting.add(pending);
    });
  }

  /** Those that are to be sent, oldest first; they count as sent from now on. */
  takeWaiting(): Pending[] {
    const waiting = [...this.#waiting].sort((a, b) => a.token - b.token);
    this.#waiting.clear();
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
    const pending = this.#pending.get(token);
    if (pending !== undefined && ASK_THE_LOG.has(error.code)) this.#doubtful.add(pending);
    else this.#take(token)?.reject(error);
  }

  /** The batch was applied here. */
  applied(batch: AppliedBatch): void {
    const places = this.#placed.get(batch.index) ?? [];
    this.#placed.delete(batch.index);
    for (const { token, position } of places) {
      const outcome = batch.outcomes[position];
      if (outcome === undefined) this.#unknown(token);
      else this.#answer(token, outcome);
    }
    if (this.#doubtful.size > 0) this.#lookInto(batch, new Set(places.map(({ position }) => position)));
  }

  /** The session is over. Whoever is placed learns it from the next session's batches, all others that were sent are looked for there. */
  lost(): void {
    this.#decided = undefined;
    const placed = new Set([...this.#placed.values()].flat().map(({ token }) => token));
    for (const pending of this.#pending.values())
      if (!this.#waiting.has(pending) && !placed.has(pending.token)) this.#doubtful.add(pending);
  }

  /** By the controller of a new session: what was submitted in earlier ones stands in the log below `endIndex`, or never counts. */
  decidedBelow(endIndex: number): void {
    this.#decided = { below: endIndex, doubtful: new Set(this.#doubtful) };
  }

  /** All up to `appliedIndex` is applied here. Who was looked for and not found was not done, and waits to be sent. */
  settle(appliedIndex: number): void {
    if (this.#decided === undefined || appliedIndex < this.#decided.below - 1) return;
    for (const pending of this.#decided.doubtful) if (this.#doubtful.delete(pending)) this.#waiting.add(pending);
    this.#decided = undefined;
  }

  close(): void {
    for (const pending of [...this.#pending.values()])
      if (!this.#waiting.has(pending)) this.#unknown(pending.token);
      else this.#take(pending.token)?.reject(new QueueError("SHUTTING_DOWN", "the broker is stopping"));
  }

  /** The same bytes are the same change: who asks for it has it, whichever of several equal ones it was. */
  #lookInto({ payload, outcomes }: AppliedBatch, taken: ReadonlySet<number>): void {
    const wanted = [...this.#doubtful];
    decodeBatch(payload).forEach(({ command }, position) => {
      const outcome = outcomes[position];
      if (taken.has(position) || outcome === undefined || wasIgnored(outcome)) return;
      const bytes = encodeCommand({ controllerEpoch: 0, command });
      const at = wanted.findIndex((pending) => Buffer.compare(pending.command, bytes) === 0);
      const [found] = at < 0 ? [] : wanted.splice(at, 1);
      if (found !== undefined) this.#answer(found.token, outcome);
    });
  }

  /** In the epoch of a controller that another had followed it stands in the log for nothing: it goes to that other one. */
  #answer(token: number, outcome: Outcome): void {
    const pending = this.#pending.get(token);
    if (pending !== undefined && wasIgnored(outcome)) this.#waiting.add(pending);
    else this.#take(token)?.resolve(outcome);
  }

  #late(token: number): void {
    const pending = this.#pending.get(token);
    if (pending === undefined || !this.#waiting.has(pending)) return this.#unknown(token);
    this.#take(token)?.reject(new QueueError("PEER_UNAVAILABLE", "no controller is there; nothing was changed, try again"));
  }

  #unknown(token: number): void {
    this.#take(token)?.reject(
      new QueueError("REQUEST_TIMED_OUT", "the controller did not say whether it was done; look before you ask again"),
    );
  }

  #take(token: number): Pending | undefined {
    const pending = this.#pending.get(token);
    if (pending === undefined) return undefined;
    pending.timer.cancel();
    this.#pending.delete(token);
    this.#waiting.delete(pending);
    this.#doubtful.delete(pending);
    return pending;
  }
}

function wasIgnored(outcome: Outcome): boolean {
  return isRefusal(outcome) && outcome.refused === "stale-controller";
}
