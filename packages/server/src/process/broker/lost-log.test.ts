import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import type { Disk } from "../../io/disk.ts";
import { encodeHeaderFold } from "../../partition/header-fold-codec.ts";
import { append, readAll, records } from "../../testing/partition-fixture.ts";
import { ProcessEnded, SimBroker } from "../../testing/sim-broker.ts";
import { HEALTHY_OBJECT_STORE } from "../../testing/sim-io/object-store.ts";
import { SimWorld } from "../../testing/sim-io/sim-world.ts";
import { flipBases } from "../../testing/wal/flipped-bases.ts";
import { healthOf } from "../endpoints/health.ts";
import type { Broker } from "./broker.ts";

/** Ten records of producer 7 each; the sequences of batch n begin at 10 n. */
const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n * 100, 300);
const UPLOADED = 12;
const LATER = 5;
/** So few that a producer's uploaded batches are remembered beside them. */
const FEW = 2;
const topic = (name: string, partitions = 1) => ({ name, partitions, replicationFactor: 1, assignments: [], configs: [] });

/** A node with the topic `t` of two partitions; in each, [0, 120) is uploaded and [120, 170) is in the log only. */
async function nodeWithData(seed = 1) {
  const world = new SimWorld(seed);
  const node = new SimBroker(world, { uploadAgeMs: 60_000 });
  const up = (): Broker => must(node.broker, "a broker that is up");
  const partition = (index = 0, name = "t") => must(up().partitions.byName(name, index), "the partition");
  const fill = async (from: number, to: number, index = 0) => {
    for (let n = from; n < to; n++) await world.settle(append(partition(index), batchOf(n)).committed);
  };
  await world.settle(node.start());
  await world.settle(up().controller.createTopics([topic("t", 2)], false));
  for (const index of [0, 1]) await fill(0, UPLOADED, index);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  const uploadedFold = encodeHeaderFold(partition().base);
  for (const index of [0, 1]) await fill(UPLOADED, UPLOADED + LATER, index);
  const byHand = (act: (disk: Disk) => Promise<void>) => world.settle(node.byHand(act));
  return { world, node, up, partition, fill, uploadedFold, byHand };
}

type Node = Awaited<ReturnType<typeof nodeWithData>>;

const moveWal =
  (to: string, from = "wal") =>
  async (disk: Disk) => {
    await disk.makeFolder(to);
    await disk.makeFolder(from);
    for (const name of await disk.list(from)) await disk.rename(`${from}/${name}`, `${to}/${name}`);
    await disk.syncFolder(from);
    await disk.syncFolder(to);
  };

async function loseWal({ world, node, byHand }: Node): Promise<void> {
  await world.settle(node.stop());
  await byHand(moveWal("aside"));
}

/** Goes on after the uploaded records as if the others had never been. */
async function checkAccepted({ world, up, partition, uploadedFold }: Node, index = 0): Promise<void> {
  const p = partition(index);
  deepEqual([p.logStart, p.uploadedEnd, p.highWatermark, p.logEnd], [0, 120, 120, 120]);
  deepEqual(encodeHeaderFold(p.live), uploadedFold);
  deepEqual(
    (await world.settle(readAll(p))).map(({ base }) => base),
    Array.from({ length: UPLOADED }, (_, n) => n * 10),
  );
  equal(append(p, batchOf(UPLOADED - 1)).offset, (UPLOADED - 1) * 10, "the retry of an uploaded batch is known");
  equal(append(p, batchOf(UPLOADED + 1)).code, "OUT_OF_ORDER_SEQUENCE", "a producer learns that what it sent is gone");
  equal(p.live.epochEnd(0)?.endOffset ?? p.logEnd, 120, "a consumer that tells its epoch learns where the old log ends now");
  ok(!(await world.settle(up().controller.electLeaders(1))), "nothing is left to elect");
}

