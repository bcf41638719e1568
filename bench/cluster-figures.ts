import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tidemq/client/client.ts";
import { ClientError } from "@tidemq/client/errors.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { BUCKET } from "../test/object-stores/store-server.ts";
import { startVersitygw, WITHOUT_VERSITYGW } from "../test/object-stores/versitygw.ts";
import { type ClusterBucket, ClusterProcesses } from "./cluster-processes.ts";
import { residentMiB } from "./process-cost.ts";
import { median } from "./statistics.ts";
import type { Figures } from "./target.ts";

const SMALL_TOPICS = 30;
const LARGE_TOPICS = 3;
const LARGE_PARTITIONS = 1_000;
const AT_ONCE = 300;
const CHANGERS = 100;
const CHANGES_EACH = 10;
const FAIL_OVERS = 3;
const RESTARTS = 3;
const SETTLE_MS = 3_000;
const KIB_PER_MIB = 1_024;

/** What the control plane of a cluster of three takes, over a directory and over an S3 service of this machine. */
export async function clusterFigures(): Promise<Readonly<{ directory: Figures; s3: Figures }>> {
  const directory = await measure((folder) => ({ flags: ["--object-storage", `dir:${folder}/bucket`], environment: {} }));
  if (WITHOUT_VERSITYGW !== undefined) return { directory, s3: {} };
  const store = await startVersitygw();
  try {
    const flags = ["--object-storage", `s3://${BUCKET}`, "--s3-endpoint", store.endpoint];
    return { directory, s3: await measure(() => ({ flags, environment: { ...store.environment } })) };
  } finally {
    store.stop();
  }
}

async function measure(bucket: (folder: string) => ClusterBucket): Promise<Figures> {
  const cluster = new ClusterProcesses({ bucket });
  await cluster.start();
  const client = openClient({ bootstrap: [cluster.at(1)], operationTimeoutMs: 60_000 });
  try {
    await client.admin.createTopic({ name: "first", partitions: 3 });
    const small = await each(SMALL_TOPICS, (n) => client.admin.createTopic({ name: `small-${n}`, partitions: 1 }));
    const perSecond = await topicsPerSecond(client);
    const changes = await changesPerSecond(cluster);
    const registered = await each(RESTARTS, (n) => restart(cluster, n));
    const failOvers = await each(FAIL_OVERS, (n) => failOver(cluster, client, n));
    const before = residentOf(cluster);
    const large = await each(LARGE_TOPICS, (n) => client.admin.createTopic({ name: `large-${n}`, partitions: LARGE_PARTITIONS }));
    await sleep(SETTLE_MS);
    const kibPerPartition = ((residentOf(cluster) - before) * KIB_PER_MIB) / (LARGE_TOPICS * LARGE_PARTITIONS);
    return {
      "create a topic of 1 partition, ms": small,
      [`create a topic of ${LARGE_PARTITIONS} partitions, ms`]: large,
      [`topics created per second, ${AT_ONCE} at once`]: perSecond,
      [`changes of options per second, ${CHANGERS} clients`]: changes.perSecond,
      "changes that share a batch of the log": changes.perBatch,
      "broker: process start → serving, ms": registered,
      "controller killed → next change made, ms": failOvers,
      "resident memory per partition, all brokers and controllers, KiB": kibPerPartition,
    };
  } finally {
    await client.close();
    await cluster.stop();
  }
}

/** Median of so many, one after the other; the time that each took, unless it says another. */
async function each(times: number, act: (n: number) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const startMs = performance.now();
    const said = await act(n);
    took.push(typeof said === "number" ? said : performance.now() - startMs);
  }
  return median(took);
}

async function topicsPerSecond(client: Client): Promise<number> {
  const startMs = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => client.admin.createTopic({ name: `at-once-${n}`, partitions: 1 })));
  return AT_ONCE / ((performance.now() - startMs) / 1000);
}

/** Each client changes a topic of its own, one change after the other: what is asked for at the same time shares an append. */
async function changesPerSecond(cluster: ClusterProcesses): Promise<Readonly<{ perSecond: number; perBatch: number }>> {
  const clients = Array.from({ length: CHANGERS }, (_, n) =>
    openClient({ bootstrap: [cluster.at(1 + (n % 3))], operationTimeoutMs: 60_000 }),
  );
  const change = async (client: Client, n: number, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const value = `${1_000_000 + time}`;
      await client.admin.alterConfigs({ type: "topic", name: `at-once-${n}` }, [{ name: "retention.ms", operation: "set", value }]);
    }
  };
  try {
    await Promise.all(clients.map((client, n) => change(client, n, 1))); // all are connected
    const before = await indexOf(cluster);
    const startMs = performance.now();
    await Promise.all(clients.map((client, n) => change(client, n, CHANGES_EACH)));
    const seconds = (performance.now() - startMs) / 1000;
    const changes = CHANGERS * CHANGES_EACH;
    return { perSecond: changes / seconds, perBatch: changes / ((await indexOf(cluster)) - before) };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** Of the newest batch of the log. */
async function indexOf(cluster: ClusterProcesses): Promise<number> {
  const { controllers } = await cluster.view();
  return Math.max(...controllers.map(({ description }) => description?.index ?? 0));
}

async function restart(cluster: ClusterProcesses, n: number): Promise<number> {
  const id = (n % 2) + 2;
  await cluster.process("broker", id).kill();
  return cluster.startOne("broker", id);
}

/** Until a change is made that was asked for after the death. */
async function failOver(cluster: ClusterProcesses, client: Client, n: number): Promise<number> {
  const leader = await cluster.leader();
  const startMs = performance.now();
  await cluster.process("controller", leader).kill();
  // What was under way to the dead one is answered as unknown: asked again under another name.
  for (let attempt = 0; !(await isCreated(client, `fail-over-${n}-${attempt}`)); attempt += 1);
  const tookMs = performance.now() - startMs;
  await cluster.startOne("controller", leader);
  await sleep(SETTLE_MS);
  return tookMs;
}

async function isCreated(client: Client, name: string): Promise<boolean> {
  try {
    await client.admin.createTopic({ name, partitions: 1 });
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.kind === "retry") return false;
    throw error;
  }
}

function residentOf(cluster: ClusterProcesses): number {
  const brokers = [1, 2, 3].map((id) => cluster.process("broker", id));
  const controllers = [101, 102, 103].map((id) => cluster.process("controller", id));
  return [...brokers, ...controllers].reduce((sum, { processId }) => sum + residentMiB(processId), 0);
}
