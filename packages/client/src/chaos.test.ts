// Goal: whatever brokers and connections do, an idempotent producer stores each record once, in order, at the offset
// that it reports; and a consumer reads exactly that. Method: a scripted cluster of two brokers that share perfect
// logs (and judge sequence numbers as Kafka does) misbehaves by chance for ten virtual seconds, then heals.
// `SEED=<n> node --test packages/client/src/chaos.test.ts` replays one run; `SEEDS=<from>-<to>` tries others.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { decodeRecords } from "@tidemq/protocol/record.ts";
import type { Message, MessageInput } from "@tidemq/protocol/schema.ts";
import { API } from "./apis.ts";
import type { Client } from "./client.ts";
import type { ClientError } from "./errors.ts";
import type { Delivery } from "./producer-batch.ts";
import { scene } from "./testing/scripted-client.ts";
import type { Fate, ScriptedCluster, ScriptedRequest } from "./testing/scripted-cluster.ts";
import type { ScriptedLog } from "./testing/scripted-log.ts";
import type { VirtualWorld } from "./testing/virtual-world.ts";

const [FROM = 1, TO = 30] = (process.env["SEED"] ?? process.env["SEEDS"] ?? "1-30").split("-").map(Number);
const SEEDS = Array.from({ length: (process.env["SEED"] === undefined ? TO : FROM) - FROM + 1 }, (_, i) => FROM + i);
const CHAOS_MS = 10_000;
const PARTITIONS = 3;
const RECORDS = 240;
const OPTIONS = {
  requestTimeoutMs: 400,
  connectTimeoutMs: 200,
  operationTimeoutMs: 600_000,
  bootstrapTimeoutMs: 600_000,
  backOff: { firstMs: 10, longestMs: 200 },
};

for (const seed of SEEDS) {
  test(`each record is stored once, in order, and read so (seed ${seed})`, async () => {
    const { world, cluster, client } = scene(OPTIONS, [1, 2], seed);
    const logs = cluster.createTopic("t", PARTITIONS);
    misbehave(world, cluster, logs, seed);
    const read = consumeAll(world, client);
    const producer = client.producer({
      lingerMs: world.uint32() % 8,
      inFlightMax: 1 + (world.uint32() % 5),
      batchBytesMax: 200,
      deliveryTimeoutMs: 600_000,
    });
    const sends: { partition: number; value: string; delivery: Promise<Delivery> }[] = [];
    for (let i = 0; i < RECORDS; i += 1) {
      const partition = world.uint32() % PARTITIONS;
      sends.push({ partition, value: `${i}`, delivery: producer.send({ topic: "t", partition, value: `${i}` }) });
      if (world.chance(0.6)) await world.pass(world.uint32() % 80);
    }
    const deliveries = await world.run(Promise.all(sends.map(({ delivery }) => delivery)));
    const byPartition = await world.run(read);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const sent = sends.filter((one) => one.partition === partition).map(({ value }) => value);
      const stored = valuesOf(logs[partition]);
      deepEqual(stored, sent, `partition ${partition} holds what was sent, once, in order`);
      deepEqual(byPartition[partition], sent, `partition ${partition} was read as it is`);
    }
    sends.forEach(({ partition, value }, i) => {
      const offset = deliveries[i]?.offset ?? -1;
      equal(valuesOf(logs[partition])[offset], value, `offset ${offset} was reported for ${value}`);
    });
    client.abort();
  });
}

for (const forgets of [false, true]) {
  // A broker that has forgotten a producer takes whatever batch comes first, so only the end can be told then.
  const what = forgets ? "forget producers do not stop one" : "lose records do not stop a producer, nor change its order";
  test(`brokers that ${what}`, async () => {
    for (const seed of SEEDS.slice(0, 15)) await lossyRun(seed, forgets);
  });
}

