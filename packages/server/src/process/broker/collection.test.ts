import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { CLUSTER_KEY } from "../../model/cluster-key.ts";
import { objectKey } from "../../model/object-id.ts";
import { append, oneNode, records, TOPIC } from "../../testing/partition-fixture.ts";
import { NODE_ID } from "../control/local-control.ts";
import type { AuditView } from "./storage-audits.ts";

const batchOf = (n: number) => records(10, { producerId: 7, producerEpoch: 0, baseSequence: n * 10 }, n * 100, 300);

type Node = Awaited<ReturnType<typeof oneNode>>;

/** A partition of so many uploads. */
async function withUploads(count: number): Promise<Node & { broker: () => NonNullable<Node["node"]["broker"]> }> {
  const node = await oneNode();
  await upload(node, 0, count);
  return { ...node, broker: () => must(node.node.broker, "the broker") };
}

async function upload({ world, node, partition }: Node, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    await world.settle(append(partition(), batchOf(n)).committed);
    await world.settle(must(node.broker, "the broker").uploader.drain(60_000));
  }
}

async function pass({ world }: Node, ms: number): Promise<void> {
  await world.settle(new Promise<void>((resolve) => world.after(ms, resolve)));
}

async function deleteTopic({ world, node }: Node): Promise<void> {
  const [result] = await world.settle(must(node.broker, "the broker").controller.deleteTopics([{ name: TOPIC.name, topicId: undefined }]));
  equal(result?.error, undefined);
}

const keysOf = ({ node }: Node): readonly string[] => node.bucket.keys();

test("a deleted topic leaves nothing in the bucket", async () => {
  const node = await withUploads(3);
  equal(keysOf(node).length, 3);
  await deleteTopic(node);
  await pass(node, 5_000);
  deepEqual(keysOf(node), []);
  const { tierMetrics } = node.broker();
  equal(tierMetrics.objectsCollected, 3);
  ok(tierMetrics.bytesCollected > 9_000);
});

test("what is read stays, also what only a manifest names; a replaced manifest goes", async () => {
  const node = await withUploads(90);
  const { state } = node.broker().controller;
  const [partition] = state.partitions.values();
  ok(must(partition?.manifest, "a manifest").rangeCount > 40);
  ok(keysOf(node).filter((key) => key.endsWith(".manifest")).length > 1);
  node.broker().collector.ask();
  await pass(node, 30_000);
  equal(keysOf(node).filter((key) => key.endsWith(".manifest")).length, 1);
  equal(keysOf(node).filter((key) => key.endsWith(".records")).length, 90);
  const slices = await node.world.settle(Promise.resolve(node.partition().read(0, 1, true)));
  equal(slices.nextOffset, 10);
  slices.hold?.release();
});

test("a process that dies between the deletion of a topic and that of its objects: the next one finishes", async () => {
  const node = await withUploads(3);
  await deleteTopic(node);
  node.node.kill();
  equal(keysOf(node).length, 3);
  await node.world.settle(node.node.start());
  await pass(node, 5_000);
  deepEqual(keysOf(node), []);
});

test("objects below a raised start of the log go, those above stay, and so does the newest", async () => {
  const node = await withUploads(3);
  const raise = async (logStart: number): Promise<void> => {
    const { identity, leaderEpoch } = node.partition();
    await node.world.settle(node.broker().controller.raiseLogStart(identity.id, leaderEpoch, logStart, logStart));
    await pass(node, 5_000);
  };
  await raise(15);
  equal(keysOf(node).length, 2);
  await raise(30);
  equal(keysOf(node).length, 1);
});

test("a write that lands long after it was given up, and keys that are not ours", async () => {
  const node = await withUploads(1);
  const { clusterId, controller } = node.broker();
  const brokerEpoch = must(controller.state.brokers.get(NODE_ID), "the broker's state").epoch;
  const orphan = { broker: NODE_ID, brokerEpoch: brokerEpoch - 1, sequence: 9, random: "0123456789abcdef" };
  const foreign = [`${clusterId}/meta/log/1`, `${clusterId}/data/1/1/000000000001-0123456789abcdef.other`, `${clusterId}0/data/1`];
  const otherBroker = objectKey(clusterId, { ...orphan, broker: 2 }, "records");
  for (const key of [...foreign, otherBroker, objectKey(clusterId, orphan, "records")]) node.node.bucket.overwrite(key, new Uint8Array(5));
  for (let minutes = 0; minutes <= 61; minutes++) await pass(node, 60_000);
  deepEqual(
    keysOf(node).filter((key) => foreign.includes(key) || key === otherBroker),
    [...foreign, otherBroker].sort(),
  );
  equal(keysOf(node).length, 5);
});

