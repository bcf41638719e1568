import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { uuid } from "../testing/random-commands.ts";
import { NO_LEADER } from "./cluster-state.ts";
import { isRefusal, type Outcome } from "./commands.ts";
import { CLIENT_METRICS_MAX, CLIENT_METRICS_OPTIONS_MAX, TOPIC_PARTITIONS_MAX } from "./limits.ts";

const create = (name: string, assignments: readonly (readonly number[])[] = [[1]], id = name) =>
  ({ kind: "create-topic", topicId: uuid(id), name, configs: new Map(), assignments }) as const;

const messageOf = (outcome: Outcome): string => (isRefusal(outcome) ? `${outcome.refused}: ${outcome.message}` : "accepted");

test("a topic is created with a leader for each partition", () => {
  const cluster = new ClusterFixture();
  deepEqual(cluster.answer(create("payments", [[1, 2], [2], [7]])), { topicId: uuid("payments"), partitionIds: [3, 4, 5] });
  deepEqual(
    [3, 4, 5].map((id) => cluster.partition(id).leader),
    [1, 2, NO_LEADER],
  );
  equal(cluster.partition(4).index, 1);
  equal(cluster.state.partition("payments", 1), cluster.partition(4));
});

test("a name is taken once, and so is what it is called in metrics", () => {
  const cluster = new ClusterFixture();
  equal(messageOf(cluster.submit(create("orders", [[1]], "other"))), "TOPIC_EXISTS: Topic 'orders' already exists.");
  cluster.answer(create("a.b"));
  equal(messageOf(cluster.submit(create("a_b"))), "INVALID_TOPIC: Topic 'a_b' collides with existing topic: a.b");
  equal(messageOf(cluster.submit(create("a.b", [[1]], "again"))), "TOPIC_EXISTS: Topic 'a.b' already exists.");
  match(messageOf(cluster.submit(create("c", [[1]], "a.b"))), /^TOPIC_EXISTS: /);
  cluster.answer({ kind: "delete-topic", topicId: uuid("a.b") });
  equal(messageOf(cluster.submit(create("a_b"))), "accepted");
});

test("partition ids of a deleted topic are not given out again", () => {
  const cluster = new ClusterFixture();
  deepEqual(cluster.answer({ kind: "delete-topic", topicId: uuid("orders") }), { partitionIds: [1, 2] });
  equal(cluster.state.partitions.size, 0);
  equal(cluster.state.partition("orders", 0), undefined);
  deepEqual(cluster.createTopic("orders", [[1]]).partitionIds, [3]);
  equal(cluster.refusal({ kind: "delete-topic", topicId: uuid("nothing") }), "UNKNOWN_TOPIC_ID");
});

test("deleting a topic lets go of the objects that only it was in", () => {
  const cluster = new ClusterFixture();
  cluster.createTopic("other", [[1]]);
  cluster.commit(cluster.range(1, 0, 10, 1), cluster.range(3, 0, 10, 1));
  cluster.commit(cluster.range(1, 10, 20, 2));
  equal(cluster.state.objects.size, 2);
  cluster.answer({ kind: "delete-topic", topicId: uuid("orders") });
  deepEqual(
    [...cluster.state.objects.values()].map((object) => [object.id.sequence, object.ranges]),
    [[1, 1]],
  );
});

test("partitions are added to the number that was planned for", () => {
  const cluster = new ClusterFixture();
  const more = { kind: "create-partitions", topicId: uuid("orders"), partitionsBefore: 2, assignments: [[1], [2]] } as const;
  deepEqual(cluster.answer(more), { partitionIds: [3, 4] });
  equal(cluster.partition(4).index, 3);
  equal(cluster.refusal(more), "changed");
  equal(cluster.refusal({ ...more, topicId: uuid("nothing") }), "UNKNOWN_TOPIC_ID");
});

test("a topic has a largest number of partitions", () => {
  const cluster = new ClusterFixture();
  const many = (count: number) => Array.from({ length: count }, () => [1]);
  equal(cluster.refusal(create("big", many(TOPIC_PARTITIONS_MAX + 1))), "INVALID_PARTITIONS");
  cluster.answer(create("big", many(TOPIC_PARTITIONS_MAX)));
  const more = { kind: "create-partitions", topicId: uuid("big"), partitionsBefore: TOPIC_PARTITIONS_MAX, assignments: [[1]] } as const;
  equal(cluster.refusal(more), "INVALID_PARTITIONS");
});

test("options change from the version that was read", () => {
  const cluster = new ClusterFixture();
  const set = (versionBefore: number, name: string, value: string | undefined) =>
    ({ kind: "set-topic-configs", topicId: uuid("orders"), versionBefore, changes: [{ name, value }] }) as const;
  deepEqual(cluster.answer(set(0, "retention.ms", "1")), { configVersion: 1 });
  equal(cluster.refusal(set(0, "retention.ms", "2")), "changed");
  deepEqual([...(cluster.state.topic("orders")?.configs ?? [])], [["retention.ms", "1"]]);
  deepEqual(cluster.answer(set(1, "retention.ms", undefined)), { configVersion: 2 });
  equal(cluster.state.topic("orders")?.configs.size, 0);
  const broker = { kind: "set-broker-configs", broker: -1, versionBefore: 0, changes: [{ name: "a", value: "b" }] } as const;
  deepEqual(cluster.answer(broker), { configVersion: 1 });
  equal(cluster.refusal(broker), "changed");
  deepEqual(cluster.effects.at(-1), { kind: "broker-configs-changed", broker: -1 });
});

test("a subscription to metrics of clients is there while it has options; made anew it has another version", () => {
  const cluster = new ClusterFixture();
  const set = (versionBefore: number, value: string | undefined, name = "s") =>
    ({ kind: "set-client-metrics", name, versionBefore, changes: [{ name: "metrics", value }] }) as const;
  const { configVersion } = cluster.answer(set(0, "a"));
  equal(cluster.refusal(set(0, "b")), "changed");
  deepEqual(cluster.effects, [{ kind: "client-metrics-changed", name: "s" }]);
  cluster.answer(set(configVersion, undefined));
  equal(cluster.state.clientMetrics.size, 0);
  cluster.answer(set(0, "b"));
  equal(cluster.refusal(set(configVersion, "c")), "changed");
  for (let n = 1; n < CLIENT_METRICS_MAX; n += 1) cluster.answer(set(0, "a", `s${n}`));
  equal(cluster.refusal(set(0, "a", "more")), "POLICY_VIOLATION");
  const changes = Array.from({ length: CLIENT_METRICS_OPTIONS_MAX + 1 }, (_, n) => ({ name: `o${n}`, value: "v" }));
  equal(
    cluster.refusal({ kind: "set-client-metrics", name: "s1", versionBefore: cluster.state.clientMetricsOf("s1").configVersion, changes }),
    "INVALID_CONFIG",
  );
});
