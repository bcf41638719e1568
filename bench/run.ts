/**
 * Measures TideMQ beside Apache Kafka on this machine: same clients, warm-up first, rounds that alternate.
 *
 *   npm run bench -- [--rounds 3] [--mode unsynced|synced] [--case TEXT] [--only tidemq] [--write]
 *
 * `--write` makes docs/reference/benchmarks.md anew. Without Java only TideMQ runs.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES, type Case, createTopics, type Figures, type Goal, type Target } from "./cases.ts";
import { KAFKA_VERSION, kafkaProblem, startKafka } from "./kafka-server.ts";
import { cpuSeconds, machineCpuSeconds, residentMiB } from "./process-cost.ts";
import { median, short } from "./statistics.ts";
import { startTideMq } from "./tidemq-server.ts";

type Mode = "unsynced" | "synced";
type Contestant = Readonly<{ name: "TideMQ" | "Kafka"; target: Target; startMs: number; idleMiB: number; stop(): Promise<unknown> }>;
type Row = Readonly<{ mode: Mode; case: Case; figure: string; ours: number; theirs: number; goal: Goal | undefined }>;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SETTLE_MS = 2_000;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    mode: { type: "string" },
    case: { type: "string", default: "" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

async function contestants(mode: Mode): Promise<Contestant[]> {
  const found: Contestant[] = [];
  const tide = await startTideMq({ synced: mode === "synced" });
  await sleep(SETTLE_MS);
  found.push({ name: "TideMQ", target: tide, startMs: tide.startMs, idleMiB: residentMiB(tide.processId), stop: tide.stop });
  const problem = kafkaProblem();
  if (flags.only === "tidemq") return found;
  if (problem !== undefined) {
    console.error(`Kafka is left out: ${problem}`);
    return found;
  }
  const kafka = await startKafka({ synced: mode === "synced" });
  await sleep(SETTLE_MS);
  found.push({ name: "Kafka", target: kafka, startMs: kafka.startMs, idleMiB: residentMiB(kafka.processId), stop: kafka.stop });
  return found;
}

async function measure(mode: Mode): Promise<Row[]> {
  const cases = CASES.filter((each) => each.name.includes(flags.case) && each.goals.some((goal) => goal[mode] !== undefined));
  const players = await contestants(mode);
  const results = new Map<string, Figures[]>();
  try {
    const rounds = Number(flags.rounds);
    for (let round = 0; round <= rounds; round++) {
      for (const each of cases) {
        for (const player of round % 2 === 0 ? players : players.toReversed()) {
          const topic = `bench-${round}-${CASES.indexOf(each)}`;
          await createTopics(player.target, topic);
          const figures = await measureOne(mode, round, each, player, topic);
          const key = `${each.name}/${player.name}`;
          if (round > 0) results.set(key, [...(results.get(key) ?? []), figures]);
        }
      }
    }
  } finally {
    for (const player of players) await player.stop();
  }
  return [...cases.flatMap((each) => rowsOf(mode, each, results)), ...standing(mode, players)];
}

async function measureOne(mode: Mode, round: number, each: Case, player: Contestant, topic: string): Promise<Figures> {
  const before = { machine: machineCpuSeconds(), broker: cpuSeconds(player.target.processId), ms: performance.now() };
  const figures = await each.run(player.target, topic);
  const seconds = (performance.now() - before.ms) / 1000;
  const said = Object.entries(figures).map(([name, value]) => `${short(value)} ${name}`);
  const title = round === 0 ? "warm-up" : `round ${round}`;
  console.error(`${mode} · ${title} · ${each.name} · ${player.name}: ${said.join(", ")} (${seconds.toFixed(1)} s)`);
  return figures;
}

function rowsOf(mode: Mode, each: Case, results: ReadonlyMap<string, readonly Figures[]>): Row[] {
  const of = (name: string, figure: string): number =>
    median((results.get(`${each.name}/${name}`) ?? []).map((figures) => figures[figure] ?? Number.NaN));
  const shown = new Set(each.goals.map((goal) => goal.figure));
  if (each.name.startsWith("one record")) shown.add("broker CPU µs/request");
  if (each.name.startsWith("latency")) shown.add("p50 ms").add("p99.9 ms");
  if (each.name.includes("Java")) shown.add("broker CPU s/GiB");
  return [...shown].map((figure) => {
    const goal = each.goals.find((one) => one.figure === figure);
    return { mode, case: each, figure, ours: of("TideMQ", figure), theirs: of("Kafka", figure), goal };
  });
}

function standing(mode: Mode, players: readonly Contestant[]): Row[] {
  const of = (name: string, field: "startMs" | "idleMiB"): number => players.find((player) => player.name === name)?.[field] ?? Number.NaN;
  const fake = (name: string, about: string): Case => ({
    name,
    about,
    goals: [],
    run: () => Promise.reject(new Error("measured at start")),
  });
  const start = fake("process start until it answers", "new data folder, JVM formatted before");
  const idle = fake("idle", "resident memory two seconds after the start");
  return [
    { mode, case: start, figure: "ms", ours: of("TideMQ", "startMs"), theirs: of("Kafka", "startMs"), goal: undefined },
    { mode, case: idle, figure: "MiB", ours: of("TideMQ", "idleMiB"), theirs: of("Kafka", "idleMiB"), goal: undefined },
  ];
}

function verdict(row: Row): string {
  const aim = row.goal?.[row.mode];
  if (row.goal === undefined || aim === undefined || Number.isNaN(row.theirs)) return "";
  const ratio = row.ours / row.theirs;
  const met = row.goal.better === "less" ? ratio <= aim : ratio >= aim;
  return `${row.goal.better === "less" ? "≤" : "≥"} ${aim} ${met ? "reached" : "**missed**"}`;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.case.name} | ${row.mode} | ${row.figure} | ${short(row.ours)} | ${short(row.theirs)} | ${short(row.ours / row.theirs)} | ${verdict(row)} |`,
  );
  return ["| case | both | figure | TideMQ | Kafka | ratio | goal |", "|---|---|---|---|---|---|---|", ...lines].join("\n");
}

function machine(): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const java = kafkaProblem() === undefined ? ` · ${execFileSync("java", ["--version"], { encoding: "utf8" }).split("\n")[0]}` : "";
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  return `${cpus().length} × ${model} · ${memory} · Linux ${kernel} · Node ${process.version}${java} · Kafka ${KAFKA_VERSION}`;
}

function document(rows: readonly Row[]): string {
  const about = CASES.map((each) => `* **${each.name}**: ${each.about}.`).join("\n");
  return `# Benchmarks

Made by \`npm run bench -- --rounds ${flags.rounds} --write\`: both servers run on one machine at the same time, one is measured while the other idles,
rounds alternate, the first is not counted, the median of the others is shown. Clients and servers share the processors.
CPU is that of the broker's process tree, kernel included. The ratio is TideMQ / Kafka.

${machine()}

${table(rows)}

${about}
`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const modes: Mode[] = flags.mode === "synced" || flags.mode === "unsynced" ? [flags.mode] : ["unsynced", "synced"];
const rows: Row[] = [];
for (const mode of modes) rows.push(...(await measure(mode)));
console.log(table(rows));
if (flags.write) writeFileSync(join(ROOT, "docs/reference/benchmarks.md"), document(rows));