async function lossyRun(seed: number, forgets: boolean): Promise<void> {
  const { world, cluster, client } = scene(OPTIONS, [1, 2], seed);
  const logs = cluster.createTopic("t", 1);
  const log = logs[0] as ScriptedLog;
  misbehave(world, cluster, logs, seed);
  const producer = client.producer({ lingerMs: 1, batchBytesMax: 200, deliveryTimeoutMs: 600_000 });
  const sends: Promise<Delivery>[] = [];
  for (let i = 0; i < RECORDS; i += 1) {
    sends.push(producer.send({ topic: "t", value: `${i}` }));
    if (world.chance(0.6)) await world.pass(world.uint32() % 80);
    if (world.chance(0.03)) log.loseNewest(1 + (world.uint32() % 3));
    if (forgets && world.chance(0.03)) log.forgetProducers();
  }
  await world.run(Promise.all(sends));
  const stored = valuesOf(log).map(Number);
  ok(stored.includes(RECORDS - 1));
  const firsts = stored.filter((value, i) => stored.indexOf(value) === i);
  if (!forgets)
    deepEqual(
      firsts,
      [...firsts].sort((a, b) => a - b),
      `order of seed ${seed}`,
    );
  client.abort();
}

function valuesOf(log: ScriptedLog | undefined): string[] {
  return (log?.batches ?? []).flatMap((batch) => decodeRecords(batch, 0, 1e9).map((record) => Buffer.from(record.value ?? []).toString()));
}

/** Lost and late answers, lost connections, refusals, moving leaders, dying brokers. */
function misbehave(world: VirtualWorld, cluster: ScriptedCluster, logs: readonly ScriptedLog[], seed: number): void {
  cluster.fetchWaitMsMax = 50;
  const rate = 0.03 + (seed % 5) * 0.04;
  cluster.script = (request) => (world.monotonicMs() < CHAOS_MS ? fateOf(world, request, rate) : "answer");
  const disturb = (): void => {
    if (world.monotonicMs() > CHAOS_MS) {
      for (const nodeId of [1, 2]) if (cluster.bootstrap.length < 2) cluster.start(nodeId);
      return;
    }
    const log = logs[world.uint32() % logs.length] as ScriptedLog;
    log.leader = 1 + (world.uint32() % 2);
    log.leaderEpoch += 1;
    if (world.chance(0.2) && cluster.bootstrap.length === 2) {
      const victim = 1 + (world.uint32() % 2);
      cluster.stop(victim);
      world.after(world.uint32() % 500, () => cluster.start(victim));
    }
    world.after(50 + (world.uint32() % 1_000), disturb);
  };
  world.after(100, disturb);
}

function fateOf(world: VirtualWorld, request: ScriptedRequest, rate: number): Fate {
  if (!world.chance(rate)) return world.chance(0.3) ? world.uint32() % 30 : "answer";
  const kind = world.uint32() % 5;
  if (kind === 0) return "close";
  if (kind === 1) return "close-after";
  if (kind === 2) return "ignore";
  if (kind === 3) return world.uint32() % 600;
  return request.api.key === API.produce.key ? refuse(request) : "answer";
}

function refuse(request: ScriptedRequest): Fate {
  const body = request.body as { topicData: readonly { name: string; topicId: string; partitionData: readonly { index: number }[] }[] };
  const responses = body.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, baseOffset: -1 })),
  }));
  return { answer: { responses, throttleTimeMs: 0 } as unknown as MessageInput<Message> };
}

/** Reads until every record is there. */
async function consumeAll(world: VirtualWorld, client: Client): Promise<string[][]> {
  const consumer = client.consumer({ waitMsMax: 50 });
  const read: string[][] = Array.from({ length: PARTITIONS }, () => []);
  consumer.assign(read.map((_, partition) => ({ topic: "t", partition, from: "earliest" as const })));
  let count = 0;
  while (count < RECORDS) {
    const batch = await consumer.next().catch((error: ClientError) => {
      throw new Error(`at ${world.monotonicMs()} ms: ${error.code} ${error.message}`);
    });
    if (batch === undefined) break;
    for (const record of batch.records()) {
      read[batch.partition]?.push(Buffer.from(record.value ?? []).toString());
      count += 1;
    }
  }
  consumer.close();
  return read;
}
