import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { ClusterProcesses } from "./cluster-processes.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { cpuSeconds, untilQuiet } from "./process-cost.ts";
import type { Figures, Mode } from "./target.ts";

export const BROKERS = [1, 2, 3] as const;
export const CONTROLLERS = [101, 102, 103] as const;

const SETTLE_MS = 3_000;
const POLL_MS = 100;
/** Both sides' producers look for a leader as often. */
const BACK_OFF = { firstMs: 20, longestMs: 100 };
/** Nothing that is measured takes longer. */
export const WAIT_MS_MAX = 120_000;

export type Address = Readonly<{ host: string; port: number }>;
export type Topic = Awaited<ReturnType<Client["admin"]["describeTopic"]>>;

/** Three brokers, whichever they are. */
export type Trio = Readonly<{
  start(): Promise<unknown>;
  startOne(id: number): Promise<unknown>;
  /** By `kill -9`. */
  kill(id: number): Promise<unknown>;
  /** What one that does not run had on its disk is gone. */
  wipe(id: number): void;
  /** In order. */
  end(id: number): Promise<unknown>;
  stop(): Promise<unknown>;
  at(id: number): Address;
  /** Brokers, and controllers where they are processes of their own. */
  processIds(): readonly number[];
  /** The controller that leads dies by `kill -9`, and no broker with it; undefined where that cannot be. @returns What starts it again. */
  killController: (() => Promise<() => Promise<unknown>>) | undefined;
}>;

export function tideTrio(mode: Mode): Trio {
  const cluster = new ClusterProcesses({
    bucket: (folder) => ({ flags: ["--object-storage", `dir:${folder}/bucket`], environment: {} }),
    brokerFlags: ["--sync", mode === "synced" ? "on" : "off", "--wal-capacity", "1GiB"],
  });
  const process = (id: number): ReturnType<ClusterProcesses["process"]> => cluster.process("broker", id);
  return {
    start: () => cluster.start(),
    startOne: (id) => cluster.startOne("broker", id),
    kill: (id) => process(id).kill(),
    wipe: (id) => rmSync(join(cluster.folder, `broker-${id}`, "data"), { recursive: true }),
    end: (id) => process(id).stop(),
    stop: () => cluster.stop(),
    at: (id) => cluster.at(id),
    processIds: () => [...BROKERS.map(process), ...CONTROLLERS.map((id) => cluster.process("controller", id))].map((one) => one.processId),
    killController: async () => {
      const leader = await cluster.leader();
      await cluster.process("controller", leader).kill();
      return () => cluster.startOne("controller", leader);
    },
  };
}

export function kafkaTrio(mode: Mode): Trio {
  const cluster = new KafkaCluster(mode === "synced");
  return {
    start: () => cluster.start(),
    startOne: (id) => cluster.startOne(id),
    kill: (id) => cluster.kill(id),
    wipe: (id) => cluster.wipe(id),
    end: (id) => cluster.end(id),
    stop: () => cluster.stop(),
    at: (id) => cluster.at(id),
    processIds: () => cluster.processIds,
    killController: undefined,
  };
}

/** What is measured on three new brokers, which are gone when that is done. */
export async function onTrio(trio: Trio, measure: (trio: Trio, client: Client) => Promise<Figures>): Promise<Figures> {
  let client: Client | undefined;
  try {
    await trio.start();
    client = openClient({ bootstrap: BROKERS.map((id) => trio.at(id)), operationTimeoutMs: WAIT_MS_MAX, backOff: BACK_OFF });
    return await measure(trio, client);
  } finally {
    client?.abort();
    await trio.stop();
  }
}

/** Until so many are in sync everywhere. */
export function whole(client: Client, name: string, replicas: number = BROKERS.length): Promise<Topic> {
  return untilTopic(client, name, ({ partitions }) => partitions.every(({ inSync, leader }) => inSync.length === replicas && leader >= 0));
}

/** Until it is so. */
export async function untilTopic(client: Client, name: string, isSo: (topic: Topic) => boolean): Promise<Topic> {
  const giveUpAtMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const topic = await client.admin.describeTopic(name);
    if (isSo(topic)) return topic;
    if (performance.now() > giveUpAtMs) throw new Error(`nothing becomes of ${name}: ${JSON.stringify(topic.partitions.slice(0, 5))}`);
    await sleep(POLL_MS);
  }
}

/** Milliseconds that it takes. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await act();
  return performance.now() - startMs;
}

/** CPU seconds of all processes. */
export function cpu(trio: Trio): number {
  return trio.processIds().reduce((sum, id) => sum + cpuSeconds(id), 0);
}

/** Three that idle have more to do than one. */
export async function quiet(trio: Trio): Promise<void> {
  await sleep(SETTLE_MS);
  await Promise.all(trio.processIds().map((id) => untilQuiet(id)));
}
