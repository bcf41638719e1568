import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { QueueError } from "../base/errors.ts";
import { ControllerCluster, type SimController } from "../testing/controller-cluster.ts";
import type { Controller } from "./controller.ts";
import { SESSION_MS } from "./limits.ts";

/** A cluster with a controller and brokers 1 and 2, which are ready. */
async function cluster(): Promise<ControllerCluster> {
  const all = new ControllerCluster(7, 3);
  all.start();
  all.stopSubmitting();
  ok(await all.until(10_000, () => all.leaders.length === 1));
  for (const id of [1, 2]) await register(all, id);
  return all;
}

async function register(all: ControllerCluster, id: number): Promise<number> {
  const { controller, fencing } = parts(leader(all));
  const log = { walId: `log-${id}`, walIndex: controller.state.index, walDamaged: false };
  const { brokerEpoch } = await all.world.settle(controller.registerBroker({ id, host: `h${id}`, rack: "", ...log }));
  fencing.heard(id, brokerEpoch, controller.state.index);
  await all.world.settle(controller.electLeaders(id));
  return brokerEpoch;
}

function leader(all: ControllerCluster): SimController {
  return must(all.leaders[0], "controller");
}

function parts(node: SimController) {
  return { controller: must(node.controller, "controller"), fencing: must(node.node?.fencing, "fencing") };
}

function fenced({ state }: Controller): number[] {
  return [...state.brokers.values()].filter((broker) => broker.fenced).map(({ id }) => id);
}

/** Brokers that go on speaking to whoever is the controller. */
async function speak(all: ControllerCluster, brokers: readonly number[], forMs: number): Promise<void> {
  for (let passed = 0; passed < forMs; passed += 400) {
    for (const node of all.leaders) {
      const { controller, fencing } = parts(node);
      for (const id of brokers) fencing.heard(id, must(controller.state.brokers.get(id), "broker").epoch, controller.state.index);
    }
    await all.pass(400);
  }
}

test("a silent broker is fenced after a session, one that speaks is not", async () => {
  const all = await cluster();
  const { controller } = parts(leader(all));
  await speak(all, [1], SESSION_MS - 400);
  deepEqual(fenced(controller), []);
  await speak(all, [1], 1_200);
  deepEqual(fenced(controller), [2]);
  await speak(all, [1], 20_000);
  deepEqual(fenced(controller), [2]);
});

test("it comes back by saying that it is ready, and is fenced again when it falls silent again", async () => {
  const all = await cluster();
  const { controller, fencing } = parts(leader(all));
  await speak(all, [1], 4_000);
  const { epoch } = must(controller.state.brokers.get(2), "broker");
  fencing.heard(2, epoch, controller.state.index);
  await all.world.settle(controller.electLeaders(2));
  deepEqual(fenced(controller), []);
  await speak(all, [1], SESSION_MS + 800);
  deepEqual(fenced(controller), [2]);
});

test("a new controller waits a whole session; then it fences who died with the old one", async () => {
  const all = await cluster();
  leader(all).kill();
  ok(await all.until(5_000, () => all.leaders.length === 1));
  const { controller } = parts(leader(all));
  const sinceMs = all.world.nowMs;
  await speak(all, [1], SESSION_MS - 400);
  deepEqual(fenced(controller), []);
  await speak(all, [1], 1_200);
  deepEqual(fenced(controller), [2]);
  ok(all.world.nowMs - sinceMs < SESSION_MS + 2_000);
});

test("a process that is known to be dead is fenced at once; its successor is not touched", async () => {
  const all = await cluster();
  const { controller, fencing } = parts(leader(all));
  const { epoch } = must(controller.state.brokers.get(2), "broker");
  fencing.died(2, epoch);
  await speak(all, [1], 400);
  deepEqual(fenced(controller), [2]);
  await register(all, 2);
  fencing.died(2, epoch);
  await speak(all, [1, 2], 4_000);
  deepEqual(fenced(controller), []);
});

test("fencing that fails is tried again, not all the time", async () => {
  const all = await cluster();
  const { controller } = parts(leader(all));
  let tries = 0;
  const failing = (): Promise<never> => {
    tries += 1;
    return Promise.reject(new QueueError("OVERLOADED", "too many changes of metadata are waiting"));
  };
  Object.assign(controller, { fenceBroker: failing });
  await speak(all, [1], SESSION_MS + 4_000);
  ok(tries > 3 && tries < 12, `${tries} tries`);
  Reflect.deleteProperty(controller, "fenceBroker");
  await speak(all, [1], 1_200);
  deepEqual(fenced(controller), [2]);
});

test("a controller that slept through another's claim fences nobody with what it did not hear", async () => {
  const all = await cluster();
  const sleeper = leader(all);
  sleeper.process?.pause(8_000);
  ok(await all.until(5_000, () => all.leaders.length === 2));
  await speak(all, [1, 2], 6_000);
  const { controller } = parts(must(all.leaders.at(-1) === sleeper ? all.leaders[0] : all.leaders.at(-1), "controller"));
  deepEqual(fenced(controller), []);
  equal(all.leaders.length, 1);
});
