import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asyncOf } from "../testing/async-of.ts";
import { ClusterStateSteps, checkClusterState } from "../testing/checkers/cluster-state.ts";
import { type CommandStep, commandOf, commandSteps, OPENING } from "../testing/random-commands.ts";
import { applyBatch } from "./apply.ts";
import { ClusterState } from "./cluster-state.ts";
import { decodeBatch, encodeBatch, encodeCommand } from "./command-codec.ts";
import { isRefusal, type LoggedCommand, type Outcome } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { loadSnapshot } from "./snapshot-reader.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import { stateHash } from "./state-hash.ts";

const CLUSTER = "test-cluster";

type History = { state: ClusterState; batches: Uint8Array[]; outcomes: Outcome[]; effects: Effect[] };

function begin(): History {
  const history: History = { state: new ClusterState(CLUSTER), batches: [], outcomes: [], effects: [] };
  for (const command of OPENING) take(history, command);
  return history;
}

function take(history: History, command: LoggedCommand): Outcome | undefined {
  const batch = encodeBatch([encodeCommand(command)]);
  history.batches.push(batch);
  const outcomes = applyBatch(history.state, history.state.index + 1, decodeBatch(batch), history.effects);
  history.outcomes.push(...outcomes);
  return outcomes[0];
}

/** The hash without the index, which moves with every batch. */
function contentHash(state: ClusterState): string {
  const { index } = state;
  state.index = 0;
  const hash = stateHash(state);
  state.index = index;
  return hash;
}

test("random histories: invariants hold, a refusal changes nothing, replay gives the same state, effects and answers", () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(commandSteps(120), (steps) => {
      const history = begin();
      const stepwise = new ClusterStateSteps();
      steps.forEach((step, sequence) => {
        const command = commandOf(history.state, step, sequence);
        const [before, effects] = [contentHash(history.state), history.effects.length];
        const outcome = take(history, command);
        checkClusterState(history.state);
        stepwise.check(history.state, command.command.kind);
        if (outcome === undefined || !isRefusal(outcome)) return void kinds.add(command.command.kind);
        equal(contentHash(history.state), before, `a refused ${command.command.kind} changed something`);
        equal(history.effects.length, effects);
      });
      const replayed = new ClusterState(CLUSTER);
      const effects: Effect[] = [];
      const outcomes = history.batches.flatMap((batch, at) => applyBatch(replayed, at + 1, decodeBatch(batch), effects));
      equal(stateHash(replayed), stateHash(history.state));
      deepEqual(outcomes, history.outcomes);
      deepEqual(effects, history.effects);
    }),
    { numRuns: 60, seed: 11 },
  );
  equal(kinds.size, 21, `the histories reach every command: ${[...kinds].sort().join()}`);
});

test("commands are decoded as they were encoded", () => {
  fc.assert(
    fc.property(commandSteps(60), (steps) => {
      const history = begin();
      steps.forEach((step, sequence) => {
        const command = commandOf(history.state, step, sequence);
        deepEqual(decodeBatch(encodeBatch([encodeCommand(command)])), [command]);
        take(history, command);
      });
    }),
    { numRuns: 30, seed: 12 },
  );
});

test("a snapshot written while commands go on holds the state at its cut, and with the log behind it the state at the end", async () => {
  await fc.assert(
    fc.asyncProperty(commandSteps(80), commandSteps(80), fc.nat(3), async (before, after, chunksBetween) => {
      const history = begin();
      const run = (steps: readonly CommandStep[], between: () => void): void =>
        steps.forEach((step, at) => {
          take(history, commandOf(history.state, step, history.state.index + at));
          between();
        });
      run(before, () => {});
      const writer = new SnapshotWriter(history.state, 1);
      const atCut = stateHash(history.state);
      const chunks: Uint8Array[] = [];
      run(after, () => pull(writer, chunks, chunksBetween));
      pull(writer, chunks, Number.POSITIVE_INFINITY);

      const loaded = await loadSnapshot(asyncOf(chunks), { clusterId: CLUSTER, index: writer.index });
      equal(stateHash(loaded), atCut);
      checkClusterState(loaded);
      const effects: Effect[] = [];
      const tail = history.batches.slice(writer.index);
      tail.forEach((batch) => void applyBatch(loaded, loaded.index + 1, decodeBatch(batch), effects));
      equal(stateHash(loaded), stateHash(history.state));
      deepEqual(effects, history.effects.slice(history.effects.length - effects.length));
      equal(history.state.observer, undefined);
    }),
    { numRuns: 60, seed: 13 },
  );
});

function pull(writer: SnapshotWriter, chunks: Uint8Array[], count: number): void {
  for (let left = count; left > 0; left -= 1) {
    const chunk = writer.next();
    if (chunk === undefined) return;
    chunks.push(chunk);
  }
}
