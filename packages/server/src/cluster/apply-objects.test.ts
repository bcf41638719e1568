import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type ManifestPointer, UNMERGED_RANGES_MAX } from "../model/object-range.ts";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import type { CommitManifest } from "./commands.ts";
import { findRange } from "./object-queries.ts";

test("ranges are judged one by one", () => {
  const cluster = new ClusterFixture();
  cluster.createTopic("more", [[1], [1]]);
  cluster.effects = [];
  const good = cluster.range(1, 0, 10, 1);
  const gone = { ...cluster.range(1, 0, 10, 1), partitionId: 99 };
  const ofAnother = cluster.range(2, 0, 10, 1);
  const early = cluster.range(3, 5, 10, 1);
  const oldEpoch = { ...cluster.range(4, 0, 10, 1), leaderEpoch: 7 };
  const verdicts = cluster.commitAs(1, [good, gone, ofAnother, early, oldEpoch, cluster.range(1, 10, 15, 1)]);
  deepEqual(verdicts, ["ok", "unknown-partition", "not-leader", "start", "not-leader", "ok"]);
  equal(cluster.partition(1).uploadedEnd, 15);
  deepEqual(cluster.effects, [
    { kind: "uploaded-end-moved", partitionId: 1, uploadedEnd: 10 },
    { kind: "uploaded-end-moved", partitionId: 1, uploadedEnd: 15 },
  ]);
  equal(cluster.state.objects.size, 1);
});

test("a commit asked again gets the same answer, also after others, a new leader and a raised bound", () => {
  const cluster = new ClusterFixture();
  const first = cluster.range(1, 0, 10, 1);
  deepEqual(cluster.commit(first), ["ok"]);
  deepEqual(cluster.commit(cluster.range(1, 10, 20, 2)), ["ok"]);
  deepEqual(cluster.commit(first), ["ok"]);
  cluster.restart(1, "b");
  cluster.answer({ kind: "raise-commit-bound", broker: 1, brokerEpoch: 99, sequence: 0 });
  const life = { broker: 1, brokerEpoch: 1 };
  const again = cluster.answer({ kind: "commit-object", ...life, ranges: [first] });
  deepEqual(again.verdicts, [{ accepted: true, refusal: undefined, uploadedEnd: 20 }]);
  checkClusterState(cluster.state);
});

test("another object with the same offsets is refused", () => {
  const cluster = new ClusterFixture();
  deepEqual(cluster.commit(cluster.range(1, 0, 10, 1)), ["ok"]);
  deepEqual(cluster.commit(cluster.range(1, 0, 10, 2)), ["start"]);
  const sameNumberOtherChance = cluster.range(1, 0, 10, 1);
  deepEqual(cluster.commit({ ...sameNumberOtherChance, object: { ...cluster.objectId(1, 1), random: "f".repeat(16) } }), ["start"]);
});

test("what an earlier process of the leader uploaded does not count", () => {
  const cluster = new ClusterFixture();
  const late = cluster.range(1, 0, 10, 1);
  const life = { broker: 1, brokerEpoch: cluster.brokerEpoch(1) };
  cluster.restart(1, "b");
  const refusals = (leaderEpoch: number) =>
    cluster.answer({ kind: "commit-object", ...life, ranges: [{ ...late, leaderEpoch }] }).verdicts.map((verdict) => verdict.refusal);
  deepEqual(refusals(late.leaderEpoch), ["not-leader"]);
  deepEqual(refusals(cluster.partition(1).leaderEpoch), ["not-leader"]);
  const inNewName = { ...late, leaderEpoch: cluster.partition(1).leaderEpoch }; // the object itself is of the earlier process
  deepEqual(cluster.commitAs(1, [inNewName]), ["bound"]);
  equal(cluster.partition(1).uploadedEnd, 0);
});

test("below the raised bound no object commits, and the bound only rises", () => {
  const cluster = new ClusterFixture();
  const epoch = cluster.brokerEpoch(1);
  const raise = (sequence: number) => cluster.answer({ kind: "raise-commit-bound", broker: 1, brokerEpoch: epoch, sequence });
  deepEqual(raise(5), { brokerEpoch: epoch, sequence: 5 });
  deepEqual(raise(3), { brokerEpoch: epoch, sequence: 5 });
  deepEqual(cluster.commit(cluster.range(1, 0, 10, 4)), ["bound"]);
  deepEqual(cluster.commit(cluster.range(1, 0, 10, 5)), ["ok"]);
});

