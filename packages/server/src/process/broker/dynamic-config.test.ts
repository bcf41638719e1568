import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { KiB, MiB } from "../../base/units.ts";
import { ALL_BROKERS } from "../../cluster/cluster-state.ts";
import { dynamicProblem } from "../../config/dynamic-options.ts";
import { SimBroker } from "../../testing/sim-broker.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { NODE_ID } from "../control/local-control.ts";

const none = (): undefined => undefined;

test("options of the broker change while it runs, and are there again after a start", async () => {
  const world = new SimWorld(1);
  const node = new SimBroker(world);
  const broker = await world.settle(node.start());
  equal(broker.uploader.triggers.bytes, 256 * KiB);
  const set = (on: number, name: string, value: string) =>
    world.settle(broker.controller.alterBrokerConfigs(on, [{ name, operation: "set", value }], none, false));
  await set(ALL_BROKERS, "tidemq.upload.bytes", String(2 * MiB));
  await set(ALL_BROKERS, "tidemq.upload.age.ms", "3000");
  await set(NODE_ID, "tidemq.upload.age.ms", "4000");
  await set(NODE_ID, "log.retention.check.interval.ms", "5000");
  await set(ALL_BROKERS, "tidemq.object.upload.rate.bytes", String(1 * MiB));
  await set(ALL_BROKERS, "tidemq.object.download.rate.bytes", String(3 * MiB));
  const set3 = ({ retention, rates }: typeof broker) => [retention.intervalMs, rates.up.bytesPerSecond, rates.down.bytesPerSecond];
  deepEqual(set3(broker), [5000, 1 * MiB, 3 * MiB]);
  deepEqual(broker.uploader.triggers, { bytes: 2 * MiB, ageMs: 4000, walUsedRatio: 0.4 });
  await set(NODE_ID, "tidemq.object.download.rate.bytes", "-1");
  deepEqual(set3(broker), [5000, 1 * MiB, undefined]);
  await world.settle(node.stop());
  const again = await world.settle(node.start());
  deepEqual(set3(again), [5000, 1 * MiB, undefined]);
  deepEqual(again.uploader.triggers, { bytes: 2 * MiB, ageMs: 4000, walUsedRatio: 0.4 });
  const unset = [{ name: "tidemq.upload.age.ms", operation: "delete", value: null }] as const;
  await world.settle(again.controller.alterBrokerConfigs(NODE_ID, unset, none, false));
  equal(again.uploader.triggers.ageMs, 3000);
});

test("uploads that would wait for more than the log can hold are refused, on one broker and on all", async () => {
  const world = new SimWorld(2);
  const node = new SimBroker(world);
  const { controller, config } = await world.settle(node.start());
  const problem = (configs: ReadonlyMap<string, string>) => dynamicProblem(config, configs);
  const operation = { name: "tidemq.upload.bytes", operation: "set", value: String(2 * MiB) } as const;
  match(must(problem(new Map([[operation.name, operation.value]])), "a problem"), /40 % of the write-ahead log/);
  for (const on of [NODE_ID, ALL_BROKERS])
    await rejects(world.settle(controller.alterBrokerConfigs(on, [operation], problem, false)), { code: "INVALID_REQUEST" });
});
