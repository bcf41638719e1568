// Goal: what a follower's log was told by one leader does not count any more when another has begun with it; a member gives up nothing.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { setBaseOffset, setLeaderEpoch } from "@tidemq/protocol/record-batch.ts";
import { must } from "../base/assert.ts";
import { KiB, MiB } from "../base/units.ts";
import type { StartConfig } from "../config/server-config.ts";
import { BrokerPair } from "../testing/broker-pair.ts";
import { append, records } from "../testing/partition-fixture.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { FollowedPartition, type FollowedState } from "./followed-partition.ts";
import { HeaderFold } from "./header-fold.ts";
import { encodeHeaderFold } from "./header-fold-codec.ts";
import { historyOf } from "./led-log.ts";

const BATCHES = 24;

/** A replica with so many batches, most of them in files only; its leader, whose configuration this is, is gone. */
async function replica(leader: Partial<StartConfig> = {}) {
  const pair = await BrokerPair.open(leader, { writeMemoryBytes: 256 * KiB });
  await pair.createTopic("t");
  const { world } = pair.cluster;
  for (let n = 0; n < BATCHES; n++) await world.settle(append(pair.led("t"), records(10, {}, n, 3_000)).committed);
  await pair.cluster.pass(500);
  const { id } = must(pair.second.broker.controller.state.partition("t", 0), "the partition");
  const partition = must(pair.second.broker.partitions.followed(id), "followed by the second");
  pair.first.node.kill();
  const state: { now: FollowedState; damaged: number } = { now: { uploadedEnd: 0, isInSync: false, isElsewhere: true }, damaged: 0 };
  const followed = new FollowedPartition(partition, "whole", {
    wal: pair.second.broker.wal,
    state: () => state.now,
    records: { base: () => Promise.resolve(undefined), pause: () => Promise.resolve() },
    damaged: () => void (state.damaged += 1),
    later: () => undefined,
    log: new RecordingLog(),
    fatal: (error) => {
      throw error;
    },
  });
  return { pair, world, partition, followed, state };
}

test("while it is cut nothing is lost, and nothing can be said of what it has", async () => {
  const { world, partition, followed, state } = await replica();
  const cut = followed.truncateTo(partition.logEnd, 9);
  deepEqual([followed.isLost, followed.isDamaged, followed.isSettled], [false, true, false]);
  await world.settle(cut);
  deepEqual([followed.isLost, followed.isDamaged, followed.isSettled, state.damaged], [false, false, true, 0]);
  equal(partition.live.nextOffset, partition.logEnd);
});

test("a cut that takes its time does not end in what another leader has begun since", async () => {
  const { world, partition, followed } = await replica();
  const cut = followed.truncateTo(partition.logEnd, 9);
  followed.beginAt(0, encodeHeaderFold(new HeaderFold(0)));
  const batch = records(5);
  setBaseOffset(batch, 0, 0);
  followed.appendReplica(batch, 0, batch.byteLength, 1_000);
  await world.settle(cut);
  deepEqual([partition.live.nextOffset, partition.logEnd, followed.isDamaged], [5, 5, false]);
});

test("a cut while the base moves: who produced what the log has let go of meanwhile is known of that base", async () => {
  const { world, partition, followed } = await replica({ uploadBytes: 64 * MiB, uploadAgeMs: 600_000 });
  const { wal, logEnd } = partition;
  const moved = wal.index.offset(wal.index.floor(logEnd / 2));
  await world.settle(partition.foldAt(moved));
  const cut = followed.truncateTo(logEnd, 9);
  partition.uploadedMoved(moved);
  wal.index.dropFront(wal.index.floor(moved)); // as when its files are emptied
  await world.settle(cut);
  deepEqual([partition.live.nextOffset, partition.live.incomplete], [logEnd, false]);
});

test("a member begins anew only where its log has nothing, whatever mark it was told", async () => {
  const { partition, followed, state } = await replica();
  partition.setMark(0);
  deepEqual([followed.mayBeginAt(0), followed.mayBeginAt(10)], [true, false]);
  state.now = { uploadedEnd: 0, isInSync: true, isElsewhere: true };
  equal(followed.mayBeginAt(0), false);
});

test("what is passed over says still who led when: batches of an earlier epoch are not taken for its successor's", async () => {
  const { world, pair, partition, followed, state } = await replica({ uploadBytes: 64 * MiB, uploadAgeMs: 600_000 });
  const { epochs, epochStarts, nextOffset: end } = partition.live;
  const before = { epochs: [...epochs], starts: [...epochStarts] };
  for (const epoch of [20, 21]) {
    const batch = records(5);
    setBaseOffset(batch, 0, partition.logEnd);
    setLeaderEpoch(batch, 0, epoch);
    followed.appendReplica(batch, 0, batch.byteLength, 1_000);
  }
  await world.settle(pair.second.broker.wal.synced());
  pair.second.node.disk.faults.readErrorRatio = 1;
  await world.settle(followed.truncateTo(end + 5, 22).catch(() => undefined));
  equal(followed.isLost, true, "the cut could not be done");
  state.now = { uploadedEnd: end, isInSync: true, isElsewhere: false };
  followed.passOver();
  deepEqual([partition.base.epochs, partition.base.epochStarts], [before.epochs, before.starts], "so does a base that followers are given");
  deepEqual(historyOf(partition), { epochs: [...before.epochs, 20], starts: [...before.starts, end], end: end + 5 });
});
