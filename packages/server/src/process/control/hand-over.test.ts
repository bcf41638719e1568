import { equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { BrokerPair } from "../../testing/broker-pair.ts";

// Goal: a broker that stops leads nothing any more, as far as others can, before it sends its clients away.

/** The only partition of `t` is on both, and in sync there when it resolves. */
async function twoBrokers() {
  const pair = await BrokerPair.open();
  await pair.createTopic("t");
  const { cluster, first: stopping, second: other } = pair;
  return { cluster, stopping, other, partition: () => must(stopping.broker.controller.state.partition("t", 0), "the partition") };
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
