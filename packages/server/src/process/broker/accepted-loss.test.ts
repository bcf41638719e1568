import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { append, readAll, records, TOPIC } from "../../testing/partition-fixture.ts";
import { SimBroker } from "../../testing/sim-broker.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { healthOf } from "../endpoints/health.ts";
import type { Broker } from "./broker.ts";

const BATCHES = 10;
const HIT = 6;

/** A node, stopped, whose log holds ten batches of one record, the seventh of them damaged. */
async function damagedNode() {
  const world = new SimWorld(1);
  const node = new SimBroker(world, { uploadAgeMs: 60_000 });
  await world.settle(node.start());
  const up = (): Broker => must(node.broker, "a broker that is up");
  const partition = () => must(up().partitions.byName("t", 0), "the partition");
  await world.settle(up().controller.createTopics([TOPIC], false));
  for (let n = 0; n < BATCHES; n++) await world.settle(append(partition(), records(1, {}, 7_000_000 + n, 50)).committed);
  await world.settle(node.stop());
  const timestamp = Buffer.alloc(8);
  timestamp.writeBigInt64BE(BigInt(7_000_000 + HIT));
  await world.settle(
    node.byHand(async (disk) => {
      for (const name of await disk.list("wal")) {
        const file = await disk.open(`wal/${name}`, "write");
        const bytes = Buffer.alloc(await file.size());
        await file.read(0, bytes);
        // First it stands in the batch's header, 27 bytes in: hits the record behind that.
        if (bytes.includes(timestamp)) await file.write(bytes.indexOf(timestamp) + 50, [Buffer.from([0xff])], true);
        await file.close();
      }
    }),
  );
  return { world, node, up, partition };
}

test("a loss that was accepted stays accepted over starts, in the log and in objects", async () => {
  const { world, node, up, partition } = await damagedNode();
  await world.settle(node.start());
  await rejects(world.settle(readAll(partition())), { code: "CORRUPT_RECORD" });
  deepEqual(healthOf(up()).partitions.damaged, [{ topic: "t", partition: 0, from: HIT, to: HIT + 1 }]);
  const ranges = [{ topic: "t", partition: 0, from: HIT, to: HIT + 1 }];
  deepEqual(await world.settle(up().acceptLoss("t", 0)), { kind: "ranges", ranges });
  const left = Array.from({ length: BATCHES }, (_, n) => n).filter((n) => n !== HIT);
  const isPassedOver = async (): Promise<void> => {
    deepEqual(
      (await world.settle(readAll(partition()))).map(({ base }) => base),
      left,
    );
    equal(healthOf(up()).status, "ok");
  };
  await isPassedOver();
  for (const crashes of [false, true]) {
    if (crashes) node.kill();
    else await world.settle(node.stop());
    await world.settle(node.start());
    await isPassedOver();
  }
  equal(await world.settle(up().uploader.drain(10_000)), true);
  await isPassedOver();
  await world.settle(node.stop());
  await world.settle(node.start());
  await isPassedOver();
});
