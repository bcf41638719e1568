import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { deleteRecordsRequest, deleteRecordsResponse } from "@tidemq/protocol/messages/21-delete-records.ts";
import { objectKey } from "@tidemq/server/model/object-id.ts";
import { NODE_ID } from "@tidemq/server/process/control/local-control.ts";
import { readableRanges } from "@tidemq/server/testing/checkers/bucket-contents.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { LogStartWatch } from "../harness/log-start-watch.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

const DELETE_RECORDS = { key: 21, name: "DeleteRecords", request: deleteRecordsRequest, response: deleteRecordsResponse };
const CHECK_MS = 500;
const TIME = "topic-0";
const SIZE = "topic-1";
const ASKED = "topic-2";

/**
 * Records go by age, by size and because somebody asks, in logs with so many objects that a part of their history lies in
 * manifests, under crashes and a bucket that answers late, twice or wrongly. What is to be kept can be read; the rest leaves
 * the bucket.
 */
export const scenario: Scenario = {
  name: "retention",
  async run(sim) {
    sim.configure({ uploadBytes: 8 * 1024, uploadAgeMs: 100, retentionCheckMs: CHECK_MS });
    Object.assign(sim.node.bucket.faults, { putMs: [1, 8], nameMs: [1, 4], readMs: [1, 5] });
    sim.expires = true;
    const watch = new LogStartWatch(sim);
    await sim.start();
    const partitions = sim.random.between(1, 2);
    await sim.load.begin({
      topics: 3,
      partitions,
      producers: 2,
      plainProducers: 0,
      bytes: [200, 3_000],
      pauseMs: [0, 100],
      compression: "none",
    });
    const client = sim.load.client();
    const retentionMs = sim.random.pick([800, 2_500]);
    const retentionBytes = sim.random.pick([20, 200]) * 1024;
    await keep(sim, watch, TIME, retentionMs, -1);
    await keep(sim, watch, SIZE, -1, retentionBytes);
    await keep(sim, watch, ASKED, -1, -1);
    for (let rounds = sim.random.between(5, 12); rounds > 0; rounds--) await round(sim, watch, client);
    Object.assign(sim.node.bucket.faults, { unavailableRatio: 0, unknownRatio: 0, listStaleMs: 0, readMs: [1, 5] });
    await checkGone(sim, retentionMs, retentionBytes);
    for (const topic of [TIME, SIZE]) await keep(sim, watch, topic, -1, -1); // what is read last is not to go meanwhile
    watch.stop();
    if (watch.removes === 0) sim.fail("retention", "nothing was deleted");
    await sim.finish({ mayBeExpired: true });
  },
};

async function round(sim: Sim, watch: LogStartWatch, client: Client): Promise<void> {
  const { faults } = sim.node.bucket;
  await sim.rest(100, 600);
  faults.unavailableRatio = sim.random.pick([0, 0, 0.2]);
  faults.unknownRatio = sim.random.pick([0, 0, 0.2]);
  faults.unknownAfterMs = [10, 100];
  faults.lateMs = [10, 2_000];
  faults.readMs = sim.random.pick([
    [1, 5],
    [1, 5],
    [50, 300],
  ]);
  faults.listStaleMs = sim.random.pick([0, 3_000]);
  if (sim.random.chance(0.5)) await deleteRecords(sim, watch, client, sim.random.chance(0.5));
  if (sim.random.chance(0.3)) await withoutManifest(sim);
  if (!sim.random.chance(0.2)) return;
  const how = sim.random.pick(["kill", "power"] as const);
  sim.note(how);
  if (how === "kill") sim.node.kill();
  else sim.node.losePower();
  await sim.start();
}

/** One cannot be read for a while, in which somebody asks for a collection. */
async function withoutManifest(sim: Sim): Promise<void> {
  const { bucket } = sim.node;
  const manifests = [...sim.broker.controller.state.partitions.values()].flatMap(({ manifest }) => manifest ?? []);
  if (manifests.length === 0) return;
  const key = objectKey(sim.broker.clusterId, sim.random.pick(manifests).object, "manifest");
  const stored = bucket.object(key);
  if (stored === undefined) return;
  sim.note(`${key} is gone`);
  bucket.hide(key);
  sim.broker.collector.ask();
  await sim.sleep(2_500);
  bucket.overwrite(key, stored.bytes);
}

/** Both bounds at once, as one change. */
async function keep(sim: Sim, watch: LogStartWatch, topic: string, retentionMs: number, retentionBytes: number): Promise<void> {
  watch.keeps(topic, { retentionMs, retentionBytes });
  const values = { "retention.ms": retentionMs, "retention.bytes": retentionBytes };
  const operations = Object.entries(values).map(([name, value]) => ({ name, operation: "set" as const, value: String(value) }));
  await sim.broker.controller.alterTopicConfigs(topic, operations, false);
}

/** Some offset of the log, often its end. @param isRead While somebody reads the log from its start, slowly. */
async function deleteRecords(sim: Sim, watch: LogStartWatch, client: Client, isRead: boolean): Promise<void> {
  const partition = sim.random.between(0, sim.load.targets.length / 3 - 1);
  const numbers = sim.broker.partitions.byName(ASKED, partition);
  if (numbers === undefined) return;
  const offset = sim.random.chance(0.3) ? numbers.highWatermark : sim.random.between(numbers.logStart, numbers.highWatermark);
  if (isRead) {
    sim.node.bucket.faults.readMs = [50, 300];
    sim.load.addReader(`late-${sim.load.readers.length}`, "earliest", [{ topic: ASKED, partition }]);
    await sim.rest(20, 1_000);
  }
  watch.asksToDelete(ASKED, partition, offset);
  try {
    const body = { topics: [{ name: ASKED, partitions: [{ partitionIndex: partition, offset }] }], timeoutMs: 10_000 };
    const { topics } = await client.admin.request(DELETE_RECORDS, 2, body, NODE_ID);
    const answer = topics[0]?.partitions[0];
    check(answer?.errorCode !== 0 || answer.lowWatermark >= offset, "log-start", () => `below ${offset}: ${JSON.stringify(answer)}`);
  } catch (error) {
    if (!(error instanceof ClientError) || error.kind === "internal") throw error;
  }
}

/** When producers rest, all that is uploaded gets too old, and no more than one range above the size stays. */
async function checkGone(sim: Sim, retentionMs: number, retentionBytes: number): Promise<void> {
  for (const producer of sim.load.producers) producer.aim([{ topic: ASKED, partition: 0 }]);
  if (!sim.node.isUp) await sim.start();
  await sim.sleep(retentionMs + 4 * CHECK_MS + 3_000);
  const { state } = sim.broker.controller;
  for (const partition of state.partitions.values()) {
    const { id, topic, logStart, uploadedEnd } = partition;
    if (topic === TIME) check(logStart === uploadedEnd, "retention", () => `partition ${id}: [${logStart}, ${uploadedEnd}) is too old`);
    if (topic !== SIZE) continue;
    const [oldest, ...others] = readableRanges(state, sim.node.bucket, partition);
    const bytes = others.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
    const isRight = oldest === undefined || oldest.kind !== "data" || bytes < retentionBytes;
    check(isRight, "retention", () => `partition ${id}: ${bytes} bytes are left beside the oldest range`);
  }
}
