import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { createTopicsRequest } from "@tidemq/protocol/messages/19-create-topics.ts";
import { commitOffsets, joinGroup } from "./group-cases.ts";
import { consumeInGroup } from "./group-fetch.ts";
import { libraryFolder } from "./kafka-server.ts";
import { cpuSeconds, untilQuiet } from "./process-cost.ts";
import type { RawResult, RawTask } from "./raw-client.ts";
import { RawConnection } from "./raw-connection.ts";
import { produceError, produceFrame } from "./raw-requests.ts";
import type { Figures, Target } from "./target.ts";

/** A figure to compare: better when smaller or when larger, and the ratio TideMQ / Kafka that is aimed at in each mode. */
export type Goal = Readonly<{ figure: string; better: "less" | "more"; unsynced?: number; synced?: number }>;

export type Case = Readonly<{
  name: string;
  about: string;
  goals: readonly Goal[];
  alsoShown?: readonly string[];
  /** Kafka's own tools are the client. */
  needsKafka?: boolean;
  run(target: Target, topic: string): Promise<Figures>;
}>;

export const PARTITIONS = 6;
const FIRST_RECORD_MS_MAX = 10_000;
const HERE = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

const RAW = { partitions: PARTITIONS, connections: PARTITIONS, inFlight: 5, records: 255, recordBytes: 1024, mib: 0, seconds: 0, rate: 0 };

export type RawTaskOfCase = Partial<RawTask> & Pick<RawTask, "kind" | "topic">;

/** Runs the raw client as a process of its own. */
export async function runRaw(target: Target, task: RawTaskOfCase): Promise<RawResult> {
  const full = { ...RAW, host: target.host, port: target.port, ...task };
  const { stdout } = await run(process.execPath, [join(HERE, "raw-client.ts"), JSON.stringify(full)]);
  return JSON.parse(stdout) as RawResult;
}

/** The same, with what it cost the broker until it was quiet again: uploads and the like run behind. */
export async function raw(target: Target, task: RawTaskOfCase): Promise<Figures> {
  const before = cpuSeconds(target.processId);
  const result = await runRaw(target, task);
  await untilQuiet(target.processId);
  const cpu = cpuSeconds(target.processId) - before;
  return {
    "MiB/s": result.mib / result.seconds,
    "broker CPU s/GiB": cpu / (result.mib / 1024),
    "requests/s": result.requests / result.seconds,
    "broker CPU µs/request": (cpu / result.requests) * 1e6,
    "p50 ms": result.p50Ms,
    "p99 ms": result.p99Ms,
    "p99.9 ms": result.p999Ms,
    ...(result.refused > 0 ? { refused: result.refused } : {}),
  };
}

async function javaProduce(target: Target, topic: string): Promise<Figures> {
  const records = 512 * 1024;
  const before = cpuSeconds(target.processId);
  const flags = ["-Xmx512m", "-cp", join(libraryFolder(), "*"), "org.apache.kafka.tools.ProducerPerformance"];
  const settings = [`bootstrap.servers=${target.host}:${target.port}`, "acks=all", "linger.ms=5", "batch.size=262144"];
  const size = ["--num-records", `${records}`, "--record-size", "1024", "--throughput", "-1"];
  const { stdout } = await run("java", [...flags, "--topic", topic, ...size, "--producer-props", ...settings], { maxBuffer: 1 << 24 });
  const rates = [...stdout.matchAll(/([\d.]+) MB\/sec/g)];
  await untilQuiet(target.processId);
  const cpu = cpuSeconds(target.processId) - before;
  return { "MiB/s": Number(rates.at(-1)?.[1]), "broker CPU s/GiB": cpu / (records / 1024 / 1024) };
}

