/**
 * Measures TideMQ beside Apache Kafka on this machine: same clients, warm-up first, rounds that alternate.
 *
 *   npm run bench -- [--rounds 3] [--mode unsynced|synced] [--case TEXT] [--only tidemq] [--no-cold] [--write]
 *
 * `--write` makes docs/reference/benchmarks.md anew. Without Java only TideMQ runs.
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bucketProblem, bucketScan } from "./bucket-scan.ts";
import { CASES, type Case, createTopics } from "./cases.ts";
import { clusterFigures } from "./cluster-figures.ts";
import { coldScan, coldScanProblem, latencyBesideScans, PACED_MIB_PER_SECOND, writeCold } from "./cold-scan.ts";
import { downloadKafka, kafkaProblem, startKafka } from "./kafka-server.ts";
import { MOVE_GOALS, moveFigures } from "./move-figures.ts";
import { PARTITION_GOALS, partitionFigures } from "./partition-figures.ts";
import { machineCpuSeconds, untilQuiet } from "./process-cost.ts";
import { REPLICATION_GOALS, replicationFigures } from "./replication-figures.ts";
import { type ClusterRow, clusterTable, document, type Row, table } from "./report.ts";
import { standing } from "./standing.ts";
import { median, short } from "./statistics.ts";
import { type Figures, loopDelay, type Mode, type Target } from "./target.ts";
import { startTideMq } from "./tidemq-server.ts";
import { kafkaTrio, onTrio, type Trio, tideTrio } from "./trio.ts";

type Contestant = { readonly name: "TideMQ" | "Kafka"; readonly target: Target; standing: Figures; readonly stop: () => Promise<unknown> };
type Results = Map<string, Figures[]>;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SAMPLE_MS = 500;
const P99 = "p99 ms";
const LOOP_P99 = "loop delay p99 ms";
const LATENCY_CASE = "latency at 20 MB/s";
/** Run behind the others; by itself with `--case cold`. */
const COLD_CASE = "cold scan";
/** Likewise. */
const CLUSTER_CASE = "cluster";
/** Likewise, each on brokers of its own. */
const REPLICATION_CASES = [
  { name: "three replicas", goals: REPLICATION_GOALS, measure: replicationFigures },
  { name: "three replicas, 3,000 partitions", goals: PARTITION_GOALS, measure: partitionFigures },
  { name: "three replicas, moves and losses", goals: MOVE_GOALS, measure: moveFigures },
] as const;

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: "string", default: "3" },
    mode: { type: "string" },
    case: { type: "string", default: "" },
    only: { type: "string" },
    cold: { type: "boolean", default: true },
    write: { type: "boolean", default: false },
  },
});

const otherCores: number[] = [];
const loopDelays: number[] = [];

/** Starts both, one after the other; each is looked at while it is alone. */
async function start(mode: Mode, players: Contestant[]): Promise<void> {
  const synced = mode === "synced";
  const tide = await startTideMq({ synced });
  players.push({ name: "TideMQ", target: tide, standing: {}, stop: tide.stop });
  await look(players, tide.startMs);
  const problem = kafkaProblem();
  if (flags.only === "tidemq") return;
  if (problem !== undefined) {
    console.error(`Kafka is left out: ${problem}`);
    return;
  }
  const kafka = await startKafka({ synced });
  players.push({ name: "Kafka", target: kafka, standing: {}, stop: kafka.stop });
  await look(players, kafka.startMs);
}

async function look(players: Contestant[], startMs: number): Promise<void> {
  const newest = players.at(-1);
  if (newest !== undefined) newest.standing = await standing(newest.target, startMs);
}

async function measure(mode: Mode): Promise<{ rows: Row[]; alone: Row[] }> {
  const hasKafka = kafkaProblem() === undefined;
  if (hasKafka) await downloadKafka();
  const cases = CASES.filter(({ name, goals, needsKafka }) => {
    const isWanted = name.includes(flags.case) && goals.some((goal) => goal[mode] !== undefined);
    return isWanted && (hasKafka || needsKafka !== true);
  });
  if (cases.length === 0 && !COLD_CASE.includes(flags.case)) return { rows: [], alone: [] };
  const players: Contestant[] = [];
  const results: Results = new Map();
  let cold: { rows: Row[]; alone: Row[] } = { rows: [], alone: [] };
  try {
    await start(mode, players);
    for (let round = 0; round <= Number(flags.rounds); round++) {
      for (const each of cases) {
        for (const player of round % 2 === 0 ? players : players.toReversed()) await measureOne(mode, round, each, player, results);
      }
    }
    if (mode === "unsynced" && flags.cold && COLD_CASE.includes(flags.case)) cold = await coldRows(players, mode);
  } finally {
    for (const player of players) await player.stop();
  }
  const rows = cases.flatMap((each) => rowsOf(mode, each, results));
  return { rows: [...rows, ...cold.rows, ...standingRows(mode, players)], alone: cold.alone };
}

