/** Time as the client needs it. `real/` has the machine's; a simulator passes its own. */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions; never goes back. Decides time-outs and pauses. */
  monotonicMs(): number;
  /** Milliseconds since 1970, whole: the timestamp of records that bring none. */
  wallMs(): number;
  /** Runs once, `delayMs` from now, never within the calling turn. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs once when the events that have already arrived are handled. */
  nextTurn(run: () => void): void;
}

export interface Timer {
  /** No effect once it ran. */
  cancel(): void;
}

/** Resolves after `delayMs`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