test("a log that is gone takes its partitions offline, not the node, until a person gives it up", async () => {
  const the = await nodeWithData();
  const { world, node, up, partition } = the;
  await loseWal(the);
  const broker = await world.settle(node.start());
  equal(broker.partitions.count, 0);
  const health = healthOf(broker);
  deepEqual(health.partitions.lost, [
    { topic: "t", partition: 0, from: 120 },
    { topic: "t", partition: 1, from: 120 },
  ]);
  deepEqual([health.status, health.partitions.offline], ["degraded", 2]);
  match(health.problems.join(), /2 partitions are offline: their write-ahead log is not here/);
  await world.settle(broker.controller.createTopics([topic("new")], false));
  await world.settle(append(partition(0, "new"), batchOf(0)).committed);

  await rejects(world.settle(broker.acceptLoss("t", 2)), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  await rejects(world.settle(broker.acceptLoss("new", 0)), { code: "INVALID_REQUEST" });
  deepEqual(await world.settle(broker.acceptLoss("t", 0)), { kind: "log", from: 120, isServed: true });
  await rejects(world.settle(broker.acceptLoss("t", 0)), { code: "INVALID_REQUEST" });
  await checkAccepted(the);
  deepEqual(
    healthOf(broker).partitions.lost.map(({ partition: index }) => index),
    [1],
  );
  await the.fill(UPLOADED, UPLOADED + 2);
  const before = { fold: encodeHeaderFold(partition().live), epoch: partition().leaderEpoch };
  node.losePower();
  node.bucket.faults.outage = "fails"; // the new log knows by itself where it begins, and with which fold
  await world.settle(node.start());
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  deepEqual([up().partitions.count, partition().logEnd, partition(0, "new").logEnd], [2, 140, 10]);
  deepEqual(encodeHeaderFold(partition().live), before.fold);
  ok(partition().leaderEpoch > before.epoch);
  equal(await world.settle(up().uploader.drain(10_000)), true);
  equal(partition().uploadedEnd, 140);
});

test("the log comes back: everything is there again, and what the log between had is offline", async () => {
  const the = await nodeWithData();
  const { world, node, up, partition, byHand } = the;
  const before = encodeHeaderFold(partition(1).live);
  await loseWal(the);
  const without = await world.settle(node.start());
  await world.settle(without.controller.createTopics([topic("new")], false));
  await world.settle(node.stop());
  await world.settle(node.start());
  equal(up().partitions.count, 1, "one start later it is still so");
  await world.settle(node.stop());
  await byHand(async (disk) => {
    await moveWal("between")(disk);
    await moveWal("wal", "aside")(disk);
  });
  await world.settle(node.start());
  deepEqual([partition(0).logEnd, partition(1).logEnd], [170, 170]);
  deepEqual(encodeHeaderFold(partition(1).live), before);
  deepEqual(
    healthOf(up()).partitions.lost.map((log) => log.topic),
    ["new"],
  );
});

test("what was given up never shows again, neither when its log comes back nor after a crash right behind the acceptance", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const the = await nodeWithData(seed);
    const { world, node, up, partition, byHand } = the;
    await loseWal(the);
    await world.settle(node.start());
    await world.settle(up().acceptLoss("t", 0));
    await the.fill(UPLOADED, UPLOADED + 1);
    await world.settle(node.stop());
    await byHand(async (disk) => {
      await moveWal("between")(disk);
      await moveWal("wal", "aside")(disk);
    });
    node.disk.faults.syncMs = [0.1, 40];
    await world.settle(node.start());
    deepEqual([up().partitions.byName("t", 0), partition(1).logEnd], [undefined, 170]);
    const accepted = up().controller.acceptLogLoss(must(up().controller.state.partition("t", 0), "partition").id, 1);
    await world.settle(accepted);
    if (seed % 2 === 0) node.kill();
    else node.losePower();
    await world.settle(node.start());
    await checkAccepted(the);
    equal(partition(1).logEnd, 170);
  }
});

test("a crash at any moment, of a start without the log or of the acceptance, leaves it offline or accepted", async () => {
  const seen = { offline: 0, accepted: 0 };
  for (let seed = 1; seed <= 90; seed++) {
    const the = await nodeWithData(seed);
    const { world, node, up } = the;
    await loseWal(the);
    for (let crashes = seed % 3; crashes > 0; crashes--) await crashWithin(the, 15, node.start());
    await world.settle(node.start());
    equal(up().partitions.count, 0, `seed ${seed}: nothing is served that was lost`);
    the.node.bucket.faults.readMs = [2, 60];
    await crashWithin(the, seed % 2 === 0 ? 0.01 : 50, up().acceptLoss("t", 0));
    await world.settle(node.start());
    const isOffline = up().partitions.byName("t", 0) === undefined;
    seen[isOffline ? "offline" : "accepted"] += 1;
    if (isOffline) await world.settle(up().acceptLoss("t", 0));
    await checkAccepted(the);
    equal(up().partitions.byName("t", 1), undefined);
  }
  ok(seen.offline > 10 && seen.accepted > 10, JSON.stringify(seen));
});