async function measureOne(mode: Mode, round: number, each: Case, player: Contestant, results: Results): Promise<void> {
  const { target, name } = player;
  const topic = `bench-${round}-${CASES.indexOf(each)}`;
  await createTopics(target, topic);
  await untilQuiet(target.processId);
  otherCores.push(await coresInUse());
  await loopDelay(target);
  const startMs = performance.now();
  const figures = { ...(await each.run(target, topic)), ...(await loopDelay(target)) };
  const seconds = (performance.now() - startMs) / 1000;
  const said = Object.entries(figures).map(([figure, value]) => `${short(value)} ${figure}`);
  console.error(
    `${mode} · ${round === 0 ? "warm-up" : `round ${round}`} · ${each.name} · ${name}: ${said.join(", ")} (${seconds.toFixed(1)} s)`,
  );
  if (round === 0) return;
  const key = `${each.name}/${name}`;
  results.set(key, [...(results.get(key) ?? []), figures]);
  if (figures[LOOP_P99] !== undefined) loopDelays.push(figures[LOOP_P99]);
}

function rowsOf(mode: Mode, each: Case, results: Results): Row[] {
  const of = (name: string, figure: string): number =>
    median((results.get(`${each.name}/${name}`) ?? []).map((figures) => figures[figure] ?? Number.NaN));
  const shown = new Set(each.goals.map((goal) => goal.figure));
  for (const figure of each.alsoShown ?? []) shown.add(figure);
  return [...shown].map((figure) => {
    const goal = each.goals.find((one) => one.figure === figure);
    const ratio = goal?.[mode];
    const aim = goal === undefined || ratio === undefined ? undefined : { better: goal.better, ratio };
    return { name: each.name, mode, figure, ours: of("TideMQ", figure), theirs: of("Kafka", figure), goal: aim };
  });
}

const STANDING_LIMITS: Readonly<Record<string, number>> = {
  "ms to the first record": 1000,
  "MiB idle": 150,
  "wakes/s idle": 5,
  "KiB/s written idle": 0,
};

function standingRows(mode: Mode, players: readonly Contestant[]): Row[] {
  const of = (name: string, figure: string): number => players.find((player) => player.name === name)?.standing[figure] ?? Number.NaN;
  return Object.entries(STANDING_LIMITS).map(([figure, limit]) => ({
    name: "new data folder, nobody there",
    mode,
    figure,
    ours: of("TideMQ", figure),
    theirs: of("Kafka", figure),
    goal: { better: "less", limit },
  }));
}

/** Old records: how fast they are read, and what that does to producers; beside others' ways of the same. */
async function coldRows(players: readonly Contestant[], mode: Mode): Promise<{ rows: Row[]; alone: Row[] }> {
  const problem = coldScanProblem();
  if (problem !== undefined) {
    console.error(`the cold scan is left out: ${problem}`);
    return { rows: [], alone: [] };
  }
  const targets = players.map(({ target }) => target);
  for (const target of targets) await writeCold(target);
  const scan = await coldScan(targets[0] as Target);
  const [ours = {}, theirs = {}] = await latencyBesideScans(targets);
  console.error(`cold scan: ${JSON.stringify({ scan, ours, theirs })}`);
  const latency = "latency at 20 MB/s beside a cold scan";
  const figures = [
    { figure: "p99 ms beside a scan", shown: "p99 ms" },
    { figure: "p99 ms beside a paced scan", shown: `p99 ms, scan of ${PACED_MIB_PER_SECOND} MiB/s` },
  ];
  const row = (name: string, figure: string, [a = Number.NaN, b = Number.NaN]: readonly (number | undefined)[], goal: Row["goal"]): Row => {
    return { name, mode, figure, ours: a, theirs: b, goal };
  };
  const rows = figures.map(({ figure, shown }) => row(latency, shown, [ours[figure], theirs[figure]], { better: "less", ratio: 0.6 }));
  const besideNone = figures.map(({ figure, shown }) =>
    row("cold scan", `produce ${shown}, beside none`, [ours[figure], ours["p99 ms alone"]], { better: "less", ratio: 2 }),
  );
  const rate = row("cold scan", "MiB/s, beside `cat`", [scan["scan MiB/s"], scan["cat MiB/s"]], { better: "more", ratio: 0.5 });
  return { rows: players.length > 1 ? rows : [], alone: [rate, ...besideNone, ...(await bucketRows(mode))] };
}

async function bucketRows(mode: Mode): Promise<Row[]> {
  if (bucketProblem !== undefined) {
    console.error(`the scan of a bucket service is left out: ${bucketProblem}`);
    return [];
  }
  const found = await bucketScan();
  console.error(`cold scan from a bucket service: ${JSON.stringify(found)}`);
  const [ours = Number.NaN, theirs = Number.NaN] = [found["scan MiB/s"], found["GET MiB/s"]];
  return [{ name: "cold scan from a bucket service", mode, figure: "MiB/s, beside plain GETs", ours, theirs }];
}

