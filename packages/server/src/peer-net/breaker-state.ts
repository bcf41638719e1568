import { HALF_OPEN_FAILURES, OPEN_FAILURES, PAUSE_MAX_MS, PAUSE_MIN_MS, TRIAL_MS_MAX } from "./limits.ts";

/**
 * Whether a peer is worth asking, decided purely.
 *
 *     closed(0–2 failures) ──3rd in a row──▶ half-open ──5th──▶ open
 *          ▲                                    │ ▲               │ pause over
 *          └──────── trial succeeds ────────────┘ └───────────────┘
 *
 * `closed`: every call passes; without a connection none is opened before the pause is over. `half-open` and `open`: nothing
 * passes before the pause is over, then one trial. Each failed trial is one more failure in a row, with a longer pause.
 */
export type BreakerState = {
  kind: BreakerKind;
  /** In a row. */
  failures: number;
  /** Until then: closed, no new connection; else, no trial. */
  pauseUntilMs: number;
  /** A trial is under way, and given up at that time. */
  trialUntilMs: number | undefined;
  /** Goes up with each change of `kind` and each trial: what began before says nothing any more. */
  generation: number;
};

export type BreakerKind = "closed" | "half-open" | "open";

/** May it be asked? A permit is handed back with the result. */
export type Admission = Readonly<{ kind: "pass"; permit: number }> | Readonly<{ kind: "refused"; waitMs: number }>;

/** `nothing`: neither good nor bad, as when somebody cancels. */
export type AttemptResult = "success" | "failure" | "nothing";

export function newBreaker(): BreakerState {
  return { kind: "closed", failures: 0, pauseUntilMs: 0, trialUntilMs: undefined, generation: 0 };
}

/** @param isConnected Without a connection, the pause holds for a closed breaker, too. */
export function askBreaker(state: BreakerState, isConnected: boolean, nowMs: number): Admission {
  if (state.kind === "closed") {
    if (isConnected || nowMs >= state.pauseUntilMs) return { kind: "pass", permit: state.generation };
    return { kind: "refused", waitMs: state.pauseUntilMs - nowMs };
  }
  const waitUntilMs = Math.max(state.pauseUntilMs, state.trialUntilMs ?? 0);
  if (nowMs < waitUntilMs) return { kind: "refused", waitMs: waitUntilMs - nowMs };
  state.kind = "half-open";
  state.trialUntilMs = nowMs + TRIAL_MS_MAX;
  state.generation += 1;
  return { kind: "pass", permit: state.generation };
}

/** @param chance In [0, 1): which part of the pause's upper half. */
export function reportToBreaker(
  state: BreakerState,
  permit: number,
  result: AttemptResult,
  now: Readonly<{ nowMs: number; chance: number }>,
): void {
  if (permit !== state.generation) return;
  state.trialUntilMs = undefined;
  if (result === "nothing") return;
  if (result === "success") return close(state);
  state.failures += 1;
  state.pauseUntilMs = now.nowMs + pauseMs(state.failures, now.chance);
  become(state, kindOf(state.failures));
}

/** It is known to be back: earlier failures count no more, nor does a trial that is under way. */
export function forgiveBreaker(state: BreakerState): void {
  state.trialUntilMs = undefined;
  state.generation += 1;
  close(state);
}

/** Half a step and up to half a step more; the step doubles with each failure. */
export function pauseMs(failures: number, chance: number): number {
  const stepMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures - 1, 30));
  return (stepMs / 2) * (1 + chance);
}

function close(state: BreakerState): void {
  state.failures = 0;
  state.pauseUntilMs = 0;
  become(state, "closed");
}

function become(state: BreakerState, kind: BreakerKind): void {
  if (state.kind !== kind) state.generation += 1;
  state.kind = kind;
}

function kindOf(failures: number): BreakerKind {
  if (failures >= OPEN_FAILURES) return "open";
  return failures >= HALF_OPEN_FAILURES ? "half-open" : "closed";
}
