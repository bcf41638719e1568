import type { Clock } from "../io/clock.ts";
import type { Address } from "../io/network.ts";
import { PeerError, type PeerErrorCode } from "../io/peer-error.ts";
import type { PeerConnection, PeerMessage, PeerStream, PeerTransport, StreamHandler } from "../io/peer-transport.ts";
import type { Random } from "../io/random.ts";
import { type AttemptResult, askBreaker, type BreakerKind, forgiveBreaker, newBreaker, reportToBreaker } from "./breaker-state.ts";
import { watchedReader } from "./watched-reader.ts";

export type PeerParts = Readonly<{ transport: PeerTransport; clock: Clock; random: Random }>;

/** Counters only grow. */
export type PeerCounts = {
  calls: number;
  streams: number;
  /** Calls and streams that ended in a failure. */
  failures: number;
  /** Calls and streams that the breaker let not pass. */
  refused: number;
  connects: number;
  connectFailures: number;
};

/** How a peer fares, for metrics and people. */
export type PeerHealth = Readonly<{
  id: number;
  address: Address;
  isConnected: boolean;
  breaker: BreakerKind;
  failuresInARow: number;
  rttMs: number | undefined;
  sentBytes: number;
  receivedBytes: number;
  counts: Readonly<PeerCounts>;
  lastError: string | undefined;
}>;

/** What an end says of the peer: whoever answers is alive, even when it refuses. */
const RESULTS: Readonly<Record<PeerErrorCode, AttemptResult>> = {
  unavailable: "failure",
  lost: "failure",
  deadline: "failure",
  denied: "failure",
  malformed: "failure",
  cancelled: "nothing",
  overloaded: "nothing",
  "too-large": "success",
  "unknown-path": "success",
  refused: "success",
};

/** One peer: a connection that is opened by the first who needs it, and a breaker in front of it. */
export class Peer {
  readonly id: number;
  readonly address: Address;
  readonly counts: PeerCounts = { calls: 0, streams: 0, failures: 0, refused: 0, connects: 0, connectFailures: 0 };
  readonly #parts: PeerParts;
  readonly #breaker = newBreaker();
  #connection: PeerConnection | undefined;
  #connecting: Promise<PeerConnection> | undefined;
  /** Whose loss is counted already: it is one failure, however much was under way. */
  #mourned: PeerConnection | undefined;
  #closedBytes = { sent: 0, received: 0 };
  #lastError: string | undefined;
  #isRemoved = false;

  constructor(id: number, address: Address, parts: PeerParts) {
    this.id = id;
    this.address = address;
    this.#parts = parts;
  }

