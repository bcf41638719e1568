import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import type { Producer } from "@tidemq/client/producer.ts";
import { must } from "@tidemq/server/base/assert.ts";
import type { Row } from "./report.ts";
import type { Figures } from "./target.ts";
import { BROKERS, cpu, quiet, type Trio, timed, untilTopic, WAIT_MS_MAX, whole } from "./trio.ts";

const PARTITIONS = 3_000;
const TOPIC = "many";
const IDLE_MS = 10_000;

export const PARTITION_GOALS: Readonly<Record<string, Row["goal"]>> = {
  "broker killed → all led, ms": { better: "less", limit: 5_000 },
  "broker killed → all acknowledge, ms": { better: "less", limit: 5_000 },
};

/** A cluster of 3,000 partitions with three replicas: made, idle, without one of its brokers, and started anew. */
export async function partitionFigures(trio: Trio, client: Client): Promise<Figures> {
  const createdMs = await timed(() => client.admin.createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: BROKERS.length }));
  await whole(client, TOPIC);
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: WAIT_MS_MAX, brokerTimeoutMs: 10_000 });
  const firstMs = await timed(() => oneEach(producer));
  const againMs = await timed(() => oneEach(producer));
  await quiet(trio);
  const idle = await idleCores(trio);
  const killed = await brokerDies(trio, client, producer);
  const started = await allAnew(trio, client, producer);
  await producer.close();
  return {
    "created and led, ms": createdMs,
    "first record of each, ms": firstMs,
    "another of each, ms": againMs,
    "idle, cores": idle,
    ...killed,
    ...started,
  };
}

/** One record into every partition, all at once. */
async function oneEach(producer: Producer): Promise<void> {
  const value = Buffer.from("x");
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => producer.send({ topic: TOPIC, partition, value })));
}

async function idleCores(trio: Trio): Promise<number> {
  const before = cpu(trio);
  const tookMs = await timed(() => sleep(IDLE_MS));
  return ((cpu(trio) - before) / tookMs) * 1_000;
}

/** The one that leads the first partition, by `kill -9`. */
async function brokerDies(trio: Trio, client: Client, producer: Producer): Promise<Figures> {
  const victim = must((await client.admin.describeTopic(TOPIC)).partitions[0], "a partition").leader;
  const ledElsewhere = (): Promise<unknown> =>
    untilTopic(client, TOPIC, ({ partitions }) => partitions.every(({ leader }) => leader >= 0 && leader !== victim));
  await trio.kill(victim);
  const [ledMs, acknowledgedMs] = await Promise.all([timed(ledElsewhere), timed(() => oneEach(producer))]);
  const upMs = await timed(() => trio.startOne(victim));
  const backMs = await timed(() => whole(client, TOPIC));
  return {
    "broker killed → all led, ms": ledMs,
    "broker killed → all acknowledge, ms": acknowledgedMs,
    "its start until it is ready, ms": upMs,
    "ready → in sync everywhere, ms": backMs,
  };
}

/** All are ended in order and started at the same time. */
async function allAnew(trio: Trio, client: Client, producer: Producer): Promise<Figures> {
  for (const id of BROKERS) await trio.end(id);
  const upMs = await timed(() => Promise.all(BROKERS.map((id) => trio.startOne(id))));
  const acknowledgedMs = await timed(() => oneEach(producer));
  const wholeMs = await timed(() => whole(client, TOPIC));
  return {
    "all stopped: start until all are ready, ms": upMs,
    "all are ready → all acknowledge, ms": acknowledgedMs,
    "then until all are in sync, ms": wholeMs,
  };
}
