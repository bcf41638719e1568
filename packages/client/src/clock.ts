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

/** What becomes of the promise, unless that takes longer than `timeoutMs`: then the error. Leaves no timer behind, which would keep a process. */
export function inTime<T>(clock: Clock, promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(late()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