async function crashWithin({ world, node }: Node, ms: number, running: Promise<unknown>): Promise<void> {
  running.catch((error: unknown) => ok(error instanceof ProcessEnded, `${error}`));
  await world.run(world.nowMs + world.random.float() * ms);
  if (world.random.float() < 0.5) node.kill();
  else node.losePower();
}

test("an accepted partition is served when object storage can be read, and the start does not wait for it", async () => {
  const the = await nodeWithData();
  const { world, node, up } = the;
  await loseWal(the);
  await world.settle(node.start());
  await world.settle(up().controller.createTopics([topic("new")], false));
  node.bucket.faults.outage = "fails";
  deepEqual(await world.settle(up().acceptLoss("t", 0)), { kind: "log", from: 120, isServed: false });
  match(healthOf(up()).problems.join(), /1 partitions are offline until object storage can be read/);
  node.kill();
  const startedMs = world.nowMs;
  await world.settle(node.start());
  ok(world.nowMs - startedMs < 5_000, `the start took ${world.nowMs - startedMs} ms`);
  deepEqual([up().partitions.byName("t", 0), up().partitions.count], [undefined, 1]);
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await world.run(world.nowMs + 15_000);
  await checkAccepted(the);
});

/** The log, which began with bases, lost them, and the bucket, which has them too, is away while the node starts. */
async function withoutBases() {
  const the = await nodeWithData();
  const { world, node, up, fill } = the;
  await loseWal(the);
  await world.settle(node.start());
  for (const index of [0, 1]) {
    await world.settle(up().acceptLoss("t", index));
    await fill(UPLOADED, UPLOADED + FEW, index);
  }
  node.kill();
  ok(flipBases(node.disk) > 0, "it has bases");
  node.bucket.faults.outage = "fails";
  await world.settle(node.start());
  return the;
}

test("the only log of a partition is not led without what it remembers: it waits for object storage, then knows each retry", async () => {
  const { world, node, up, partition } = await withoutBases();
  equal(up().partitions.byName("t", 0), undefined);
  await world.settle(up().controller.createTopics([topic("new")], false));
  await world.settle(append(partition(0, "new"), batchOf(0)).committed);
  match(healthOf(up()).problems.join(), /2 partitions are offline until object storage can be read/);
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await world.run(world.nowMs + 15_000);
  for (const index of [0, 1]) {
    const { base, live, logEnd } = partition(index);
    deepEqual([base.incomplete, live.incomplete, logEnd], [false, false, 140]);
    equal(append(partition(index), batchOf(UPLOADED - 1)).offset, (UPLOADED - 1) * 10, "a retry of what was uploaded is known");
    equal(append(partition(index), batchOf(UPLOADED + FEW)).offset, 140);
  }
  equal(await world.settle(up().uploader.drain(10_000)), true);
});

test("a partition that waits for what it remembers can be deleted: its log lets go of it", async () => {
  const { world, node, up } = await withoutBases();
  const ids = [0, 1].map((index) => must(up().controller.state.partition("t", index), "the partition").id);
  await world.settle(up().controller.deleteTopics([{ name: "t", topicId: undefined }]));
  deepEqual(
    ids.map((id) => up().wal.partition(id)),
    [undefined, undefined],
  );
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await world.run(world.nowMs + 15_000);
  deepEqual([up().partitions.count, healthOf(up()).status, node.deaths], [0, "ok", []]);
});

test("an offline topic, or one that is about to be opened, can be deleted", async () => {
  const the = await nodeWithData();
  const { world, node, up } = the;
  await loseWal(the);
  await world.settle(node.start());
  node.bucket.faults.outage = "fails";
  await world.settle(up().acceptLoss("t", 0));
  const [deleted] = await world.settle(up().controller.deleteTopics([{ name: "t", topicId: undefined }]));
  equal(deleted?.error, undefined);
  Object.assign(node.bucket.faults, HEALTHY_OBJECT_STORE);
  await world.run(world.nowMs + 15_000);
  deepEqual([up().partitions.count, healthOf(up()).status, node.deaths], [0, "ok", []]);
});

