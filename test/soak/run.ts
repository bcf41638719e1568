/**
 * Hours of mixed load on the real process, with a bucket, within a bound of memory:
 *
 *   npm run soak -- [--minutes 120] [--bucket versitygw|folder] [--out FOLDER] [--write]
 *
 * `--out` keeps samples.csv and the server's log; `--write` makes docs/reference/soak.md and its charts anew.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openClient } from "@tidemq/client/real/open-client.ts";
import { until } from "../clients/group-scene.ts";
import { charts } from "./charts.ts";
import { JUDGED_MINUTES_MIN, judge, type Verdict } from "./flatness.ts";
import { CommitWatch, classicGroup, type Group, newProtocolGroup } from "./groups.ts";
import { Faults, Seen, Written } from "./ledger.ts";
import * as passersBy from "./passers-by.ts";
import { catchUp, tail } from "./readers.ts";
import { document, progress } from "./report.ts";
import { repeat, type Stage } from "./roles.ts";
import { csv, judgedSeries, type Sample, sample } from "./samples.ts";
import { type BucketKind, startWorld, type World } from "./world.ts";
import { KCAT_TOPIC, TOPICS, writeSteadily, writeWithKcat } from "./writers.ts";

const SAMPLE_MS = 10_000;
const PROGRESS_SAMPLES = 6;
/** A member of the new protocol that has just vanished keeps its partitions for 45 s. */
const DRAIN_MS_MAX = 60_000;
/** Resident: the memories of the log and of the cache are 80 MiB, an idle server 150 MiB. */
const RSS_MIB_MAX = 400;
/** Of the main thread, and of each other one. */
const HEAP_MIB_MAX = 96;
const ROOT = join(import.meta.dirname, "..", "..");

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "120" },
    bucket: { type: "string", default: "versitygw" },
    out: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const minutes = Number(flags.minutes);
const bucket = flags.bucket as BucketKind;
if (!(minutes > 0) || !["versitygw", "folder"].includes(bucket)) throw new Error("--minutes N, --bucket versitygw|folder");

const over = new AbortController();
const stage: Omit<Stage, "at"> = { faults: new Faults(), written: new Written(), produceMs: [], did: new Map(), over: over.signal };
const samples: Sample[] = [];
const tailSeen = new Seen();
const groups: readonly Group[] = [
  { id: "soak-new", topics: ["timed-lz4", "sized-none"], seen: new Seen() },
  { id: "soak-classic", topics: ["sized-gzip"], seen: new Seen() },
];

const world = await startWorld(bucket, HEAP_MIB_MAX);
const code = await play(world, { ...stage, at: world.server.kafka }).catch((error: unknown) => {
  stage.faults.add(`the run: ${String(error)}`);
  over.abort();
  return world.stop();
});
if (code !== 0) stage.faults.add(`the server ended with code ${code}`);
const verdicts = conclude();
process.exit(stage.faults.count === 0 && verdicts.every(({ isFlat }) => isFlat) ? 0 : 1);

/** @returns The server's exit code. */
async function play(of: World, on: Stage): Promise<number> {
  const client = openClient({ bootstrap: [on.at] });
  for (const { name, partitions, configs } of [...TOPICS, KCAT_TOPIC]) await client.admin.createTopic({ name, partitions, configs });
  const endTail = tail(on, client, [...TOPICS, KCAT_TOPIC], tailSeen);
  const members = [newProtocolGroup(on, groups[0] as Group), classicGroup(on, groups[1] as Group)];
  const writers = [...TOPICS.map((topic) => writeSteadily(on, client, topic)), writeWithKcat(on)];
  const others = [catchUp(on, [...TOPICS, KCAT_TOPIC]), passersBy.connections(on), passersBy.topics(on)];
  const commits = new CommitWatch();
  const watch = repeat(on, "looks at commits", SAMPLE_MS, () => commits.look(on, client, groups));
  await watchFor(of, on, minutes * 60);
  over.abort();
  await Promise.all([...writers, ...others, watch, ...members.map(({ churn }) => churn)]);
  await drained();
  await Promise.all(members.map(({ end }) => end()));
  await commits.look(on, client, groups);
  endTail();
  await client.close();
  return of.stop();
}

async function watchFor(of: World, on: Stage, seconds: number): Promise<void> {
  const startMs = performance.now();
  for (let dueMs = SAMPLE_MS; dueMs <= seconds * 1000; dueMs += SAMPLE_MS) {
    await sleep(Math.max(0, startMs + dueMs - performance.now()));
    const grouped = groups.reduce((sum, { seen }) => sum + seen.records, 0);
    const taken = await sample(of, on, { tail: tailSeen.records, grouped }, (performance.now() - startMs) / 1000);
    samples.push(taken);
    if (taken.rssMiB > RSS_MIB_MAX) throw new Error(`${taken.rssMiB} MiB resident, ${RSS_MIB_MAX} are allowed`);
    if (samples.length % PROGRESS_SAMPLES === 0) console.log(progress(samples, on.faults));
    keep();
  }
}

/** Everything that was acknowledged is with the tail and with both groups. */
async function drained(): Promise<void> {
  const readers = [{ id: "tail", topics: [...TOPICS, KCAT_TOPIC].map(({ name }) => name), seen: tailSeen }, ...groups];
  for (const { id, topics, seen } of readers) {
    await until(`${id} has seen all`, () => seen.missing(stage.written, topics), DRAIN_MS_MAX).catch((error: unknown) =>
      stage.faults.add(String(error)),
    );
  }
}

function keep(): void {
  if (flags.out === undefined) return;
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, "samples.csv"), csv(samples));
  writeFileSync(join(flags.out, "server.log"), world.server.stderr);
}

function conclude(): readonly Verdict[] {
  keep();
  const found = judgedSeries(samples).map(judge);
  const isJudged = minutes >= JUDGED_MINUTES_MIN;
  const { faults, did, written } = stage;
  const text = document({ minutes, bucket, samples, verdicts: found, isJudged, faults, did, groups, written });
  console.log(text);
  if (flags.write) {
    writeFileSync(join(ROOT, "docs/reference/soak.md"), text);
    writeFileSync(join(ROOT, "docs/reference/soak.svg"), charts(samples));
  }
  return isJudged ? found : [];
}
