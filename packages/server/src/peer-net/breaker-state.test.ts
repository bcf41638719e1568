import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SimRandom } from "../testing/sim-io/random.ts";
import {
  type AttemptResult,
  askBreaker,
  type BreakerState,
  forgiveBreaker,
  newBreaker,
  pauseMs,
  reportToBreaker,
} from "./breaker-state.ts";

/** Asks and reports at once. */
function attempt(state: BreakerState, result: AttemptResult, nowMs: number, chance = 0): void {
  const admission = askBreaker(state, true, nowMs);
  equal(admission.kind, "pass", `at ${nowMs}`);
  if (admission.kind === "pass") reportToBreaker(state, admission.permit, result, { nowMs, chance });
}

function refusedMs(state: BreakerState, nowMs: number, isConnected = true): number | undefined {
  const admission = askBreaker(state, isConnected, nowMs);
  return admission.kind === "refused" ? admission.waitMs : undefined;
}

test("three failures in a row: one trial after the pause; five: open, with a longer pause, then one trial again", () => {
  const state = newBreaker();
  attempt(state, "failure", 0);
  attempt(state, "failure", 0);
  equal(state.kind, "closed");
  attempt(state, "failure", 0);
  equal(state.kind, "half-open");
  equal(refusedMs(state, 0), 100);
  attempt(state, "failure", 100);
  equal(state.kind, "half-open");
  equal(refusedMs(state, 100), 200);
  attempt(state, "failure", 300);
  equal(state.kind, "open");
  equal(refusedMs(state, 300), 400);
  attempt(state, "failure", 700);
  deepEqual([state.kind, state.failures, refusedMs(state, 700)], ["open", 6, 800]);
  attempt(state, "success", 1500);
  deepEqual([state.kind, state.failures], ["closed", 0]);
  equal(refusedMs(state, 1500, false), undefined);
});

test("who is forgiven is asked at once, and a trial of before says nothing any more", () => {
  const state = newBreaker();
  for (const nowMs of [0, 50, 150]) attempt(state, "failure", nowMs);
  const trial = askBreaker(state, false, 1_000);
  forgiveBreaker(state);
  deepEqual([state.kind, state.failures, refusedMs(state, 1_000, false)], ["closed", 0, undefined]);
  if (trial.kind === "pass") reportToBreaker(state, trial.permit, "failure", { nowMs: 1_000, chance: 0 });
  deepEqual([state.kind, state.failures], ["closed", 0]);
});

test("while a trial is under way nobody else passes; when it never reports, the next one does", () => {
  const state = newBreaker();
  for (let n = 0; n < 5; n++) attempt(state, "failure", n * 10_000);
  const trial = askBreaker(state, true, 100_000);
  deepEqual([trial.kind, state.kind], ["pass", "half-open"]);
  equal(refusedMs(state, 100_001), 9_999);
  const second = askBreaker(state, true, 110_000);
  equal(second.kind, "pass");
  if (trial.kind === "pass") reportToBreaker(state, trial.permit, "success", { nowMs: 110_001, chance: 0 });
  equal(state.kind, "half-open", "the one that was given up says nothing any more");
  if (second.kind === "pass") reportToBreaker(state, second.permit, "success", { nowMs: 110_002, chance: 0 });
  equal(state.kind, "closed");
});

test("a trial that came to nothing frees its place at once", () => {
  const state = newBreaker();
  for (let n = 0; n < 3; n++) attempt(state, "failure", 0);
  attempt(state, "nothing", 1000);
  deepEqual([state.kind, state.failures], ["half-open", 3]);
  attempt(state, "success", 1000);
  equal(state.kind, "closed");
});

test("what began before the breaker changed says nothing", () => {
  const state = newBreaker();
  const early = Array.from({ length: 8 }, () => askBreaker(state, true, 0));
  for (const admission of early)
    if (admission.kind === "pass") reportToBreaker(state, admission.permit, "failure", { nowMs: 0, chance: 0 });
  deepEqual([state.kind, state.failures], ["half-open", 3], "eight failures of one moment are not eight in a row");
  const [old] = early;
  if (old?.kind === "pass") reportToBreaker(state, old.permit, "success", { nowMs: 0, chance: 0 });
  equal(state.kind, "half-open");
});

test("a closed breaker lets calls pass on a connection, but opens no new one within the pause", () => {
  const state = newBreaker();
  attempt(state, "failure", 1000);
  equal(refusedMs(state, 1000, true), undefined);
  equal(refusedMs(state, 1000, false), 25);
  equal(refusedMs(state, 1025, false), undefined);
  attempt(state, "success", 1000);
  equal(refusedMs(state, 1000, false), undefined);
});

test("pauses double from 50 ms to 10 s, each in the upper half of its step", () => {
  deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map((failures) => [pauseMs(failures, 0), pauseMs(failures, 0.5)]),
    [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map((step) => [step / 2, step * 0.75]),
  );
});

test("random: never two trials at once, never a pass that is none, and always a way back", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SimRandom(seed);
    const state = newBreaker();
    const out: { readonly permit: number; readonly atMs: number; readonly isTrial: boolean }[] = [];
    let nowMs = 0;
    for (let step = 0; step < 200; step++) {
      nowMs += random.chance(0.2) ? random.between(0, 12_000) : random.between(0, 100);
      if (out.length === 0 || random.chance(0.5)) {
        const wasClosed = state.kind === "closed";
        const admission = askBreaker(state, random.chance(0.7), nowMs);
        if (admission.kind === "refused") ok(admission.waitMs > 0 && admission.waitMs <= 10_000, `seed ${seed}`);
        else {
          const trials = out.filter((each) => each.isTrial && each.permit === state.generation - 1 && nowMs - each.atMs < 10_000);
          ok(wasClosed || trials.length === 0, `two trials, seed ${seed}`);
          ok(wasClosed || nowMs >= state.pauseUntilMs, `a pass within the pause, seed ${seed}`);
          out.push({ permit: admission.permit, atMs: nowMs, isTrial: !wasClosed });
        }
      } else {
        const [ended] = out.splice(random.between(0, out.length - 1), 1);
        const { failures } = state;
        const result = random.pick<AttemptResult>(["success", "failure", "failure", "failure", "nothing"]);
        if (ended !== undefined) reportToBreaker(state, ended.permit, result, { nowMs, chance: random.float() });
        ok(state.failures === 0 || state.failures === failures || state.failures === failures + 1);
      }
      ok((state.kind === "closed") === state.failures < 3, `seed ${seed}`);
      ok(state.kind !== "open" || state.failures >= 5, `seed ${seed}`);
    }
    const admission = askBreaker(state, true, nowMs + 20_000);
    ok(admission.kind === "pass");
    if (admission.kind === "pass") reportToBreaker(state, admission.permit, "success", { nowMs: nowMs + 20_000, chance: 0 });
    equal(state.kind, "closed");
  }
});
