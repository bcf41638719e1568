import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { addressText } from "@tidemq/client/transport.ts";
import { loadClusterConfig } from "@tidemq/server/config/load-config.ts";
import { brokerPlan, type ClusterShape, controllerPlans, FIRST_PORT, firstPortMax } from "./layout.ts";

const SHAPE: ClusterShape = { folder: "/c", firstPort: FIRST_PORT, controllers: 3 };

function placesOf(plan: { readonly listens: ReturnType<typeof brokerPlan>["listens"] }): readonly string[] {
  return plan.listens.map(({ what, address }) => `${what} ${addressText(address)}`);
}

test("places are those of the files in config/, each further one 100 higher", () => {
  deepEqual(placesOf(brokerPlan(SHAPE, 1)), ["Kafka localhost:9092", "peers localhost:9093", "HTTP localhost:9643"]);
  deepEqual(placesOf(brokerPlan(SHAPE, 3)), ["Kafka localhost:9292", "peers localhost:9293", "HTTP localhost:9843"]);
  deepEqual(controllerPlans(SHAPE).map(placesOf), [
    ["peers localhost:9094", "HTTP localhost:9642"],
    ["peers localhost:9194", "HTTP localhost:9742"],
    ["peers localhost:9294", "HTTP localhost:9842"],
  ]);
  const file = (role: string): string => readFileSync(new URL(`../../../../config/${role}.toml`, import.meta.url), "utf8");
  ok(file("broker").includes('data = "./cluster-data/broker-1"') && file("broker").includes("localhost:9094"));
  ok(file("broker").includes("--listen localhost:9192") && file("broker").includes("--http localhost:9743"));
  ok(file("controller").includes("node-id = 101") && file("controller").includes('object-storage = "dir:./cluster-data/bucket"'));
});

test("the servers accept what they are given", () => {
  for (const { role, args } of [brokerPlan(SHAPE, 2), ...controllerPlans(SHAPE)]) {
    const config = loadClusterConfig(role, { args: args.slice(1), environment: {}, readText: () => "" });
    deepEqual(config[role]?.roles, [role]);
  }
  const { broker } = loadClusterConfig("broker", { args: brokerPlan(SHAPE, 2).args.slice(1), environment: {}, readText: () => "" });
  equal(broker?.host, "broker-2", "a host of its own, though all are on one machine");
  deepEqual(
    broker?.controllers.map(({ port }) => port),
    [9094, 9194, 9294],
  );
});

test("no two listen at the same place, up to the highest port", () => {
  const shape = { ...SHAPE, firstPort: firstPortMax(16), controllers: 16 };
  const plans = [...Array.from({ length: 16 }, (_, place) => brokerPlan(shape, place + 1)), ...controllerPlans(shape)];
  const ports = plans.flatMap(({ listens }) => listens.map(({ address }) => address.port));
  equal(new Set(ports).size, 16 * 5);
  equal(Math.max(...ports), 65_535);
});
