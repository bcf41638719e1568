import { equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { ClusterBroker } from "../../testing/cluster-broker.ts";
import { ControllerCluster } from "../../testing/controller-cluster.ts";
import { SimNetwork } from "../../testing/sim-io/network.ts";

// Goal: a broker that stops leads nothing any more, as far as others can, before it sends its clients away.

/** Brokers 1 and 2; the only partition of `t` is on both, and in sync there when it resolves. */
async function twoBrokers() {
  const cluster = new ControllerCluster(1, 1);
  cluster.replicationFactorMax = 2;
  cluster.start();
  cluster.stopSubmitting();
  const network = new SimNetwork(cluster.world);
  const nodes = [1, 2].map((id) => new ClusterBroker(cluster, id, network, {}));
  const brokers = await cluster.world.settle(Promise.all(nodes.map((node) => node.start())));
  const [node, other] = nodes.map((each, at) => ({ node: each, broker: must(brokers[at], "a broker") }));
  const { controller } = must(node, "broker 1").broker;
  const assignments = [{ partition: 0, brokers: [1, 2] }];
  await cluster.world.settle(
    controller.createTopics([{ name: "t", partitions: -1, replicationFactor: -1, assignments, configs: [] }], false),
  );
  const partition = () => must(controller.state.partition("t", 0), "the partition");
  ok(await cluster.until(10_000, () => partition().inSync.length === 2 && partition().leader === 1));
  return { cluster, stopping: must(node, "broker 1"), other: must(other, "broker 2"), partition };
}

test("others lead before clients are sent away, and it does not come back by itself", async () => {
  const { cluster, stopping, other, partition } = await twoBrokers();
  const { clients } = stopping.broker;
  const close = clients.close.bind(clients);
  let leaderThen: number | undefined;
  clients.close = (graceMs) => {
    leaderThen = partition().leader;
    return close(graceMs);
  };
  await cluster.world.settle(stopping.node.stop());
  equal(leaderThen, 2);
  const { state } = other.broker.controller;
  equal(state.partition("t", 0)?.leader, 2);
  await cluster.pass(5_000);
  equal(state.brokers.get(1)?.fenced, true);
});

test("without a controller it gives up soon", async () => {
  const { cluster, stopping, partition } = await twoBrokers();
  for (const controller of cluster.nodes) controller.kill();
  const startedMs = cluster.world.nowMs;
  await cluster.world.settle(stopping.broker.control.handOver());
  ok(cluster.world.nowMs - startedMs < 1_500, `it took ${cluster.world.nowMs - startedMs} ms`);
  notEqual(partition().leader, 2);
});
