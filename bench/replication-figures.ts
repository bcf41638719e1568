import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { must } from "@tidemq/server/base/assert.ts";
import { PARTITIONS, runRaw } from "./cases.ts";
import { ClusterProcesses } from "./cluster-processes.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { cpuSeconds, untilQuiet } from "./process-cost.ts";
import type { Row } from "./report.ts";
import type { Figures, Mode } from "./target.ts";

const REPLICAS = 3;
const BROKERS = [1, 2, 3] as const;
const PRODUCE_MIB = 1_024;
const LATENCY_SECONDS = 10;
/** 5 MB/s in requests of 20 records of 1 KiB each. */
const LATENCY_REQUEST = { records: 20, recordBytes: 1_024, rate: 244 };
const WARM_UP_MIB = 256;
const SETTLE_MS = 3_000;
/** Still watched behind what happens. */
const BEHIND_MS = 500;
const POLL_MS = 100;
/** Both sides' producers look for a leader as often. */
const BACK_OFF = { firstMs: 20, longestMs: 100 };
const DELIVERY_MS_MAX = 120_000;

type Address = Readonly<{ host: string; port: number }>;

/** Figures that are aimed at; `limit`: of ours alone. */
export const REPLICATION_GOALS: Readonly<Record<string, Row["goal"]>> = {
  "MiB/s": { better: "more", ratio: 1.5 },
  "all brokers CPU s/GiB": { better: "less", ratio: 0.5 },
  "leader killed → acknowledged, ms": { better: "less", limit: 3_000 },
  "leader stopped: longest pause, ms": { better: "less", limit: 300 },
  "all killed, the last is up → acknowledged, ms": { better: "less", limit: 5_000 },
};

/** Three brokers, whichever they are. */
export type Trio = Readonly<{
  start(): Promise<unknown>;
  startOne(id: number): Promise<unknown>;
  /** By `kill -9`. */
  kill(id: number): Promise<unknown>;
  /** In order. */
  end(id: number): Promise<unknown>;
  stop(): Promise<unknown>;
  at(id: number): Address;
  /** Brokers, and controllers where they are processes of their own. */
  processIds(): readonly number[];
}>;

export function tideTrio(mode: Mode): Trio {
  const cluster = new ClusterProcesses({
    bucket: (folder) => ({ flags: ["--object-storage", `dir:${folder}/bucket`], environment: { TIDEMQ_TEST_REPLICATION_FACTOR_MAX: "3" } }),
    brokerFlags: ["--sync", mode === "synced" ? "on" : "off", "--wal-capacity", "1GiB"],
  });
  const process = (id: number): ReturnType<ClusterProcesses["process"]> => cluster.process("broker", id);
  return {
    start: () => cluster.start(),
    startOne: (id) => cluster.startOne("broker", id),
    kill: (id) => process(id).kill(),
    end: (id) => process(id).stop(),
    stop: () => cluster.stop(),
    at: (id) => cluster.at(id),
    processIds: () =>
      [...BROKERS.map(process), ...[101, 102, 103].map((id) => cluster.process("controller", id))].map((one) => one.processId),
  };
}

export function kafkaTrio(mode: Mode): Trio {
  const cluster = new KafkaCluster(mode === "synced");
  return {
    start: () => cluster.start(),
    startOne: (id) => cluster.startOne(id),
    kill: (id) => cluster.kill(id),
    end: (id) => cluster.end(id),
    stop: () => cluster.stop(),
    at: (id) => cluster.at(id),
    processIds: () => cluster.processIds,
  };
}

/** Every measurement of one side, by itself: new brokers, warmed up first. */
export async function replicationFigures(trio: Trio): Promise<Figures> {
  try {
    await trio.start();
    return await figures(trio);
  } finally {
    await trio.stop();
  }
}

async function figures(trio: Trio): Promise<Figures> {
  const client = openClient({ bootstrap: BROKERS.map((id) => trio.at(id)), operationTimeoutMs: DELIVERY_MS_MAX, backOff: BACK_OFF });
  try {
    await produce(trio, client, "warm-up", WARM_UP_MIB);
    const produced = await produce(trio, client, "produce", PRODUCE_MIB);
    const latency = await produceAtRate(trio, client, "rate");
    const deaths = await leaderDies(trio, client, "death");
    return { ...produced, ...latency, ...deaths };
  } finally {
    client.abort();
  }
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
  const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: DELIVERY_MS_MAX, brokerTimeoutMs: 10_000 });
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

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await act();
  return performance.now() - startMs;
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

/** Until everybody is in sync. */
async function whole(client: Client, name: string): Promise<Awaited<ReturnType<Client["admin"]["describeTopic"]>>> {
  const giveUpAtMs = performance.now() + DELIVERY_MS_MAX;
  for (;;) {
    const topic = await client.admin.describeTopic(name);
    if (topic.partitions.every(({ inSync, leader }) => inSync.length === REPLICAS && leader >= 0)) return topic;
    if (performance.now() > giveUpAtMs) throw new Error(`not everybody is in sync: ${JSON.stringify(topic.partitions)}`);
    await sleep(POLL_MS);
  }
}

function cpu(trio: Trio): number {
  return trio.processIds().reduce((sum, id) => sum + cpuSeconds(id), 0);
}

/** Three that idle have more to do than one. */
async function quiet(trio: Trio): Promise<void> {
  await sleep(SETTLE_MS);
  await Promise.all(trio.processIds().map((id) => untilQuiet(id)));
}
