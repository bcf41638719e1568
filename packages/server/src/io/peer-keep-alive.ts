import type { Clock, Timer } from "./clock.ts";
import { PINGS_MISSED_MAX } from "./peer-limits.ts";

/** Pings a peer at every tick, measures the round trip, and says when the peer is silent. */
export class PeerKeepAlive {
  readonly #clock: Clock;
  readonly #pingMs: number;
  /** Sends a ping; what it is given is called when the answer comes. */
  readonly #ping: (answered: () => void) => void;
  readonly #onSilent: () => void;
  #timer: Timer;
  #waiting = false;
  #missed = 0;
  #rttMs: number | undefined;

  constructor(clock: Clock, pingMs: number, ping: (answered: () => void) => void, onSilent: () => void) {
    this.#clock = clock;
    this.#pingMs = pingMs;
    this.#ping = ping;
    this.#onSilent = onSilent;
    this.#timer = clock.after(pingMs, () => this.#tick());
  }

  /** Of the last ping that was answered. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #tick(): void {
    this.#timer = this.#clock.after(this.#pingMs, () => this.#tick());
    if (!this.#waiting) return this.#sendPing();
    this.#missed += 1;
    if (this.#missed < PINGS_MISSED_MAX) return;
    this.stop();
    this.#onSilent();
  }

  #sendPing(): void {
    const sentAtMs = this.#clock.monotonicMs();
    this.#waiting = true;
    this.#missed = 0;
    this.#ping(() => {
      this.#waiting = false;
      this.#rttMs = this.#clock.monotonicMs() - sentAtMs;
    });
  }
}
