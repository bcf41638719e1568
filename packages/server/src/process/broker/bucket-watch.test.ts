import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import { append, readAll, records, TOPIC } from "../../testing/partition-fixture.ts";
import { SimBroker } from "../../testing/sim-broker.ts";
import { HEALTHY_OBJECT_STORE } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { healthOf } from "../endpoints/health.ts";
import type { Broker } from "./broker.ts";

function idleNode() {
  const world = new SimWorld(1);
  const node = new SimBroker(world, { uploadAgeMs: 600_000 });
  const up = (): Broker => must(node.broker, "a broker that is up");
  const pass = (ms: number) => world.settle(new Promise<void>((resolve) => up().world.clock.after(ms, resolve)));
  return { world, node, up, pass };
}

test("a bucket that is away at the start is in health, though nothing is to be uploaded, until it is back", async () => {
  for (const outage of ["fails", "hangs"] as const) {
    const { world, node, up, pass } = idleNode();
    node.bucket.faults.outage = outage;
    node.bucket.faults.unknownAfterMs = [3_000, 3_000];
    await world.settle(node.start());
    const health = healthOf(up());
    equal(health.status, "degraded");
    equal(health.objectStorage.state, "failing");
    match(health.objectStorage.error ?? "", outage === "fails" ? /./ : /no answer within 1000 ms/);
    await pass(30_000);
    equal(healthOf(up()).status, "degraded", outage);
    Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
    await pass(10_000);
    equal(healthOf(up()).status, "ok", outage);
    await world.settle(node.stop());
  }
});

test("a read that object storage does not answer is in health, until it answers", async () => {
  const { world, node, up, pass } = idleNode();
  await world.settle(node.start());
  await world.settle(up().controller.createTopics([TOPIC], false));
  const partition = () => must(up().partitions.byName("t", 0), "the partition");
  await world.settle(append(partition(), records(5)).committed);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  node.bucket.faults.outage = "fails";
  const read = await world.settle(
    up()
      .remote.read(partition().identity.id, 0, 5, 1000, true)
      .catch((error: unknown) => error),
  );
  equal((read as { code?: string }).code, "OBJECT_STORAGE_UNAVAILABLE");
  equal(healthOf(up()).objectStorage.state, "failing");
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await pass(10_000);
  equal(healthOf(up()).status, "ok");
  equal((await world.settle(readAll(partition()))).length, 1);
  await world.settle(node.stop());
});

test("a bucket that lists and does not read is in health, until it reads", async () => {
  const { world, node, up, pass } = idleNode();
  await world.settle(node.start());
  const { bucket } = up();
  let reads = false;
  const again = (): Promise<void> =>
    reads ? Promise.resolve() : Promise.reject(new ObjectStoreError("unavailable", "EIO: i/o error, read"));
  bucket.failed(new Error("EIO: i/o error, read"), again);
  await pass(30_000);
  match(healthOf(up()).problems.join(), /object storage fails: EIO/);
  reads = true;
  await pass(10_000);
  equal(healthOf(up()).status, "ok");
  await world.settle(node.stop());
});
