import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { KiB } from "../../base/units.ts";
import { encodeHeaderFold } from "../../partition/header-fold-codec.ts";
import { append, records } from "../../testing/partition-fixture.ts";
import { SimBroker } from "../../testing/sim-broker.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { healthOf } from "../endpoints/health.ts";

const CAPACITY_BYTES = 6 * 256 * KiB;
const PARTITIONS = 5;
const PRODUCERS = 5_000;
/** Virtual time in which whatever is uploaded can be freed. */
const PATIENCE_MS = 30_000;

test("producers that come and go do not fill the smallest log with what is remembered of them", async () => {
  const world = new SimWorld(1);
  const node = new SimBroker(world, { walCapacityBytes: CAPACITY_BYTES, uploadAgeMs: 200, uploadBytes: 32 * KiB });
  const broker = await world.settle(node.start());
  const topic = { name: "t", partitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
  await world.settle(broker.controller.createTopics([topic], false));
  const partitions = Array.from({ length: PARTITIONS }, (_, index) => must(broker.partitions.byName("t", index), "the partition"));
  const wait = (ms: number) => world.run(world.nowMs + ms);
  for (let producerId = 0; producerId < PRODUCERS; producerId++) {
    for (const partition of partitions) {
      const batch = records(1, { producerId, producerEpoch: 0, baseSequence: 0 }, 1_000, 10);
      for (const untilMs = world.nowMs + PATIENCE_MS; append(partition, batch).code !== undefined; await wait(20))
        ok(world.nowMs < untilMs, `producer ${producerId} is refused for good`);
    }
    if (producerId % 20 === 19) await wait(10);
  }
  await wait(PATIENCE_MS);
  equal(healthOf(broker).status, "ok");
  const baseBytes = partitions.reduce((sum, { base }) => sum + encodeHeaderFold(base).byteLength, 0);
  ok(baseBytes <= CAPACITY_BYTES / 16 + PARTITIONS * 100, `${baseBytes} bytes of bases`);
  // Whoever is remembered is still known behind a start.
  const last = records(1, { producerId: PRODUCERS - 1, producerEpoch: 0, baseSequence: 0 }, 1_000, 10);
  const { offset } = append(must(partitions[0], "a partition"), last);
  node.kill();
  const again = await world.settle(node.start());
  equal(append(must(again.partitions.byName("t", 0), "the partition"), last).offset, offset);
  ok(offset < PRODUCERS);
});
