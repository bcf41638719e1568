import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { NO_LEADER } from "./cluster-state.ts";

const register = (broker: number, incarnation: string) => ({ kind: "register-broker", broker, incarnation, host: "h", rack: "" }) as const;

test("a claim takes the next epoch, once", () => {
  const cluster = new ClusterFixture();
  equal(cluster.refusal({ kind: "claim-controller", holder: "late", controllerEpoch: 1 }), "stale-controller");
  equal(cluster.refusal({ kind: "claim-controller", holder: "early", controllerEpoch: 3 }), "stale-controller");
  deepEqual(cluster.answer({ kind: "claim-controller", holder: "other", controllerEpoch: 2 }), { controllerEpoch: 2 });
  equal(cluster.state.controllerHolder, "other");
});

test("commands of an earlier controller are ignored", () => {
  const cluster = new ClusterFixture();
  cluster.answer({ kind: "claim-controller", holder: "other", controllerEpoch: 2 });
  equal(cluster.refusal({ kind: "delete-topic", topicId: cluster.state.topic("orders")?.id ?? "" }), "stale-controller");
  equal(cluster.state.topicsById.size, 1);
});

test("a broker's new process gets a new epoch and leads nothing until it is elected, in a new leader epoch", () => {
  const cluster = new ClusterFixture();
  const before = cluster.brokerEpoch(1);
  deepEqual(cluster.answer(register(1, "b")), { brokerEpoch: before + 2 });
  deepEqual([cluster.partition(1).leader, cluster.partition(1).leaderEpoch], [NO_LEADER, 1]);
  deepEqual([cluster.partition(2).leader, cluster.partition(2).leaderEpoch], [2, 0]);
  deepEqual(cluster.answer({ kind: "elect-leaders", broker: 1, brokerEpoch: before + 2 }), { partitions: 1 });
  deepEqual([cluster.partition(1).leader, cluster.partition(1).leaderEpoch], [1, 2]);
  deepEqual(cluster.effects, [
    { kind: "broker-registered", broker: 1, brokerEpoch: before + 2 },
    { kind: "leader-changed", partitionId: 1, leader: NO_LEADER, leaderEpoch: 1 },
    { kind: "leader-changed", partitionId: 1, leader: 1, leaderEpoch: 2 },
  ]);
});

test("the same registration asked again is one", () => {
  const cluster = new ClusterFixture();
  const first = cluster.answer(register(1, "b"));
  cluster.effects = [];
  deepEqual(cluster.answer(register(1, "b")), first);
  deepEqual(cluster.effects, []);
});

test("an earlier process of a broker elects nothing and gets no producer ids", () => {
  const cluster = new ClusterFixture();
  const stale = { broker: 1, brokerEpoch: cluster.brokerEpoch(1) };
  cluster.answer(register(1, "b"));
  equal(cluster.refusal({ kind: "elect-leaders", ...stale }), "stale-broker");
  equal(cluster.refusal({ kind: "allocate-producer-ids", ...stale, count: 1 }), "stale-broker");
  equal(cluster.refusal({ kind: "elect-leaders", broker: 9, brokerEpoch: 0 }), "stale-broker");
});

test("a block of producer ids is given once", () => {
  const cluster = new ClusterFixture();
  const life = { broker: 1, brokerEpoch: cluster.brokerEpoch(1) };
  deepEqual(cluster.answer({ kind: "allocate-producer-ids", ...life, count: 1000 }), { first: 0, count: 1000 });
  deepEqual(cluster.answer({ kind: "allocate-producer-ids", broker: 2, brokerEpoch: cluster.brokerEpoch(2), count: 1 }), {
    first: 1000,
    count: 1,
  });
});
