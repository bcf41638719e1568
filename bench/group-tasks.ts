/**
 * The longest tasks of a broker's main loop while crowds of members do everything at once, by CPU time.
 *
 *   node bench/group-tasks.ts [classic] [consumer] [many] [restart] [patterns] [--members 1000] [--groups 1000] [--expiry]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import { createTopics } from "./cases.ts";
import { bystander, type Crowd, classicCrowd, consumerCrowd, manyGroups, patternCrowd } from "./group-crowds.ts";
import { ask, openAll } from "./group-requests.ts";
import type { Task, TaskReport } from "./longest-task.ts";
import type { RawConnection } from "./raw-connection.ts";
import { startTideMq, type TideMqServer } from "./tidemq-server.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    members: { type: "string", default: "1000" },
    groups: { type: "string", default: "1000" },
    expiry: { type: "boolean", default: false },
  },
});

const HERE = dirname(fileURLToPath(import.meta.url));
const SETTLE_MS = 3_000;
const BEAT_MS = 10;
const PATTERN_TOPICS = 10_000;
const PATTERN_MEMBERS = 20;
const CREATED_PER_REQUEST = 500;
const TOPIC = "crowded";
const folder = mkdtempSync(join(tmpdir(), "group-tasks-"));
const reports = join(folder, "tasks.json");

function start(): Promise<TideMqServer> {
  const preload = `--import=${join(HERE, "longest-task.ts")}`;
  const more = process.env["SERVER_OPTIONS"] ?? "";
  const environment = { NODE_OPTIONS: `${preload} ${more}`, LONGEST_TASK_FILE: reports };
  return startTideMq({ synced: false, folder, environment, flags: ["--wal-capacity", "1GiB"] });
}

/** What the broker found since the last time. */
async function report(): Promise<TaskReport> {
  rmSync(reports, { force: true });
  process.kill(server.processId, "SIGUSR2");
  for (;;) {
    try {
      return JSON.parse(readFileSync(reports, "utf8")) as TaskReport;
    } catch {
      await sleep(10);
    }
  }
}

async function step(name: string, run: () => Promise<unknown>): Promise<void> {
  await report();
  const startMs = performance.now();
  let isOver = false;
  const slowestMs = slowestBeat(() => isOver);
  await run();
  const tookMs = performance.now() - startMs;
  isOver = true;
  const beatMs = await slowestMs;
  const { longest, tasks, cpuMs } = await report();
  const tasksSaid = `${longest.slice(0, 4).map(said).join(", ")} | ${tasks} tasks`;
  const timeSaid = `${cpuMs.toFixed(0)} ms of CPU in ${tookMs.toFixed(0)} ms`;
  console.log(`${name}: ${tasksSaid}, ${timeSaid}, another group's heartbeat ${beatMs.toFixed(0)} ms`);
}

/** By the clock of the wall: other processes count. */
async function slowestBeat(isOver: () => boolean): Promise<number> {
  let slowestMs = 0;
  do {
    const startMs = performance.now();
    await other.beat();
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    await sleep(BEAT_MS);
  } while (!isOver());
  return slowestMs;
}

/** Everything that a crowd can do, twice: code that has not run yet is slower. */
async function runCrowd(name: string, crowd: Crowd): Promise<void> {
  for (const round of ["first", "again"]) for (const [what, run] of crowd.steps) await step(`${name}, ${round}: ${what}`, run);
  if (flags.expiry) for (const [what, run] of crowd.expiry) await step(`${name}: ${what}`, run);
}

/** From the first module on: what opens groups is what comes to it with members. */
async function restart(what: string): Promise<void> {
  await server.kill();
  server = await start();
  await sleep(SETTLE_MS);
  const { longest, tasks, cpuMs } = await report();
  console.log(
    `restart ${what}: ${longest.map(said).join(", ")} | ${tasks} tasks, ${cpuMs.toFixed(0)} ms of CPU, ready in ${server.startMs.toFixed(0)} ms`,
  );
}

async function createMany(count: number): Promise<void> {
  const [connection] = (await openAll(server, 1)) as [RawConnection];
  for (let from = 0; from < count; from += CREATED_PER_REQUEST) {
    const names = Array.from({ length: CREATED_PER_REQUEST }, (_, at) => `many-${from + at}`);
    const topics = names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }));
    await ask(connection, createTopicsRequest, createTopicsResponse, 4, { topics, timeoutMs: 30_000 });
  }
  connection.close();
}

function said({ cpuMs, gcMs, kind }: Task): string {
  return `${cpuMs.toFixed(1)}${gcMs > 0.1 ? ` (gc ${gcMs.toFixed(1)})` : ""} ${kind}`;
}

const members = Number(flags.members);
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
let server = await start();
const other = await bystander(server);
try {
  await createTopics(server, TOPIC, members);
  if (wanted("classic")) await runCrowd("classic", await classicCrowd(server, members));
  if (wanted("consumer")) await runCrowd("consumer", await consumerCrowd(server, members, TOPIC));
  if (wanted("many")) await runCrowd("groups", await manyGroups(server, Number(flags.groups)));
  if (positionals.includes("patterns")) {
    await createMany(PATTERN_TOPICS);
    await runCrowd("patterns", await patternCrowd(server, PATTERN_MEMBERS, "many"));
  }
  if (wanted("restart")) {
    await restart("without members");
    for (const crowd of [
      await classicCrowd(server, members),
      await consumerCrowd(server, members, TOPIC),
      await manyGroups(server, Number(flags.groups)),
    ])
      for (const [, run] of crowd.steps.slice(0, 2)) await run();
    await restart("with members");
  }
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
