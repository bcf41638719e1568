import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { cpuSeconds } from "../../bench/process-cost.ts";
import { countsOf } from "../process/server-process.ts";
import type { Series } from "./flatness.ts";
import type { Stage } from "./roles.ts";
import type { World } from "./world.ts";

const MIB = 1024 * 1024;

type About = Readonly<{ about: string; riseMin?: number }>;

/** What is measured each time; also the columns of the table. `riseMin`: judged, and so much of a rise is none. */
export const COLUMNS = {
  rssMiB: { about: "resident memory, MiB", riseMin: 8 },
  heapMiB: { about: "JavaScript heap in use, MiB", riseMin: 8 },
  handles: { about: "open handles", riseMin: 3 },
  sockets: { about: "sockets", riseMin: 3 },
  threads: { about: "threads", riseMin: 1 },
  walMiB: { about: "write-ahead log in use, MiB", riseMin: 40 },
  walMemoryMiB: { about: "memory of the newest records, MiB" },
  cacheMiB: { about: "memory of records read back, MiB" },
  bucketObjects: { about: "objects in the bucket", riseMin: 10 },
  bucketMiB: { about: "bytes in the bucket, MiB", riseMin: 8 },
  metadataMiB: { about: "metadata folder, MiB", riseMin: 2 },
  cpuS: { about: "CPU seconds of the server" },
  loopP99Ms: { about: "delay of the main loop, p99, ms" },
  loopMaxMs: { about: "delay of the main loop, max, ms" },
  produceP99Ms: { about: "produce, p99, ms" },
  acknowledged: { about: "records acknowledged" },
  read: { about: "records read by the tail" },
  grouped: { about: "records read by groups" },
  caughtUp: { about: "records read from the beginning" },
  topics: { about: "topics", riseMin: 2 },
  uploads: { about: "objects uploaded" },
  collected: { about: "objects collected" },
  objectReads: { about: "range reads of the bucket" },
  troubles: { about: "failures of uploads, reads, retention and collection" },
} as const satisfies Record<string, About>;

export type Column = keyof typeof COLUMNS;
export type Sample = Readonly<Record<Column, number>> & Readonly<{ atS: number }>;

const TROUBLES = [
  "tidemq_upload_failures_total",
  "tidemq_puts_unknown_total",
  "tidemq_object_mismatches_total",
  "tidemq_object_read_failures_total",
  "tidemq_object_corruptions_total",
  "tidemq_objects_missing_total",
  "tidemq_retention_failures_total",
  "tidemq_collection_failures_total",
  "tidemq_damaged_ranges",
  "tidemq_wal_refused_total",
] as const;

/** What readers have read so far. */
export type Reading = Readonly<{ tail: number; grouped: number }>;

/** Looks at everything once, from outside. */
export async function sample(world: World, stage: Stage, reading: Reading, atS: number): Promise<Sample> {
  const metrics = metricsOf(await world.server.ask("/metrics"));
  const of = (name: string): number => metrics.get(name) ?? Number.NaN;
  const bucket = await world.bucket();
  return {
    atS,
    ...processView(world.server.pid),
    heapMiB: of("tidemq_heap_used_bytes") / MIB,
    walMiB: of("tidemq_wal_used_bytes") / MIB,
    walMemoryMiB: of("tidemq_wal_memory_bytes") / MIB,
    cacheMiB: of("tidemq_cache_bytes") / MIB,
    bucketObjects: bucket.objects,
    bucketMiB: bucket.bytes / MIB,
    metadataMiB: world.metadataBytes() / MIB,
    loopP99Ms: of("tidemq_event_loop_delay_p99_seconds") * 1000,
    loopMaxMs: of("tidemq_event_loop_delay_max_seconds") * 1000,
    produceP99Ms: percentile(stage.produceMs.splice(0), 0.99),
    acknowledged: stage.written.records,
    read: reading.tail,
    grouped: reading.grouped,
    caughtUp: stage.did.get("caught-up records") ?? 0,
    topics: of("tidemq_topics"),
    uploads: of("tidemq_uploads_total"),
    collected: of("tidemq_collected_objects_total"),
    objectReads: of("tidemq_object_reads_total"),
    troubles: TROUBLES.reduce((sum, name) => sum + of(name), 0),
  };
}

/** What has to be flat, each over the whole run. */
export function judgedSeries(samples: readonly Sample[]): readonly Series[] {
  const atS = samples.map((one) => one.atS);
  return (Object.entries(COLUMNS) as [Column, About][]).flatMap(([name, { riseMin }]) =>
    riseMin === undefined ? [] : [{ name, atS, values: samples.map((one) => one[name]), riseMin }],
  );
}

function processView(pid: number): Pick<Sample, "rssMiB" | "handles" | "sockets" | "threads" | "cpuS"> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const handles = readdirSync(`/proc/${pid}/fd`);
  return {
    rssMiB: countsOf(pid).residentBytes / MIB,
    handles: handles.length,
    sockets: handles.filter((handle) => isSocket(`/proc/${pid}/fd/${handle}`)).length,
    threads: Number(/^Threads:\s*(\d+)/m.exec(status)?.[1]),
    cpuS: cpuSeconds(pid),
  };
}

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith("socket:");
  } catch {
    return false; // closed meanwhile
  }
}

function metricsOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
}

function percentile(values: number[], ratio: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * ratio))] ?? 0;
}

/** The samples as a table for other programs. */
export function csv(samples: readonly Sample[]): string {
  const names = ["atS", ...Object.keys(COLUMNS)] as (keyof Sample)[];
  const lines = samples.map((one) => names.map((name) => String(Math.round(one[name] * 1000) / 1000)).join(","));
  return `${[names.join(","), ...lines].join("\n")}\n`;
}
