import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { PeerError } from "../io/peer-error.ts";
import type { PeerConnection, PeerTransport } from "../io/peer-transport.ts";
import { PEER_LISTENER } from "../model/broker-listener.ts";
import { BrokerPair } from "../testing/broker-pair.ts";
import { ControllerCluster } from "../testing/controller-cluster.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { SESSION_MS } from "./limits.ts";
import { LostBrokers } from "./lost-brokers.ts";

// Goal: who died is fenced at once, and nobody who lives is. Method: whole brokers on simulated machines; then one dial after the other, by hand.

/** So long an election takes. */
const AT_ONCE_MS = 500;

async function pairOf() {
  const pair = await BrokerPair.open();
  await pair.createTopic("t");
  const state = () => must(pair.cluster.leaders[0]?.controller, "a controller").state;
  const isFenced = (): boolean => must(state().brokers.get(1), "broker 1").fenced;
  const { cluster, first } = pair;
  return { pair, cluster, first, isFenced, leader: () => state().partition("t", 0)?.leader };
}

test("a process that is killed is fenced at once, and another leads", async () => {
  const { cluster, first, leader, isFenced } = await pairOf();
  first.node.kill();
  await cluster.pass(AT_ONCE_MS);
  ok(isFenced());
  equal(leader(), 2);
});

for (const [how, silence] of [
  ["a machine that loses power", ({ first }: BrokerPair) => first.node.losePower()],
  ["a process that stands still", ({ first }: BrokerPair) => first.node.process?.pause(10_000)],
  [
    "a broker that is cut off, whose session broke",
    ({ cluster, first }: BrokerPair) => {
      const { host } = first.node.address;
      for (const link of [...cluster.peers.links]) link.reset();
      cluster.world.after(10, () => {
        for (const { name } of cluster.nodes) {
          cluster.peers.cut(name, host);
          cluster.peers.cut(host, name);
        }
      });
    },
  ],
] as const)
  test(`${how} has its whole session`, async () => {
    const { cluster, pair, isFenced } = await pairOf();
    silence(pair);
    await cluster.pass(SESSION_MS - 500);
    equal(isFenced(), false);
    await cluster.pass(1_500);
    ok(isFenced());
  });

test("a session that breaks while the broker lives says nothing", async () => {
  const { cluster, isFenced } = await pairOf();
  for (let times = 0; times < 5; times += 1) {
    for (const link of [...cluster.peers.links]) link.reset();
    for (let passedMs = 0; passedMs < 1_000; passedMs += 20) {
      await cluster.pass(20);
      equal(isFenced(), false);
    }
  }
});

/** A controller that has heard broker 2, whose session then breaks; what comes of each dial is given by the test. */
async function lostBroker() {
  const all = new ControllerCluster(7, 1);
  all.start();
  all.stopSubmitting();
  ok(await all.until(10_000, () => all.leaders.length === 1));
  const { node, process } = must(all.leaders[0], "a controller");
  const { controller, fencing } = must(node, "a controller");
  const register = async (): Promise<number> => {
    const log = { walId: "log-2", walIndex: controller.state.index, walDamaged: false };
    const listeners = [{ name: PEER_LISTENER, host: "h2", port: 9_093 }];
    const { brokerEpoch } = await all.world.settle(controller.registerBroker({ id: 2, host: "h2", rack: "", ...log, listeners }));
    fencing.heard(2, brokerEpoch, controller.state.index);
    await all.world.settle(controller.electLeaders(2));
    return brokerEpoch;
  };
  const brokerEpoch = await register();
  const dials: PromiseWithResolvers<PeerConnection>[] = [];
  const connect = (): Promise<PeerConnection> => {
    const dial = Promise.withResolvers<PeerConnection>();
    dials.push(dial);
    return dial.promise;
  };
  const transport: PeerTransport = { connect, listen: () => Promise.reject(new Error("nobody listens here")) };
  const { clock } = must(process, "its process");
  const lost = new LostBrokers({ transport, state: controller.state, fencing, clock, logger: new RecordingLog() });
  lost.found(2, brokerEpoch);
  const isFenced = (): boolean => must(controller.state.brokers.get(2), "broker 2").fenced;
  const fail = (dial: number, isNobodyThere: boolean): void =>
    must(dials[dial], `dial ${dial}`).reject(new PeerError("unavailable", "h2", { isNobodyThere }));
  return { all, fencing, controller, register, brokerEpoch, dials, lost, isFenced, fail };
}

test("what is unclear is asked again, a few times; the first refusal counts", async () => {
  const { all, fail, dials, isFenced } = await lostBroker();
  fail(0, false);
  await all.pass(40);
  fail(1, false);
  await all.pass(40);
  equal(isFenced(), false);
  fail(2, true);
  await all.pass(AT_ONCE_MS);
  ok(isFenced());
  equal(dials.length, 3);
});

test("what stays unclear is left to the session", async () => {
  const { all, fail, dials, isFenced } = await lostBroker();
  for (let dial = 0; dial < 4; dial += 1) {
    fail(dial, false);
    await all.pass(40);
  }
  await all.pass(1_000);
  equal(dials.length, 4);
  equal(isFenced(), false);
});

test("a process that was started again meanwhile is not fenced for the one that died", async () => {
  const { all, fail, register, isFenced } = await lostBroker();
  await register();
  fail(0, true);
  await all.pass(1_000);
  equal(isFenced(), false);
});

test("nor when it comes between the refusal and the command", async () => {
  const { all, fencing, controller, register, brokerEpoch, isFenced } = await lostBroker();
  const registered = register();
  fencing.died(2, brokerEpoch);
  await registered;
  await all.pass(1_000);
  ok(must(controller.state.brokers.get(2), "broker 2").epoch > brokerEpoch);
  equal(isFenced(), false);
});

test("a process that was heard again meanwhile lives", async () => {
  const { all, fencing, controller, brokerEpoch, fail, isFenced } = await lostBroker();
  await all.pass(10);
  fencing.heard(2, brokerEpoch, controller.state.index);
  fail(0, true);
  await all.pass(1_000);
  equal(isFenced(), false);
});
