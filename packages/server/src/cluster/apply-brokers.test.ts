import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { uuid } from "../testing/random-commands.ts";
import { NO_LEADER } from "./cluster-state.ts";

const register = (broker: number, incarnation: string) =>
  ({
    kind: "register-broker",
    broker,
    incarnation,
    host: "h",
    rack: "",
    walId: `log-${broker}`,
    walIndex: 1_000,
    walDamaged: false,
    listeners: [],
  }) as const;

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
  deepEqual(cluster.answer(register(1, "b")), { brokerEpoch: before + 2, offline: 0 });
  deepEqual([cluster.partition(1).leader, cluster.partition(1).leaderEpoch], [NO_LEADER, 1]);
  deepEqual([cluster.partition(2).leader, cluster.partition(2).leaderEpoch], [2, 0]);
  deepEqual(cluster.answer({ kind: "elect-leaders", broker: 1, brokerEpoch: before + 2 }), { partitions: 1 });
  deepEqual([cluster.partition(1).leader, cluster.partition(1).leaderEpoch], [1, 2]);
  deepEqual(cluster.effects, [
    { kind: "broker-registered", broker: 1, brokerEpoch: before + 2 },
    { kind: "leader-changed", partitionId: 1, leader: NO_LEADER, leaderEpoch: 1 },
    { kind: "broker-unfenced", broker: 1, brokerEpoch: before + 2 },
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

/** Partition 3 has the replicas 1 and 2; partition 4 only 1, with ten uploaded offsets. */
function replicated(): ClusterFixture {
  const cluster = new ClusterFixture();
  cluster.createTopic("pairs", [[1, 2], [1]]);
  cluster.commit(cluster.range(4, 0, 10, 1));
  cluster.effects = [];
  return cluster;
}

const lostLog = (cluster: ClusterFixture, id: number) => {
  const { broker, walId } = must(cluster.partition(id).lastInSync, "who was in sync last");
  return { broker, walId };
};
const inSync = (cluster: ClusterFixture) => [1, 2, 3, 4].map((id) => cluster.partition(id).inSync.join());
const leaders = (cluster: ClusterFixture) => [1, 2, 3, 4].map((id) => cluster.partition(id).leader);

test("a broker with another log is in sync nowhere; where it was the last, nobody leads", () => {
  const cluster = replicated();
  equal(cluster.register(1, "b", "new").offline, 2);
  deepEqual(inSync(cluster), ["", "2", "2", ""]);
  deepEqual(leaders(cluster), [NO_LEADER, 2, 2, NO_LEADER]);
  deepEqual(lostLog(cluster, 1), { broker: 1, walId: "log-1" });
  deepEqual(cluster.effects.slice(1, 3), [
    { kind: "leader-changed", partitionId: 1, leader: NO_LEADER, leaderEpoch: 1 },
    { kind: "in-sync-changed", partitionId: 1, inSync: [] },
  ]);
  deepEqual(cluster.answer({ kind: "elect-leaders", broker: 1, brokerEpoch: cluster.brokerEpoch(1) }), { partitions: 0 });
  checkClusterState(cluster.state);
});

test("the metadata remembers the loss: the new log's broker stays out at its next start, and asked twice is once", () => {
  const cluster = replicated();
  const first = cluster.register(1, "b", "new");
  deepEqual(cluster.register(1, "b", "new"), { brokerEpoch: first.brokerEpoch, offline: 0 });
  cluster.restart(1, "c", "new");
  cluster.restart(1, "d", "new");
  deepEqual(leaders(cluster), [NO_LEADER, 2, 2, NO_LEADER]);
  deepEqual(lostLog(cluster, 4), { broker: 1, walId: "log-1" });
});

test("the log that was missing comes back: what waited for it is led again, what went on without it is not", () => {
  const cluster = replicated();
  cluster.restart(1, "b", "new");
  cluster.createTopic("meanwhile", [[1]]);
  cluster.restart(1, "c", "log-1");
  deepEqual(inSync(cluster), ["1", "2", "2", "1"]);
  deepEqual(leaders(cluster), [1, 2, 2, 1]);
  deepEqual(lostLog(cluster, 5), { broker: 1, walId: "new" }, "what the log between held is lost now");
  checkClusterState(cluster.state);
});

test("an accepted loss: the broker alone is in sync and leads a new epoch; the old log is worth nothing then", () => {
  const cluster = replicated();
  const accept = (partitionId: number, broker = 1, brokerEpoch = cluster.brokerEpoch(broker)) =>
    ({ kind: "accept-log-loss", partitionId, broker, brokerEpoch }) as const;
  equal(cluster.refusal(accept(4)), "INVALID_REQUEST", "nothing is lost");
  cluster.restart(1, "b", "new");
  const { leaderEpoch } = cluster.partition(4);
  cluster.effects = [];
  equal(cluster.refusal(accept(99)), "UNKNOWN_TOPIC_OR_PARTITION");
  equal(cluster.refusal(accept(4, 1, cluster.brokerEpoch(1) - 1)), "stale-broker");
  equal(cluster.refusal(accept(4, 2)), "INVALID_REQUEST", "no replica there");
  deepEqual(cluster.answer(accept(4)), { leaderEpoch: leaderEpoch + 1, uploadedEnd: 10 });
  deepEqual(cluster.effects, [
    { kind: "in-sync-changed", partitionId: 4, inSync: [1] },
    { kind: "leader-changed", partitionId: 4, leader: 1, leaderEpoch: leaderEpoch + 1 },
  ]);
  equal(cluster.refusal(accept(4)), "INVALID_REQUEST", "once");
  cluster.restart(1, "c", "log-1");
  deepEqual(lostLog(cluster, 4), { broker: 1, walId: "new" });
  equal(cluster.partition(4).leader, NO_LEADER);
  equal(cluster.partition(1).leader, 1, "nobody accepted the loss of this one");
  checkClusterState(cluster.state);
});

test("a broker that never said which log it has loses nothing when it says so first", () => {
  const cluster = new ClusterFixture();
  cluster.answer({ ...register(3, "a"), walId: "" });
  cluster.createTopic("old", [[3]]);
  equal(cluster.register(3, "b", "first").offline, 0);
  equal(cluster.register(3, "c", "second").offline, 1);
});

test("an older copy of the log is not the log: the partitions wait until that is back", () => {
  const cluster = replicated();
  const copied = must(cluster.logs.get("log-1"), "the log");
  cluster.restart(1, "b");
  const newest = must(cluster.logs.get("log-1"), "the log");
  cluster.logs.set("log-1", copied - 1);
  equal(cluster.register(1, "c").offline, 2);
  deepEqual(inSync(cluster), ["", "2", "2", ""]);
  const goneOn = must(cluster.logs.get("log-1"), "the copy");
  // Neither at its next start, when it knows more, nor as it was.
  cluster.restart(1, "d");
  cluster.logs.set("log-1", copied - 1);
  cluster.restart(1, "e");
  deepEqual(leaders(cluster), [NO_LEADER, 2, 2, NO_LEADER]);
  cluster.createTopic("meanwhile", [[1]]);
  cluster.logs.set("log-1", newest);
  cluster.restart(1, "f");
  deepEqual([...inSync(cluster), cluster.partition(5).inSync.join()], ["1", "2", "2", "1", ""]);
  cluster.logs.set("log-1", goneOn);
  cluster.restart(1, "g");
  deepEqual(
    [...inSync(cluster), cluster.partition(5).inSync.join()],
    ["", "2", "2", "", ""],
    "what only the copy had when it went on is in neither",
  );
  checkClusterState(cluster.state);
});

test("a process that ended before it led anything asks nothing of its log", () => {
  const cluster = replicated();
  const named = must(cluster.logs.get("log-1"), "the log");
  for (const incarnation of ["b", "c", "d"]) {
    equal(cluster.register(1, incarnation).offline, 0);
    cluster.logs.set("log-1", named); // it did not come to name the registration
  }
  cluster.logs.set("log-1", named - 1);
  equal(cluster.register(1, "e").offline, 2, "but what an earlier one led with, it has to name");
});

test("a damaged log may have lost what it named: that is damage, and no older copy", () => {
  const cluster = replicated();
  cluster.restart(1, "b");
  cluster.logs.set("log-1", 1);
  equal(cluster.register(1, "c", "log-1", true).offline, 0);
});

/** Partition 3 has the replicas 1, 2 and 3, partition 4 the replicas 1 and 2. */
function ofThree(minInSync: string): ClusterFixture {
  const cluster = new ClusterFixture();
  cluster.restart(3, "a");
  const configs = new Map([["min.insync.replicas", minInSync]]);
  cluster.answer({
    kind: "create-topic",
    topicId: uuid("trio"),
    name: "trio",
    configs,
    assignments: [
      [1, 2, 3],
      [1, 2],
    ],
  });
  cluster.effects = [];
  return cluster;
}

const fence = (cluster: ClusterFixture, broker: number) =>
  cluster.answer({ kind: "fence-broker", broker, brokerEpoch: cluster.brokerEpoch(broker) });

test("a fenced broker leads nothing, and leaves the in-sync sets that stay at their minimum", () => {
  const cluster = ofThree("2");
  deepEqual(fence(cluster, 1), { partitions: 3 });
  deepEqual(inSync(cluster), ["1", "2", "2,3", "1,2"]);
  deepEqual(leaders(cluster), [NO_LEADER, 2, 2, 2], "a member that is ready takes over");
  deepEqual(cluster.effects[0], { kind: "broker-fenced", broker: 1, brokerEpoch: cluster.brokerEpoch(1) });
  deepEqual(fence(cluster, 1), { partitions: 0 }, "once");
  checkClusterState(cluster.state);
});

test("the last members stay, whoever is fenced: only they have what was committed", () => {
  const cluster = ofThree("1");
  for (const broker of [1, 2, 3]) fence(cluster, broker);
  deepEqual(inSync(cluster), ["1", "2", "3", "2"]);
  deepEqual(leaders(cluster), [NO_LEADER, NO_LEADER, NO_LEADER, NO_LEADER]);
  cluster.answer({ kind: "elect-leaders", broker: 2, brokerEpoch: cluster.brokerEpoch(2) });
  deepEqual(leaders(cluster), [NO_LEADER, 2, NO_LEADER, 2], "the same process is heard again: leader in a new epoch");
  equal(cluster.partition(2).leaderEpoch, 2);
  checkClusterState(cluster.state);
});

test("an earlier process of a broker is not fenced, nor is one that nobody knows", () => {
  const cluster = ofThree("1");
  const brokerEpoch = cluster.brokerEpoch(1);
  cluster.restart(1, "b");
  equal(cluster.refusal({ kind: "fence-broker", broker: 1, brokerEpoch }), "stale-broker");
  equal(cluster.refusal({ kind: "fence-broker", broker: 9, brokerEpoch: 1 }), "stale-broker");
  equal(cluster.partition(1).leader, 1);
});

test("a new partition is led by a replica that is ready, and has no fenced member; where all are, it waits for the first", () => {
  const cluster = ofThree("1");
  fence(cluster, 1);
  cluster.createTopic("later", [[1, 2], [1], [3, 1]]);
  deepEqual(
    [5, 6, 7].map((id) => [cluster.partition(id).inSync.join(), cluster.partition(id).leader]),
    [
      ["2", 2],
      ["1", NO_LEADER],
      ["3", 3],
    ],
  );
  cluster.restart(1, "b");
  equal(cluster.partition(6).leader, 1);
  checkClusterState(cluster.state);
});

test("a registered broker is fenced until it says that it is ready", () => {
  const cluster = new ClusterFixture();
  cluster.register(3, "a");
  cluster.createTopic("early", [[3], [3, 2]]);
  deepEqual([cluster.partition(3).leader, cluster.partition(4).leader], [NO_LEADER, 2]);
  deepEqual(cluster.answer({ kind: "elect-leaders", broker: 3, brokerEpoch: cluster.brokerEpoch(3) }), { partitions: 1 });
  equal(cluster.partition(3).leader, 3);
});
