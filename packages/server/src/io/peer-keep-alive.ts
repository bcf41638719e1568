import type { Clock, Timer } from "./clock.ts";
import { PINGS_MISSED_BUSY_MAX, PINGS_MISSED_MAX } from "./peer-limits.ts";

/** What a connection lets its keep-alive see and do. */
export type PingedLine = Readonly<{
  /** Sends a ping; `answered` is called when the answer comes. */
  ping: (answered: () => void) => void;
  /** Bytes of messages that have arrived: whoever sends is not silent, even when its answer waits behind them. */
  receivedBytes: () => number;
  /** Bytes of messages that wait to be sent: a ping waits behind them. */
  pendingBytes: () => number;
  /** Called once. */
  silent: () => void;
}>;

/** Pings a peer at every tick, measures the round trip, and says when the peer is silent. */
export class PeerKeepAlive {
  readonly #clock: Clock;
  readonly #pingMs: number;
  readonly #line: PingedLine;
  #timer: Timer;
  #isWaiting = false;
  #missed = 0;
  /** More was on its way than a small message, so that the ping may take long. */
  #wasBusy = false;
  #receivedBytes = 0;
  #rttMs: number | undefined;

  constructor(clock: Clock, pingMs: number, line: PingedLine) {
    this.#clock = clock;
    this.#pingMs = pingMs;
    this.#line = line;
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
    const hasSpoken = this.#look();
    if (!this.#isWaiting) return this.#sendPing();
    this.#missed = hasSpoken ? 0 : this.#missed + 1;
    if (this.#missed < (this.#wasBusy ? PINGS_MISSED_BUSY_MAX : PINGS_MISSED_MAX)) return;
    this.stop();
    this.#line.silent();
  }

  /** Whether the peer has sent anything since the last tick. */
  #look(): boolean {
    if (this.#line.pendingBytes() > 0) this.#wasBusy = true;
    const before = this.#receivedBytes;
    this.#receivedBytes = this.#line.receivedBytes();
    return this.#receivedBytes > before;
  }

  #sendPing(): void {
    const sentAtMs = this.#clock.monotonicMs();
    this.#isWaiting = true;
    this.#missed = 0;
    this.#line.ping(() => {
      this.#isWaiting = false;
      this.#wasBusy = false;
      this.#rttMs = this.#clock.monotonicMs() - sentAtMs;
    });
  }
}
