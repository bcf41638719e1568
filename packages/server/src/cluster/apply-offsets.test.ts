import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { withLoss } from "./accepted-losses.ts";

const raise = (logStart: number, batchOffset = 0, leaderEpoch = 0) =>
  ({ kind: "raise-log-start", partitionId: 1, leaderEpoch, logStart, batchOffset }) as const;

function uploaded(): ClusterFixture {
  const cluster = new ClusterFixture();
  for (let at = 0; at < 4; at += 1) cluster.commit(cluster.range(1, at * 10, at * 10 + 10, at + 1));
  cluster.effects = [];
  return cluster;
}

test("logStart drops the ranges below it, but never the newest", () => {
  const cluster = uploaded();
  deepEqual(cluster.answer(raise(15)), { logStart: 15, uploadedEnd: 40 });
  deepEqual(
    cluster
      .partition(1)
      .ranges.all()
      .map((range) => range.startOffset),
    [10, 20, 30],
  );
  deepEqual(cluster.answer(raise(40)), { logStart: 40, uploadedEnd: 40 });
  equal(cluster.partition(1).ranges.count, 1);
  equal(cluster.state.objects.size, 1);
  checkClusterState(cluster.state);
});

test("logStart only rises, for the leader's present epoch", () => {
  const cluster = uploaded();
  cluster.answer(raise(15));
  cluster.effects = [];
  deepEqual(cluster.answer(raise(12)), { logStart: 15, uploadedEnd: 40 });
  deepEqual(cluster.effects, []);
  equal(cluster.refusal(raise(20, 0, 5)), "NOT_LEADER");
  equal(cluster.refusal({ ...raise(20), partitionId: 77 }), "UNKNOWN_TOPIC_OR_PARTITION");
});

test("above uploadedEnd it takes that along to the batch's first offset; an upload in flight is refused", () => {
  const cluster = uploaded();
  const inFlight = cluster.range(1, 40, 60, 9);
  equal(cluster.refusal(raise(55, 56)), "INVALID_REQUEST");
  equal(cluster.refusal(raise(55, 39)), "INVALID_REQUEST", "no batch begins below uploadedEnd and ends above it");
  deepEqual(cluster.answer(raise(55, 50)), { logStart: 55, uploadedEnd: 50 });
  deepEqual(cluster.effects, [
    { kind: "uploaded-end-moved", partitionId: 1, uploadedEnd: 50 },
    { kind: "log-start-raised", partitionId: 1, logStart: 55 },
  ]);
  deepEqual(cluster.commit(inFlight), ["start"]);
  deepEqual(cluster.commit(cluster.range(1, 50, 60, 10)), ["ok"]);
  checkClusterState(cluster.state);
});

test("above uploadedEnd but within the batch that begins there, uploadedEnd stays", () => {
  const cluster = uploaded();
  deepEqual(cluster.answer(raise(45, 40)), { logStart: 45, uploadedEnd: 40 });
  deepEqual(cluster.commit(cluster.range(1, 40, 50, 9)), ["ok"]);
});

test("an accepted loss turns uploaded holes into gaps and is remembered for as long as it can be read", () => {
  const cluster = new ClusterFixture();
  cluster.commit(cluster.range(1, 0, 10, 1), cluster.without(cluster.range(1, 10, 20, 1), "hole"), cluster.range(1, 20, 30, 1));
  const accept = (from: number, to: number) => cluster.answer({ kind: "accept-loss", partitionId: 1, from, to });
  deepEqual(accept(10, 19), { spans: 0 }, "only part of the hole");
  deepEqual(accept(10, 20), { spans: 1 });
  deepEqual(
    cluster
      .partition(1)
      .ranges.all()
      .map((range) => range.kind),
    ["data", "gap", "data"],
  );
  deepEqual(cluster.partition(1).acceptedLosses, [{ from: 10, to: 20 }]);
  deepEqual(accept(35, 40), { spans: 0 });
  deepEqual(accept(38, 45), { spans: 0 });
  const losses = [
    { from: 10, to: 20 },
    { from: 35, to: 45 },
  ];
  deepEqual(cluster.partition(1).acceptedLosses, losses);
  cluster.commit(cluster.range(1, 30, 45, 2));
  deepEqual(cluster.partition(1).acceptedLosses, losses, "the hole may be noted inside of the object only");
  cluster.answer(raise(20));
  deepEqual(cluster.partition(1).acceptedLosses, losses.slice(1), "nobody reads there any more");
});

test("spans of losses are joined where they touch", () => {
  deepEqual(
    withLoss(
      [
        { from: 0, to: 2 },
        { from: 10, to: 12 },
      ],
      { from: 2, to: 5 },
    ),
    [
      { from: 0, to: 5 },
      { from: 10, to: 12 },
    ],
  );
  deepEqual(
    withLoss(
      [
        { from: 0, to: 2 },
        { from: 10, to: 12 },
      ],
      { from: 1, to: 11 },
    ),
    [{ from: 0, to: 12 }],
  );
  deepEqual(withLoss([{ from: 10, to: 12 }], { from: 0, to: 1 }), [
    { from: 0, to: 1 },
    { from: 10, to: 12 },
  ]);
});
