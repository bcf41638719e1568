import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { must } from "../base/assert.ts";
import { asyncOf } from "../testing/async-of.ts";
import { ClusterStateSteps, checkClusterState } from "../testing/checkers/cluster-state.ts";
import { type CommandStep, commandOf, commandSteps, OPENING } from "../testing/random-commands.ts";
import { applyBatch } from "./apply.ts";
import { ClusterState, isKept } from "./cluster-state.ts";
import { decodeBatch, encodeBatch, encodeCommand } from "./command-codec.ts";
import { isRefusal, type LoggedCommand, type Outcome, type RangeVerdict } from "./commands.ts";
import type { Effect } from "./effects.ts";
import { encodeIndexes, enterIndexes } from "./served-index.ts";
import { loadSnapshot } from "./snapshot-reader.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import { keptHash, stateHash } from "./state-hash.ts";

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

const BROKERS = [1, 2, 3];
const OF_THE_INDEX: ReadonlySet<Effect["kind"]> = new Set(["uploaded-end-moved", "log-start-raised", "loss-accepted"]);

test("the state of one broker knows all placement, and of what it keeps what the whole state knows", () => {
  let [left, kept, told, compared] = [0, 0, 0, 0];
  fc.assert(
    fc.property(commandSteps(120), (steps) => {
      const history = begin();
      const parts = BROKERS.map((broker) => replayOf(history, broker));
      steps.forEach((step, sequence) => {
        const effectsBefore = history.effects.length;
        const outcome = take(history, commandOf(history.state, step, sequence));
        for (const part of parts) {
          const effects: Effect[] = [];
          const isMine = (partitionId: number): boolean => must(part.partitions.get(partitionId), "partition").uploadedEnd >= 0;
          const expected = history.effects.slice(effectsBefore).filter((effect) => {
            return !(OF_THE_INDEX.has(effect.kind) && "partitionId" in effect) || isMine(effect.partitionId);
          });
          const [answer] = applyBatch(part, part.index + 1, decodeBatch(must(history.batches.at(-1), "batch")), effects);
          deepEqual(effects, expected);
          checkAnswer(history, part, answer, outcome);
          if (step.b % 2 === 0) told += tell(history, part, step.c);
          if (part.wanted.size > 0) continue;
          compared += 1;
          equal(keptHash(part, must(part.keptBy, "broker")), keptHash(history.state, must(part.keptBy, "broker")));
        }
      });
      for (const part of parts) {
        tell(history, part, 0);
        const keeps = [...part.partitions.values()].filter(isKept).length;
        kept += keeps;
        left += part.partitions.size - keeps;
      }
      const objects = new Set(parts.flatMap((part) => [...part.objects.keys()]));
      deepEqual(objects, new Set(history.state.objects.keys()), "all together they know all objects");
    }),
    { numRuns: 60, seed: 14 },
  );
  equal(left > 200 && kept > 200, true, `${left} partitions without an index, ${kept} with one`);
  equal(told > 40 && compared > 5_000, true, `${told} told later, compared ${compared} times`);
});

/** The index of what it wants, and of what it does not; to be told of one by one, or of all. How many it entered. */
function tell(history: History, part: ClusterState, chance: number): number {
  const ids = chance % 3 === 1 ? [...part.wanted].slice(0, 1) : [...history.state.partitions.keys(), 999_999];
  const effects: Effect[] = [];
  enterIndexes(part, encodeIndexes(history.state, ids), effects);
  for (const { kind } of effects) equal(kind, "index-kept");
  return effects.length;
}

/** What a broker asks for itself is answered as by a whole state. */
function checkAnswer(history: History, part: ClusterState, answer: Outcome | undefined, outcome: Outcome | undefined): void {
  const [command] = decodeBatch(must(history.batches.at(-1), "batch"));
  if (command === undefined || !("broker" in command.command) || command.command.broker !== part.keptBy) return;
  if (answer !== undefined && isRefusal(answer) && outcome !== undefined && isRefusal(outcome))
    return equal(answer.refused, outcome.refused);
  if (command.command.kind !== "commit-object") return deepEqual(answer, outcome);
  const [own, all] = [verdictsOf(answer), verdictsOf(outcome)];
  all.forEach((verdict, at) => {
    const isUnkept = own[at]?.refusal === "not-kept";
    if (isUnkept)
      equal(verdict.refusal === "not-leader" || verdict.accepted, true, "only what it does not lead, or a range asked for again");
    else deepEqual(own[at], verdict);
  });
}

test("a snapshot enters a state of one broker in part, and the log behind it leads where the whole state is", async () => {
  await fc.assert(
    fc.asyncProperty(commandSteps(80), commandSteps(60), async (before, after) => {
      const history = begin();
      before.forEach((step, at) => void take(history, commandOf(history.state, step, at)));
      const chunks: Uint8Array[] = [];
      const writer = new SnapshotWriter(history.state, 1);
      pull(writer, chunks, Number.POSITIVE_INFINITY);
      after.forEach((step, at) => void take(history, commandOf(history.state, step, 100 + at)));
      for (const broker of BROKERS) {
        const part = await loadSnapshot(asyncOf(chunks), { clusterId: CLUSTER, index: writer.index, keptBy: broker });
        const tail = history.batches.slice(writer.index);
        tail.forEach((batch) => void applyBatch(part, part.index + 1, decodeBatch(batch), []));
        tell(history, part, 0);
        equal(keptHash(part, broker), keptHash(history.state, broker));
        const replayed = replayOf(history, broker);
        tell(history, replayed, 0);
        deepEqual(new Set(part.objects.keys()), new Set(replayed.objects.keys()));
        throws(() => new SnapshotWriter(part), /all partitions/);
      }
    }),
    { numRuns: 40, seed: 15 },
  );
});

function replayOf(history: History, broker: number): ClusterState {
  const part = new ClusterState(CLUSTER, broker);
  history.batches.forEach((batch, at) => void applyBatch(part, at + 1, decodeBatch(batch), []));
  return part;
}

function verdictsOf(outcome: Outcome | undefined): readonly RangeVerdict[] {
  return outcome !== undefined && "verdicts" in outcome ? outcome.verdicts : [];
}

function pull(writer: SnapshotWriter, chunks: Uint8Array[], count: number): void {
  for (let left = count; left > 0; left -= 1) {
    const chunk = writer.next();
    if (chunk === undefined) return;
    chunks.push(chunk);
  }
}
