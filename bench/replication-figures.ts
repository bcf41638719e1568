import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import { must } from "@tidemq/server/base/assert.ts";
import { PARTITIONS, runRaw } from "./cases.ts";
import type { Row } from "./report.ts";
import type { Figures } from "./target.ts";
import { type Address, BROKERS, cpu, quiet, type Trio, timed, WAIT_MS_MAX, whole } from "./trio.ts";

const REPLICAS = 3;
const PRODUCE_MIB = 1_024;
const LATENCY_SECONDS = 10;
/** 5 MB/s in requests of 20 records of 1 KiB each. */
const LATENCY_REQUEST = { records: 20, recordBytes: 1_024, rate: 244 };
const WARM_UP_MIB = 256;
/** Still watched behind what happens. */
const BEHIND_MS = 500;

/** Figures that are aimed at; `limit`: of ours alone. */
export const REPLICATION_GOALS: Readonly<Record<string, Row["goal"]>> = {
  "MiB/s": { better: "more", ratio: 1.5 },
  "all brokers CPU s/GiB": { better: "less", ratio: 0.5 },
  "leader killed → acknowledged, ms": { better: "less", limit: 3_000 },
  "leader stopped: longest pause, ms": { better: "less", limit: 300 },
  "all killed, the last is up → acknowledged, ms": { better: "less", limit: 5_000 },
};

/** Throughput, latency, and how long nothing is acknowledged when brokers go. */
export async function replicationFigures(trio: Trio, client: Client): Promise<Figures> {
  await produce(trio, client, "warm-up", WARM_UP_MIB);
  const produced = await produce(trio, client, "produce", PRODUCE_MIB);
  const latency = await produceAtRate(trio, client, "rate");
  const deaths = await leaderDies(trio, client, "death");
  return { ...produced, ...latency, ...deaths };
}

async function produce(trio: Trio, client: Client, topic: string, mib: number): Promise<Figures> {
  const leaders = await newTopic(trio, client, topic);
  await quiet(trio);
  const before = cpu(trio);
  const result = await runRaw({ ...must(leaders[0], "a leader"), processId: 0 }, { kind: "produce", topic, mib, leaders });
  await quiet(trio);
  return { "MiB/s": result.mib / result.seconds, "all brokers CPU s/GiB": (cpu(trio) - before) / (result.mib / 1024) };
}

async function produceAtRate(trio: Trio, client: Client, topic: string): Promise<Figures> {
  const leaders = await newTopic(trio, client, topic, 1);
  const at = { ...must(leaders[0], "a leader"), processId: 0 };
  const result = await runRaw(at, { kind: "latency", topic, partitions: 1, seconds: LATENCY_SECONDS, ...LATENCY_REQUEST });
  return { "at 5 MB/s: p50 ms": result.p50Ms, "at 5 MB/s: p99 ms": result.p99Ms };
}

/** How long nothing is acknowledged: when a leader is killed, when one is stopped, when all die. */
async function leaderDies(trio: Trio, client: Client, topic: string): Promise<Figures> {
  await newTopic(trio, client, topic, 1);
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: WAIT_MS_MAX, brokerTimeoutMs: 10_000 });
  const send = (): Promise<unknown> => producer.send({ topic, partition: 0, value: Buffer.from("x") });
  await send();
  const killed = await leaderOf(client, topic);
  const killedMs = await timed(() => Promise.all([trio.kill(killed), send()]));
  await trio.startOne(killed);
  await whole(client, topic);
  const stopped = await leaderOf(client, topic);
  const pauses = await longestPause(send, () => trio.end(stopped));
  await trio.startOne(stopped);
  await whole(client, topic);
  await Promise.all(BROKERS.map((id) => trio.kill(id)));
  await Promise.all(BROKERS.map((id) => trio.startOne(id)));
  const allMs = await timed(send);
  await whole(client, topic);
  await producer.close();
  return {
    "leader killed → acknowledged, ms": killedMs,
    "leader stopped: longest pause, ms": pauses,
    "all killed, the last is up → acknowledged, ms": allMs,
  };
}

/** One record after the other while it happens. */
async function longestPause(send: () => Promise<unknown>, happen: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  let longest = 0;
  const happened = happen()
    .then(() => sleep(BEHIND_MS))
    .then(() => (isOver = true));
  while (!isOver) longest = Math.max(longest, await timed(send));
  await happened;
  return longest;
}

/** @returns Who leads each partition. */
async function newTopic(trio: Trio, client: Client, name: string, partitions = PARTITIONS): Promise<Address[]> {
  await client.admin.createTopic({ name, partitions, replicationFactor: REPLICAS });
  const topic = await whole(client, name);
  return topic.partitions.map(({ leader }) => trio.at(leader));
}

async function leaderOf(client: Client, topic: string): Promise<number> {
  return must((await client.admin.describeTopic(topic)).partitions[0], "a partition").leader;
}