test("another node's log is refused before anything of it is touched", async () => {
  const the = await nodeWithData(1);
  const other = await nodeWithData(2);
  await loseWal(the);
  await loseWal(other);
  const foreign = await other.world.settle(copyOf(other, "aside"));
  await the.byHand(async (disk) => {
    for (const [name, bytes] of foreign) {
      const file = await disk.open(`wal/${name}`, "create");
      await file.write(0, [bytes], true);
      await file.close();
    }
  });
  const before = [...foreign.keys()].map((name) => Buffer.from(the.node.disk.contents(`wal/${name}`)));
  const refused = (error: unknown) => {
    ok(error instanceof QueueError && error.code === "START_REFUSED", `${error}`);
    match(error.message, /put the right one back, or move it away/);
    return true;
  };
  await rejects(the.world.settle(the.node.start()), refused);
  deepEqual(
    [...foreign.keys()].map((name) => Buffer.from(the.node.disk.contents(`wal/${name}`))),
    before,
  );
  await the.byHand(moveWal("foreign"));
  await the.byHand(moveWal("wal", "aside"));
  await the.world.settle(the.node.start());
  equal(the.partition().logEnd, 170);
});

async function copyOf({ node }: Node, folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await node.byHand(async (disk) => {
    for (const name of await disk.list(folder)) files.set(name, node.disk.contents(`${folder}/${name}`));
  });
  return files;
}

test("without its metadata a log is not used: the start is refused and names the remedy", async () => {
  const the = await nodeWithData();
  const { world, node, byHand } = the;
  await world.settle(node.stop());
  await byHand(moveWal("aside", "meta"));
  const refused = (error: unknown) => {
    ok(error instanceof QueueError && error.code === "CORRUPT_METADATA", `${error}`);
    match(error.message, /put back the folder/);
    return true;
  };
  await rejects(world.settle(node.start()), refused);
  await byHand(moveWal("meta", "aside"));
  await world.settle(node.start());
  equal(the.partition().logEnd, 170);
});

/** The folder as it was, over the one that is there. */
async function putBack(the: Node, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await the.byHand(async (disk) => {
    for (const name of await disk.list("wal")) await disk.remove(`wal/${name}`);
    for (const [name, bytes] of files) {
      const file = await disk.open(`wal/${name}`, "create");
      await file.write(0, [bytes], true);
      await file.close();
    }
  });
}

test("an older copy of the log is noticed: offline until the newer one is back, or given up", async () => {
  for (const ends of ["stop", "kill", "losePower"] as const) {
    const the = await nodeWithData();
    const { world, node, up, partition, fill } = the;
    await world.settle(node.stop());
    const older = await world.settle(copyOf(the, "wal"));
    await world.settle(node.start());
    await fill(UPLOADED + LATER, UPLOADED + LATER + 1);
    await world.settle(Promise.resolve(node[ends]()));
    const newer = await world.settle(copyOf(the, "wal"));
    await putBack(the, older);
    for (let starts = 0; starts < 3; starts++) {
      await world.settle(node.start());
      equal(up().partitions.count, 0, "nothing is served that lacks acknowledged records");
      equal(healthOf(up()).partitions.lost.length, 2);
      await world.settle(node.stop());
    }
    await putBack(the, newer);
    await world.settle(node.start());
    deepEqual([partition(0).logEnd, partition(1).logEnd], [180, 170]);
    equal(healthOf(up()).status, "ok");

    await world.settle(node.stop());
    await putBack(the, older);
    await world.settle(node.start());
    await world.settle(up().acceptLoss("t", 0));
    await checkAccepted(the);
  }
});

test("no crash within starts makes a log look like an older copy of itself", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const the = await nodeWithData(seed);
    const { world, node, up, partition } = the;
    node.kill();
    node.disk.faults.syncMs = [0.1, 10];
    for (let crashes = 1 + (seed % 4); crashes > 0; crashes--) await crashWithin(the, 60, node.start());
    await world.settle(node.start());
    deepEqual([up().partitions.count, partition(0).logEnd, partition(1).logEnd], [2, 170, 170], `seed ${seed}`);
  }
});