export const CASES: readonly Case[] = [
  {
    name: "produce, raw client",
    about: "batches of 255 × 1 KiB, 6 connections × 5 in flight, acks=all",
    goals: [
      { figure: "broker CPU s/GiB", better: "less", unsynced: 0.35, synced: 0.3 },
      { figure: "MiB/s", better: "more", unsynced: 2, synced: 2 },
    ],
    run: (target, topic) => raw(target, { kind: "produce", topic, mib: 1024 }),
  },
  {
    name: "fetch of what was just written, raw client",
    about: "1 MiB a request, one partition each, 6 connections",
    goals: [
      { figure: "broker CPU s/GiB", better: "less", unsynced: 0.5 },
      { figure: "MiB/s", better: "more", unsynced: 1.4 },
    ],
    run: async (target, topic) => {
      await raw(target, { kind: "produce", topic: `${topic}-hot`, mib: 128 });
      const before = cpuSeconds(target.processId);
      let mib = 0;
      let seconds = 0;
      for (let pass = 0; pass < 8; pass++) {
        const result = await runRaw(target, { kind: "fetch", topic: `${topic}-hot`, mib: 128 });
        mib += result.mib;
        seconds += result.seconds;
      }
      await untilQuiet(target.processId);
      return { "MiB/s": mib / seconds, "broker CPU s/GiB": (cpuSeconds(target.processId) - before) / (mib / 1024) };
    },
  },
  {
    name: "one record of 100 B a request, 1 connection × 5",
    about: "requests per second",
    goals: [{ figure: "requests/s", better: "more", unsynced: 1.5, synced: 3 }],
    alsoShown: ["broker CPU µs/request"],
    run: (target, topic) => raw(target, { kind: "produce", topic, connections: 1, records: 1, recordBytes: 100, seconds: 3 }),
  },
  {
    name: "one record of 100 B a request, 32 connections × 5",
    about: "requests per second",
    goals: [{ figure: "requests/s", better: "more", unsynced: 1.5, synced: 6 }],
    alsoShown: ["broker CPU µs/request"],
    run: (target, topic) => raw(target, { kind: "produce", topic, connections: 32, records: 1, recordBytes: 100, seconds: 3 }),
  },
  {
    name: "latency at 20 MB/s",
    about: "20 KiB each millisecond, open loop, acks=all",
    goals: [{ figure: "p99 ms", better: "less", unsynced: 0.6, synced: 0.3 }],
    alsoShown: ["p50 ms", "p99.9 ms"],
    run: (target, topic) => raw(target, { kind: "latency", topic, connections: 1, records: 20, recordBytes: 1024, rate: 1000, seconds: 6 }),
  },
  {
    name: "produce, Java client",
    about: "1 KiB records, linger 5 ms, batches of 256 KiB, acks=all",
    goals: [{ figure: "MiB/s", better: "more", unsynced: 1.4, synced: 1.8 }],
    alsoShown: ["broker CPU s/GiB"],
    needsKafka: true,
    run: javaProduce,
  },
  {
    name: "consume through a group, Java client",
    about: "the newest 512 MiB by one member of a new group, from the assignment on",
    goals: [
      { figure: "MiB/s", better: "more", unsynced: 1 },
      { figure: "broker CPU s/GiB", better: "less", unsynced: 0.5 },
    ],
    needsKafka: true,
    run: async (target, topic) => {
      await raw(target, { kind: "produce", topic: `${topic}-hot`, mib: 512 });
      return consumeInGroup(target, `${topic}-hot`, 512 * 1024);
    },
  },
  {
    name: "offset commits, 32 groups × 5 in flight",
    about: "one offset a request, by consumers that are in no group",
    goals: [{ figure: "commits/s", better: "more", unsynced: 1, synced: 1 }],
    alsoShown: ["broker CPU µs/commit"],
    run: commitOffsets,
  },
  {
    name: "100 members join a group",
    about: "classic protocol; until each has its assignment",
    goals: [{ figure: "join of 100 ms", better: "less", unsynced: 1, synced: 1 }],
    run: joinGroup,
  },
];

/** Creates the topic and the one that the fetch case writes. */
export async function createTopics(target: Target, topic: string, partitions = PARTITIONS): Promise<void> {
  const connection = await RawConnection.open(target.host, target.port);
  const writer = new ByteWriter(1024);
  const topics = [topic, `${topic}-hot`].map((name) => ({
    name,
    numPartitions: partitions,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }));
  encodeRequestFrame(createTopicsRequest, 4, 1, "bench", { topics, timeoutMs: 30_000 }, writer);
  await connection.ask(writer.finish());
  connection.close();
}

/** A topic and one acknowledged record in it. A server may need a moment until the topic has its leader. */
export async function produceFirstRecord(target: Target): Promise<void> {
  await createTopics(target, "first", 1);
  const connection = await RawConnection.open(target.host, target.port);
  const frame = produceFrame("first", 0, 1, 100, -1);
  const giveUpAtMs = performance.now() + FIRST_RECORD_MS_MAX;
  for (;;) {
    const error = produceError(await connection.ask(frame));
    if (error === 0) break;
    if (performance.now() > giveUpAtMs) throw new Error(`the first record was refused with ${error}`);
    await sleep(1);
  }
  connection.close();
}
