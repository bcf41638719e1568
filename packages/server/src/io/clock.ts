/** Time and the turns of the loop. `io/real` has the machine's, the simulator its own. */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions; never goes back. The only time that decides leases and timeouts. */
  monotonicMs(): number;
  /** Milliseconds since 1970, whole; may jump in either direction. */
  wallMs(): number;
  /** Runs once, `delayMs` from now, never within the calling turn. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs once when the events that have already arrived are handled (`setImmediate`). */
  nextTurn(run: () => void): void;
}

export interface Timer {
  /** No effect once it ran. */
  cancel(): void;
}

/** Resolves when the events that have already arrived are handled: gives the loop back within long work. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.nextTurn(resolve));
}

/** For long work of many parts: what is given is called between them, and gives the loop back when the turn has had `turnMs` of it. */
export function paced(clock: Clock, turnMs: number): () => Promise<void> {
  let untilMs = clock.monotonicMs() + turnMs;
  return async () => {
    if (clock.monotonicMs() < untilMs) return;
    await nextTurn(clock);
    untilMs = clock.monotonicMs() + turnMs;
  };
}

/** Resolves after `delayMs`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