test("holes and gaps need no object; an accepted loss is committed as a gap", () => {
  const cluster = new ClusterFixture();
  const hole = (from: number, to: number) => cluster.without(cluster.range(1, from, to, 1), "hole");
  deepEqual(cluster.commit(hole(0, 5)), ["ok"]);
  cluster.answer({ kind: "accept-loss", partitionId: 1, from: 5, to: 8 });
  deepEqual(cluster.commit(hole(5, 8)), ["ok"]);
  deepEqual(cluster.commit(hole(5, 8)), ["ok"], "asked again");
  deepEqual(
    cluster
      .partition(1)
      .ranges.all()
      .map((range) => range.kind),
    ["hole", "gap"],
  );
  deepEqual(cluster.partition(1).acceptedLosses, [{ from: 5, to: 8 }]);
  equal(cluster.state.objects.size, 0);
});

test("the 33rd range waits for a manifest", () => {
  const cluster = full();
  deepEqual(cluster.commit(cluster.range(1, 320, 330, 33)), ["full"]);
  deepEqual(cluster.answer(manifest(cluster, 240)), { ranges: 8 });
  deepEqual(cluster.commit(cluster.range(1, 320, 330, 33)), ["ok"]);
  checkClusterState(cluster.state);
  equal(cluster.state.objects.size, 9);
});

test("a manifest continues the present one, ends at a range, leaves the newest and nothing out", () => {
  const cluster = full();
  equal(cluster.refusal(manifest(cluster, 245)), "changed", "within a range");
  equal(cluster.refusal(manifest(cluster, 320)), "changed", "the newest stays");
  equal(cluster.refusal(manifest(cluster, 240, { startOffset: 10 })), "changed", "leaves out [0, 10)");
  equal(cluster.refusal({ ...manifest(cluster, 240), previous: cluster.objectId(1, 7) }), "changed", "continues another");
  equal(cluster.refusal({ ...manifest(cluster, 240), leaderEpoch: 9 }), "NOT_LEADER");
  const accepted = manifest(cluster, 240);
  cluster.answer(accepted);
  deepEqual(cluster.answer(accepted), { ranges: 8 }, "asked again");
  equal(cluster.refusal(manifest(cluster, 280, { sequence: 101 })), "changed", "does not continue the first");
  cluster.answer({ ...manifest(cluster, 280, { sequence: 101 }), previous: accepted.pointer.object });
  equal(cluster.partition(1).ranges.count, 4);
});

test("an offset is found in its range, above a gap, or in the manifest", () => {
  const cluster = full();
  cluster.answer(manifest(cluster, 240));
  const found = (offset: number) => findRange(cluster.state, 1, offset);
  deepEqual(found(0), cluster.partition(1).manifest);
  equal((found(239) as ManifestPointer).rangeCount, 24);
  equal(found(240)?.startOffset, 240);
  equal(found(319)?.startOffset, 310);
  equal(found(320), undefined);
  equal(findRange(cluster.state, 77, 0), undefined);
});

/** Partition 1 with 32 ranges of ten offsets each. */
function full(): ClusterFixture {
  const cluster = new ClusterFixture();
  for (let at = 0; at < UNMERGED_RANGES_MAX; at += 1) deepEqual(cluster.commit(cluster.range(1, at * 10, at * 10 + 10, at + 1)), ["ok"]);
  ok(cluster.partition(1).ranges.count === UNMERGED_RANGES_MAX);
  return cluster;
}

function manifest(cluster: ClusterFixture, endOffset: number, more: { startOffset?: number; sequence?: number } = {}): CommitManifest {
  const { startOffset = 0, sequence = 100 } = more;
  const pointer: ManifestPointer = {
    partitionId: 1,
    startOffset,
    endOffset,
    maxTimestampMs: 1,
    object: cluster.objectId(1, sequence),
    objectBytes: 500,
    objectCrc: 1,
    rangeCount: endOffset / 10,
    dataBytes: 1,
  };
  const { leaderEpoch } = cluster.partition(1);
  return { kind: "commit-manifest", broker: 1, brokerEpoch: cluster.brokerEpoch(1), leaderEpoch, previous: undefined, pointer };
}
