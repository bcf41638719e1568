import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { isRefusal } from "../../cluster/commands.ts";
import { ClusterBroker } from "../../testing/cluster-broker.ts";
import { ControllerCluster } from "../../testing/controller-cluster.ts";
import { append, readAll, records } from "../../testing/partition-fixture.ts";
import { SimNetwork } from "../../testing/sim-io/network.ts";
import type { SimProcess } from "../../testing/sim-io/process.ts";
import type { ControlPlane } from "../control/control-plane.ts";
import type { World } from "../world.ts";

// Goal: what the earlier process of a broker uploaded is committed while the next one has opened its log and is no broker yet: that one goes on
// from there.

const ID = 1;
const TOPIC = { name: "t", partitions: 1, replicationFactor: 1, assignments: [], configs: [] };

const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n * 100);

/** A broker whose registration waits for something. */
class WaitingBroker extends ClusterBroker {
  before: (control: ControlPlane) => Promise<void> = () => Promise.resolve();

  protected override async openControl(parts: World, process: SimProcess): Promise<ControlPlane> {
    const control = await super.openControl(parts, process);
    const register = control.register.bind(control);
    return Object.assign(control, {
      register: async (...log: Parameters<typeof register>) => {
        await this.before(control);
        return register(...log);
      },
    });
  }
}

/** Three batches in the log, then a crash; a commit up to `endOffset` arrives as the next process has opened the log. */
async function startedBesideCommit(endOffset: number) {
  const cluster = new ControllerCluster(1, 1);
  const { world } = cluster;
  cluster.start();
  cluster.stopSubmitting();
  const node = new WaitingBroker(cluster, ID, new SimNetwork(world), { uploadAgeMs: 60_000 });
  const { controller } = await world.settle(node.start());
  await world.settle(controller.createTopics([TOPIC], false));
  const partition = () => must(node.broker?.partitions.byName("t", 0), "the partition");
  for (let n = 0; n < 3; n += 1) await world.settle(append(partition(), batchOf(n)).committed);
  const { leaderEpoch, identity } = partition();
  const brokerEpoch = must(controller.state.brokers.get(ID), "the broker").epoch;
  // Behind the fencing of the dead process the commit would be refused: it comes before.
  Object.assign(must(cluster.leaders[0]?.node, "a controller").fencing, { died: () => undefined });
  node.kill();
  const object = { broker: ID, brokerEpoch, sequence: 1, random: "0123456789abcdef" };
  const place = { partitionId: identity.id, startOffset: 0, endOffset, leaderEpoch, maxTimestampMs: 1_000, kind: "data" } as const;
  const range = { ...place, object, objectBytes: 1_000, position: 0, dataBytes: 900, indexBytes: 50, indexCrc: 1 };
  node.before = async ({ controller: seen }) => {
    const commands = must(cluster.leaders[0]?.commands, "a controller");
    const answer = await commands.submit({ kind: "commit-object", broker: ID, brokerEpoch, ranges: [range] });
    ok(!isRefusal(answer) && answer.verdicts[0]?.accepted === true);
    while (seen.state.partitions.get(identity.id)?.uploadedEnd !== endOffset) await new Promise<void>((wake) => world.after(1, wake));
  };
  await world.settle(node.start());
  return { world, node, partition };
}

test("of what the log has, only what lies behind it is uploaded", async () => {
  const { world, node, partition } = await startedBesideCommit(20);
  const { logStart, uploadedEnd, highWatermark, logEnd } = partition();
  deepEqual([logStart, uploadedEnd, highWatermark, logEnd], [0, 20, 30, 30]);
  equal(partition().base.nextOffset, 20);
  equal(append(partition(), batchOf(2)).offset, 20, "a retry is known");
  await world.settle(append(partition(), batchOf(3)).committed);
  equal(await world.settle(must(node.broker, "a broker").uploader.drain(10_000)), true);
  equal(partition().uploadedEnd, 40);
});

test("where the log lost its end, it goes on where uploads ended", async () => {
  const { world, partition } = await startedBesideCommit(35);
  const { logStart, uploadedEnd, highWatermark, logEnd } = partition();
  deepEqual([logStart, uploadedEnd, highWatermark, logEnd], [0, 35, 35, 35]);
  equal(append(partition(), batchOf(4)).offset, 35);
  await world.run(world.nowMs + 1_000);
  partition().logStart = 35;
  equal((await world.settle(readAll(partition()))).length, 1);
});