test("an older copy of the data folder deletes nothing", async () => {
  const node = await withUploads(1);
  const { clusterId, controller } = node.broker();
  const brokerEpoch = must(controller.state.brokers.get(NODE_ID), "the broker's state").epoch;
  const later = { broker: NODE_ID, brokerEpoch: brokerEpoch + 2, sequence: 1, random: "0123456789abcdef" };
  node.node.bucket.overwrite(objectKey(clusterId, later, "records"), new Uint8Array(5));
  await node.world.settle(node.node.stop());
  await node.world.settle(node.node.start());
  await deleteTopic(node);
  await pass(node, 5_000);
  equal(keysOf(node).length, 2);
  match(node.broker().collector.problem ?? "", /older copy/);
});

test("a manifest that cannot be read: what it may name stays", async () => {
  const node = await withUploads(60);
  const [partition] = node.broker().controller.state.partitions.values();
  const { object } = must(partition?.manifest, "a manifest");
  node.node.bucket.overwrite(objectKey(node.broker().clusterId, object, "manifest"), new Uint8Array(50));
  node.broker().collector.ask();
  await pass(node, 30_000);
  equal(keysOf(node).filter((key) => key.endsWith(".records")).length, 60);
  match(node.broker().collector.problem ?? "", /1 manifests cannot be read/);
});

test("a bucket that is away: collected when it is back", async () => {
  const node = await withUploads(3);
  node.node.bucket.faults.outage = "fails";
  await deleteTopic(node);
  await pass(node, 20_000);
  equal(keysOf(node).length, 3);
  node.node.bucket.faults.outage = "none";
  await pass(node, 60_000);
  deepEqual(keysOf(node), []);
});

async function audited(node: Node): Promise<AuditView> {
  const { audits } = must(node.node.broker, "the broker");
  equal(audits.begin().state, "running");
  while (audits.last?.state === "running") await pass(node, 100);
  return must(audits.last, "an audit");
}

test("an audit: what is there and named, what waits, what is missing, what is of others", async () => {
  const node = await withUploads(90);
  const { clusterId, controller } = node.broker();
  await pass(node, 5_000);
  node.broker().collector.ask();
  await pass(node, 60_000);
  const all = await audited(node);
  equal(all.state, "done");
  deepEqual([all.report.live.objects, all.report.dead, all.report.missing.objects], [91, { objects: 0, bytes: 0 }, 0]);
  const storedBytes = keysOf(node).reduce((sum, key) => sum + (node.node.bucket.object(key)?.bytes.byteLength ?? 0), 0);
  equal(all.report.live.bytes, storedBytes);
  const records = keysOf(node).filter((key) => key.endsWith(".records"));
  for (const key of [records[3], records[88]]) node.node.bucket.remove(must(key, "a key"));
  const brokerEpoch = must(controller.state.brokers.get(NODE_ID), "the broker's state").epoch;
  const orphan = { broker: NODE_ID, brokerEpoch: brokerEpoch - 1, sequence: 9, random: "0123456789abcdef" };
  node.node.bucket.overwrite(objectKey(clusterId, orphan, "records"), new Uint8Array(7));
  node.node.bucket.overwrite("elsewhere/1", new Uint8Array(5));
  node.node.bucket.overwrite(`${clusterId}/meta/log/0000000000000001`, new Uint8Array(5));
  node.node.bucket.overwrite(CLUSTER_KEY, new Uint8Array(5));
  const { report } = await audited(node);
  deepEqual(report.missing.keys, [records[3], records[88]]);
  deepEqual([report.live.objects, report.missing.objects, report.dead], [89, 2, { objects: 1, bytes: 7 }]);
  equal(report.metadata, 2);
  deepEqual(report.others, { objects: 1, keys: ["elsewhere/1"] });
});

test("an audit beside uploads, deletions and a LIST that is stale finds nothing missing", async () => {
  const node = await withUploads(40);
  node.node.bucket.faults.listStaleMs = 60_000;
  node.broker().audits.begin();
  await upload(node, 40, 40);
  const { identity, leaderEpoch } = node.partition();
  await node.world.settle(node.broker().controller.raiseLogStart(identity.id, leaderEpoch, 300, 300));
  while (node.broker().audits.last?.state === "running") await pass(node, 100);
  equal(node.broker().audits.last?.state, "done");
  equal(node.broker().audits.last?.report.missing.objects, 0);
});

test("an audit of a bucket that does not answer fails and says why", async () => {
  const node = await withUploads(1);
  node.node.bucket.faults.outage = "fails";
  const { state, error } = await audited(node);
  equal(state, "failed");
  match(error ?? "", /simulated outage/);
});
