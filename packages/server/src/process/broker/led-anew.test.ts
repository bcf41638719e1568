// Goal: what a broker reads of groups while it leads them counts only as long as it does: others may lead them before it has come to the end.
// Method: two brokers on simulated devices. One starts alone and its first read stands still, while the other leads and it leads again.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { encodeEntries } from "../../coordinator/fold/entry-batch.ts";
import { GroupsFold } from "../../coordinator/fold/groups-fold.ts";
import { GROUPS_TOPIC } from "../../coordinator/group-coordinator.ts";
import type { Partition } from "../../partition/partition.ts";
import { BrokerPair, type PairedBroker } from "../../testing/broker-pair.ts";
import { append } from "../../testing/partition-fixture.ts";
import { WalPartition } from "../../wal/wal-partition.ts";

const TOPIC_ID = "AAAAAAAAQACAAAAAAAAAAQ";
const MS_MAX = 30_000;

test("groups that others led while they were read are not as they were read", async (t) => {
  const pair = await BrokerPair.open();
  const { cluster } = pair;
  const { world } = cluster;
  const within = async (what: string, holds: () => boolean): Promise<void> => ok(await cluster.until(MS_MAX, holds), what);
  const up = ({ node }: PairedBroker) => must(node.broker, "a broker that is up");
  await world.settle(up(pair.first).controller.createInternalTopic(GROUPS_TOPIC, 1));
  const state = (of: PairedBroker) => {
    const { internalTopics, partitions } = up(of).controller.state;
    return must(partitions.get(internalTopics.get(GROUPS_TOPIC)?.partitions[0] ?? -1), "the partition of groups");
  };
  const led = (by: PairedBroker): Partition | undefined => {
    const partition = up(by).partitions.byId(state(by).id);
    return partition?.records === undefined ? undefined : partition;
  };
  const commit = async (by: PairedBroker, offset: number): Promise<void> => {
    const committed = { offset, leaderEpoch: 0, metadata: "", committedAtMs: 0 };
    const topics = [{ topicId: TOPIC_ID, offsets: new Map([[0, committed]]) }];
    let isDone = false;
    const { committed: reached } = append(must(led(by), "it leads"), encodeEntries([{ kind: "offsets", groupId: "g", topics }], 1));
    void reached.then(() => {
      isDone = true;
    });
    await within("it is committed", () => isDone);
  };
  const [one, other] = state(pair.first).replicas[0] === 1 ? [pair.first, pair.second] : [pair.second, pair.first];
  const epochOf = (of: PairedBroker): number => must(up(of).controller.state.brokers.get(of.node.id), "a broker").epoch;

  await within("it is led", () => led(one) !== undefined && state(one).inSync.length === 2);
  await commit(one, 1);
  for (const { node } of [one, other]) node.kill();

  const gate = Promise.withResolvers<void>();
  const { readForUpload } = WalPartition.prototype;
  let reads = 0;
  t.mock.method(WalPartition.prototype, "readForUpload", function (this: WalPartition, ...args: Parameters<typeof readForUpload>) {
    reads += 1;
    return reads > 1 ? readForUpload.apply(this, args) : gate.promise.then(() => readForUpload.apply(this, args));
  });
  await world.settle(one.node.start());
  equal(reads, 1);
  await world.settle(other.node.start());
  equal(led(one), undefined);
  await world.settle(up(one).controller.fenceBroker(one.node.id, epochOf(one)));
  await within("the other leads", () => led(other) !== undefined);
  await commit(other, 2);
  await world.settle(up(one).controller.electLeaders(one.node.id));
  await within("it leads again", () => led(one) !== undefined);
  await commit(one, 3);
  gate.resolve();
  await world.settle(new Promise<void>((resolve) => void world.after(1_000, resolve)));
  await commit(one, 4);
  deepEqual(one.node.deaths, []);
  const { records } = must(led(one), "it leads");
  ok(records instanceof GroupsFold);
  equal(records.groups.get("g")?.offsets.get(TOPIC_ID)?.get(0)?.offset, 4);
  const seen = up(one).groups.read("g", ({ fold }) => fold.groups.get("g")?.offsets.get(TOPIC_ID)?.get(0)?.offset);
  equal(await world.settle(seen), 4);
});