  /** How long nothing passes; 0: it is worth a try. */
  get waitMs(): number {
    const { kind, pauseUntilMs, trialUntilMs } = this.#breaker;
    if (kind === "closed" && this.#isConnected) return 0;
    return Math.max(0, Math.max(pauseUntilMs, trialUntilMs ?? 0) - this.#parts.clock.monotonicMs());
  }

  get health(): PeerHealth {
    const live = this.#connection;
    return {
      id: this.id,
      address: this.address,
      isConnected: this.#isConnected,
      breaker: this.#breaker.kind,
      failuresInARow: this.#breaker.failures,
      rttMs: live?.rttMs,
      sentBytes: this.#closedBytes.sent + (live?.sentBytes ?? 0),
      receivedBytes: this.#closedBytes.received + (live?.receivedBytes ?? 0),
      counts: { ...this.counts },
      lastError: this.#lastError,
    };
  }

  /** Rejects with `PeerError`; `unavailable` at once when the breaker does not let it pass. Never repeats anything. */
  async call(path: string, request: PeerMessage, deadlineMs: number): Promise<Uint8Array> {
    const permit = this.#admit();
    const endMs = this.#parts.clock.monotonicMs() + deadlineMs;
    this.counts.calls += 1;
    const connection = await this.#connected(deadlineMs);
    try {
      const answer = await connection.call(path, request, Math.max(0, endMs - this.#parts.clock.monotonicMs()));
      this.#report(permit, "success");
      return answer;
    } catch (error) {
      if (error instanceof PeerError) this.#failed(permit, connection, error);
      throw error;
    }
  }

  /** Resolves when there is a connection; rejects with `PeerError`, then nothing was accepted. */
  async open(path: string, accept: StreamHandler, deadlineMs?: number): Promise<PeerStream> {
    const permit = this.#admit();
    this.counts.streams += 1;
    const connection = await this.#connected(deadlineMs);
    let current = permit;
    const watched: StreamHandler = (stream) =>
      watchedReader(accept(stream), {
        answered: () => {
          this.#report(current, "success");
          current = this.#breaker.generation;
        },
        closed: (error) => {
          if (error === undefined) this.#report(current, "success");
          else this.#failed(current, connection, error);
        },
      });
    return connection.open(path, watched, deadlineMs);
  }

  /** Somebody who knows says that it is there again: it is asked at once, however often it has failed. */
  cameBack(): void {
    forgiveBreaker(this.#breaker);
  }

  /** Cuts what is open; nothing passes any more. */
  remove(): void {
    this.#isRemoved = true;
    this.#connection?.close();
  }

  get #isConnected(): boolean {
    return this.#connection?.isClosed === false;
  }

  #admit(): number {
    if (this.#isRemoved) throw new PeerError("unavailable", `peer ${this.id} is no longer registered`);
    const admission = askBreaker(this.#breaker, this.#isConnected, this.#parts.clock.monotonicMs());
    if (admission.kind === "pass") return admission.permit;
    this.counts.refused += 1;
    const why = this.#lastError ?? "another trial is under way";
    throw new PeerError("unavailable", `peer ${this.id} is not asked for ${Math.ceil(admission.waitMs)} ms: ${why}`);
  }

  /** The connection, or the attempt at one that is under way; waits no longer than the caller does. */
  async #connected(withinMs: number | undefined): Promise<PeerConnection> {
    if (this.#connection?.isClosed === false) return this.#connection;
    this.#connecting ??= this.#connect();
    try {
      return await this.#within(this.#connecting, withinMs);
    } catch (error) {
      this.counts.failures += 1;
      throw error;
    }
  }

  async #within(connecting: Promise<PeerConnection>, withinMs: number | undefined): Promise<PeerConnection> {
    if (withinMs === undefined) return connecting;
    const { promise, reject } = Promise.withResolvers<never>();
    const late = (): void => reject(new PeerError("unavailable", `no connection to peer ${this.id} within ${withinMs} ms`));
    const timer = this.#parts.clock.after(withinMs, late);
    try {
      return await Promise.race([connecting, promise]);
    } finally {
      timer.cancel();
    }
  }

  /** One attempt, one failure, however many wait for it. */
  async #connect(): Promise<PeerConnection> {
    try {
      return this.#keep(await this.#parts.transport.connect(this.address));
    } catch (error) {
      this.counts.connectFailures += 1;
      if (error instanceof PeerError) this.#lastError = error.message;
      this.#report(this.#breaker.generation, "failure");
      throw error;
    } finally {
      this.#connecting = undefined;
    }
  }

  #keep(connection: PeerConnection): PeerConnection {
    this.counts.connects += 1;
    this.#connection = connection;
    connection.onClosed(() => this.#gone(connection));
    if (!this.#isRemoved) return connection;
    connection.close();
    throw new PeerError("unavailable", `peer ${this.id} is no longer registered`);
  }

  #gone(connection: PeerConnection): void {
    this.#closedBytes.sent += connection.sentBytes;
    this.#closedBytes.received += connection.receivedBytes;
    if (this.#connection === connection) this.#connection = undefined;
  }

  #failed(permit: number, connection: PeerConnection, error: PeerError): void {
    const result = RESULTS[error.code];
    if (result !== "failure") return this.#report(permit, result);
    this.counts.failures += 1;
    this.#lastError = error.message;
    if (error.code === "lost") this.#mourn(permit, connection);
    else this.#report(permit, "failure");
  }

  /** A connection that is lost is news, whenever what was on it began, and one failure for all of that. */
  #mourn(permit: number, connection: PeerConnection): void {
    if (this.#mourned === connection) return this.#report(permit, "nothing");
    this.#mourned = connection;
    this.#report(this.#breaker.generation, "failure");
  }

  #report(permit: number, result: AttemptResult): void {
    const { clock, random } = this.#parts;
    reportToBreaker(this.#breaker, permit, result, { nowMs: clock.monotonicMs(), chance: random.uint32() / 2 ** 32 });
  }
}