/** What the control plane takes, over a directory and over an S3 service. */
async function clusterRows(): Promise<ClusterRow[]> {
  const { directory, s3 } = await clusterFigures();
  return Object.entries(directory).map(([figure, value]) => ({ figure, directory: value, s3: s3[figure] ?? Number.NaN }));
}

/** Three brokers and three replicas each: one side after the other, on brokers of its own. */
async function replicationRows(mode: Mode, { name, goals, measure }: (typeof REPLICATION_CASES)[number]): Promise<Row[]> {
  const sides: readonly (readonly [string, (mode: Mode) => Trio])[] = [
    ["TideMQ", tideTrio],
    ...(kafkaProblem() === undefined && flags.only === undefined ? ([["Kafka", kafkaTrio]] as const) : []),
  ];
  const found = new Map<string, Figures[]>(sides.map(([side]) => [side, []]));
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const [side, trio] of round % 2 === 1 ? sides : sides.toReversed()) {
      try {
        const figures = await onTrio(trio(mode), measure);
        console.error(`${mode} · round ${round} · ${name} · ${side}: ${JSON.stringify(figures)}`);
        found.get(side)?.push(figures);
      } catch (error) {
        // The other figures are not lost with these.
        console.error(`${mode} · round ${round} · ${name} · ${side} gave up: ${(error as Error).message}`);
      }
    }
  }
  const of = (side: string, figure: string): number => median((found.get(side) ?? []).map((figures) => figures[figure] ?? Number.NaN));
  const shown = Object.keys(found.get("TideMQ")?.[0] ?? {});
  return shown.map((figure) => ({ name, mode, figure, ours: of("TideMQ", figure), theirs: of("Kafka", figure), goal: goals[figure] }));
}

const ACROSS_MODES = [
  { name: LATENCY_CASE, figure: P99, goal: { better: "less", ratio: 1 } },
  { name: "three replicas", figure: "MiB/s", goal: undefined },
] as const;

/** The strictest comparison: we have synced, Kafka has not. */
function acrossModes(rows: readonly Row[]): Row[] {
  return ACROSS_MODES.flatMap(({ name, figure, goal }) => {
    const found = (mode: Mode): Row | undefined => rows.find((row) => row.name === name && row.figure === figure && row.mode === mode);
    const [ours, theirs] = [found("synced"), found("unsynced")];
    if (ours === undefined || theirs === undefined) return [];
    return [{ name, mode: "ours synced, Kafka not", figure, ours: ours.ours, theirs: theirs.theirs, goal }];
  });
}

/** While neither server has anything to do: by other processes. */
async function coresInUse(): Promise<number> {
  const before = machineCpuSeconds();
  const startMs = performance.now();
  await sleep(SAMPLE_MS);
  return (machineCpuSeconds() - before) / ((performance.now() - startMs) / 1000);
}

/** Of 1 GiB, written and synced. */
function diskMiBPerSecond(): number {
  const folder = mkdtempSync(join(tmpdir(), "bench-disk-"));
  const descriptor = openSync(join(folder, "file"), "w");
  const piece = Buffer.alloc(4 * 1024 * 1024, 1);
  const startMs = performance.now();
  for (let written = 0; written < 256; written++) writeSync(descriptor, piece);
  fsyncSync(descriptor);
  const seconds = (performance.now() - startMs) / 1000;
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
  return 1024 / seconds;
}

const disk = diskMiBPerSecond();
const modes: Mode[] = flags.mode === "synced" || flags.mode === "unsynced" ? [flags.mode] : ["unsynced", "synced"];
const besideKafka: Row[] = [];
const alone: Row[] = [];
for (const mode of modes) {
  const found = await measure(mode);
  besideKafka.push(...found.rows);
  alone.push(...found.alone);
  for (const each of REPLICATION_CASES) if (each.name.includes(flags.case)) besideKafka.push(...(await replicationRows(mode, each)));
}
besideKafka.push(...acrossModes(besideKafka));
const worst = loopDelays.length === 0 ? Number.NaN : Math.max(...loopDelays);
alone.push({
  name: "event loop",
  mode: modes.join(", "),
  figure: "delay p99 ms",
  ours: worst,
  theirs: Number.NaN,
  goal: { better: "less", limit: 10 },
});
const cluster = CLUSTER_CASE.includes(flags.case) ? await clusterRows() : [];
console.log(`${table(besideKafka, "Kafka")}\n\n${table(alone, "compared with")}\n\n${clusterTable(cluster)}`);
const report = { rounds: Number(flags.rounds), diskMiBPerSecond: disk, otherCores: median(otherCores), besideKafka, alone, cluster };
if (flags.write) writeFileSync(join(ROOT, "docs/reference/benchmarks.md"), document(report));
