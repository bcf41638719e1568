import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { newPartition, type PartitionState } from "../cluster/cluster-state.ts";
import type { ManifestPointer, ObjectRange } from "../model/object-range.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { SimRandom } from "../testing/sim-io/random.ts";
import { planRetention, type RetentionInputs, type RetentionRules } from "./plan-retention.ts";

const KEEP_ALL: RetentionRules = { isDeletable: true, retentionMs: -1, retentionBytes: -1, isInternal: false };
const NOW: RetentionInputs = { nowMs: 10_000, pendingBytes: 0, edge: undefined };
const fixture = new ClusterFixture();

/** Ranges of ten offsets and 900 bytes, from 0 on, with these largest timestamps. */
function partitionOf(timestamps: readonly number[], manifestEnd = 0): PartitionState {
  const partition = newPartition({ id: 1, topicId: "t", topic: "t", index: 0, replicas: [1], inSync: [1], savedIn: 0 });
  timestamps.forEach((maxTimestampMs, n) => {
    const range: ObjectRange = { ...fixture.range(1, manifestEnd + n * 10, manifestEnd + n * 10 + 10, n + 1), maxTimestampMs };
    partition.ranges.append(range, undefined);
  });
  partition.uploadedEnd = manifestEnd + timestamps.length * 10;
  return partition;
}

function withManifest(maxTimestampMs: number, dataBytes: number, timestamps: readonly number[]): PartitionState {
  const partition = partitionOf(timestamps, 100);
  const object = fixture.objectId(1, 77);
  const sizes = { objectBytes: 500, objectCrc: 1, rangeCount: 10, dataBytes };
  const pointer: ManifestPointer = { partitionId: 1, startOffset: 0, endOffset: 100, maxTimestampMs, object, ...sizes };
  partition.manifest = pointer;
  return partition;
}

const raised = (partition: PartitionState, rules: Partial<RetentionRules>, inputs: Partial<RetentionInputs> = {}) => {
  const plan = planRetention(partition, { ...KEEP_ALL, ...rules }, { ...NOW, ...inputs });
  return plan?.kind === "raise" ? [plan.logStart, plan.reason] : plan?.kind;
};

test("by age: the oldest ranges whose largest timestamp is older, until one is not", () => {
  const partition = partitionOf([1_000, 5_000, 4_999, 9_000, 100]);
  equal(raised(partition, { retentionMs: 9_000 }), undefined, "exactly so old is not older");
  deepEqual(raised(partition, { retentionMs: 8_999 }), [10, "time"]);
  deepEqual(raised(partition, { retentionMs: 4_500 }), [30, "time"]);
  deepEqual(raised(partition, { retentionMs: 0 }), [50, "time"], "all of them: the log goes on at its end");
  partition.logStart = 30;
  equal(raised(partition, { retentionMs: 4_500 }), undefined);
  partition.logStart = 35;
  deepEqual(raised(partition, { retentionMs: 500 }), [50, "time"]);
});

test("timestamps of the future are kept as long as they say; without any, a range goes with the next that has one", () => {
  equal(raised(partitionOf([20_000, 0]), { retentionMs: 0 }), undefined);
  deepEqual(raised(partitionOf([-1, -1, 500, -1]), { retentionMs: 1_000 }), [30, "time"]);
  equal(raised(partitionOf([-1, 9_999]), { retentionMs: 1_000 }), undefined);
});

test("by size: while there is as much without it, what is not uploaded included", () => {
  const partition = partitionOf([1, 2, 3, 4]);
  equal(raised(partition, { retentionBytes: 3_600 }), undefined);
  equal(raised(partition, { retentionBytes: 2_701 }), undefined);
  deepEqual(raised(partition, { retentionBytes: 2_700 }), [10, "size"]);
  deepEqual(raised(partition, { retentionBytes: 0 }), [40, "size"]);
  deepEqual(raised(partition, { retentionBytes: 3_600 }, { pendingBytes: 1_800 }), [20, "size"]);
  partition.logStart = 10;
  equal(raised(partition, { retentionBytes: 2_700 }), undefined, "what lies below the start of the log counts no more");
});

test("both, compacted topics, internal ones", () => {
  const partition = partitionOf([1_000, 9_000, 9_000, 9_000]);
  deepEqual(raised(partition, { retentionMs: 5_000, retentionBytes: 1_800 }), [20, "time"]);
  equal(raised(partition, { retentionMs: 0, retentionBytes: 0, isDeletable: false }), undefined);
  deepEqual(raised(partition, { isInternal: true, isDeletable: false }), [30, "internal"]);
  partition.logStart = 30;
  equal(raised(partition, { isInternal: true }), undefined);
  equal(raised(partitionOf([]), { isInternal: true, retentionMs: 0, retentionBytes: 0 }), undefined);
});

test("a manifest goes as a whole, or somebody has to look inside", () => {
  const partition = withManifest(5_000, 10_000, [6_000, 9_000]);
  deepEqual(raised(partition, { retentionMs: 3_000 }), [110, "time"]);
  equal(raised(partition, { retentionMs: 6_000 }), "look");
  equal(raised(partition, { retentionBytes: 12_000 }), undefined);
  equal(raised(partition, { retentionBytes: 11_000 }), "look");
  deepEqual(raised(partition, { retentionBytes: 1_800 }), [100, "size"]);
});

test("what was found inside is believed as long as manifest and start of the log are the same", () => {
  const partition = withManifest(5_000, 10_000, [6_000, 9_000]);
  const oldest = { startOffset: 0, endOffset: 10, maxTimestampMs: 2_000, dataBytes: 500 };
  const edge = { manifest: partition.manifest?.object.random ?? "", logStart: 0, oldest, liveBytes: 4_000 };
  equal(raised(partition, { retentionMs: 8_000 }, { edge }), undefined);
  equal(raised(partition, { retentionMs: 7_999 }, { edge }), "look");
  equal(raised(partition, { retentionBytes: 5_301 }, { edge }), undefined, "5,800 bytes are left");
  equal(raised(partition, { retentionBytes: 5_300 }, { edge }), "look");
  deepEqual(raised(partition, { retentionBytes: 1_800 }, { edge }), [100, "size"]);
  equal(raised(partition, { retentionMs: 8_000 }, { edge: { ...edge, logStart: 5 } }), "look");
  equal(raised(partition, { retentionMs: 8_000 }, { edge: { ...edge, manifest: "another" } }), "look");
});

test("never more than the rules allow: what stays is young, or less than is to be kept", () => {
  const random = new SimRandom(11);
  for (let round = 0; round < 2_000; round++) {
    const timestamps = Array.from({ length: random.between(0, 12) }, () => random.between(-1, 10_000));
    const partition = partitionOf(timestamps);
    partition.logStart = random.between(0, partition.uploadedEnd);
    const rules = { retentionMs: random.between(-1, 10_000), retentionBytes: random.between(-1, 12_000) };
    const pendingBytes = random.between(0, 2_000);
    const plan = planRetention(partition, { ...KEEP_ALL, ...rules }, { ...NOW, pendingBytes });
    if (plan?.kind !== "raise") continue;
    ok(plan.logStart > partition.logStart && plan.logStart <= partition.uploadedEnd && plan.logStart % 10 === 0);
    const last = plan.logStart / 10 - 1;
    const isOld = rules.retentionMs >= 0 && 10_000 - (timestamps[last] ?? 0) > rules.retentionMs;
    const left = (timestamps.length - last - 1) * 900 + pendingBytes;
    ok(isOld || (rules.retentionBytes >= 0 && left >= rules.retentionBytes), `${JSON.stringify({ timestamps, rules, plan })}`);
  }
});
