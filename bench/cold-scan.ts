import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createTopics, runRaw } from "./cases.ts";
import { untilQuiet } from "./process-cost.ts";
import { median } from "./statistics.ts";
import type { Figures, Target } from "./target.ts";

/** Several times what the broker keeps in memory and in its log, so that the oldest part lies in objects alone. */
const WRITTEN_MIB = 3072;
const SCANNED_MIB = 1024;
/** Less than a tenth of what the scan alone can do. */
export const PACED_MIB_PER_SECOND = 50;
const ROUNDS = 5;
const LATENCY = { kind: "latency", topic: "cold-beside", connections: 1, records: 20, recordBytes: 1024, rate: 1000, seconds: 4 } as const;
const READ_BYTES = 256 * 1024;

/** Why the page cache cannot be emptied; undefined when it can. */
export function coldScanProblem(): string | undefined {
  try {
    dropCaches();
    return undefined;
  } catch {
    return "the page cache can be emptied by root only";
  }
}

/** Writes what is scanned; done once before the measurements. */
export async function writeCold(target: Target): Promise<void> {
  await createTopics(target, "cold");
  await createTopics(target, "cold-beside");
  await runRaw(target, { kind: "produce", topic: "cold", mib: WRITTEN_MIB });
  await untilQuiet(target.processId);
}

/** Reads the oldest part of a topic from object storage, nothing of it in any cache, beside `cat` of as many bytes of the same files into a socket. */
export async function coldScan(target: Target): Promise<Figures> {
  const scans: number[] = [];
  const cats: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    dropCaches();
    cats.push(await catIntoSocket(oldestObjects(target, SCANNED_MIB)));
    scans.push(await scanOnce(target, 0));
  }
  return { "scan MiB/s": median(scans), "cat MiB/s": median(cats) };
}

/**
 * What such scans do to the latency of producing: as fast as they go, and at the pace of one consumer that has fallen behind, which
 * leaves processors to the server. Rounds in which the servers take turns; one result for each.
 */
export async function latencyBesideScans(targets: readonly Target[]): Promise<Figures[]> {
  const found = targets.map((target) => ({ target, alone: [] as number[], paced: [] as number[], unpaced: [] as number[] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { target, alone, paced, unpaced } of round % 2 === 0 ? found : found.toReversed()) {
      alone.push((await runRaw(target, LATENCY)).p99Ms);
      paced.push(await latencyBeside(target, PACED_MIB_PER_SECOND));
      unpaced.push(await latencyBeside(target, 0));
    }
  }
  return found.map(({ alone, paced, unpaced }) => ({
    "p99 ms alone": median(alone),
    "p99 ms beside a paced scan": median(paced),
    "p99 ms beside a scan": median(unpaced),
  }));
}

/** p99 in milliseconds. @param rate Of the scan in MiB/s; 0: as fast as it goes. */
async function latencyBeside(target: Target, rate: number): Promise<number> {
  const producing = runRaw(target, LATENCY);
  let isOver = false;
  void producing.finally(() => (isOver = true));
  while (!isOver) await scanOnce(target, rate);
  return (await producing).p99Ms;
}

/** MiB/s */
async function scanOnce(target: Target, rate: number): Promise<number> {
  dropCaches();
  const wanted = rate === 0 ? SCANNED_MIB : rate * LATENCY.seconds;
  const { mib, seconds } = await runRaw(target, { kind: "fetch", topic: "cold", mib: wanted, rate });
  if (mib < wanted) throw new Error(`the scan ended after ${mib} MiB`);
  return mib / seconds;
}

/** So that what is read comes from the disk. Root only. */
export function dropCaches(): void {
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

/** Object files, the oldest first, worth about so many MiB. */
function oldestObjects(target: Target, mib: number): string[] {
  const root = join(target.dataFolder ?? "", "objects");
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, stats: statSync(path) }))
    .sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs);
  let bytes = 0;
  const oldest = files.filter(({ stats }) => {
    bytes += stats.size;
    return bytes - stats.size < mib * 1024 * 1024;
  });
  return oldest.map(({ path }) => path);
}

/** MiB/s of `cat` with a TCP connection of the loopback as its output. */
async function catIntoSocket(files: readonly string[]): Promise<number> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const startMs = performance.now();
  const reading = readAll(port);
  const socket = await accepted;
  const cat = spawn("cat", [...files], { stdio: ["ignore", socket, "inherit"] });
  await exited(cat);
  socket.destroy();
  const bytes = await reading;
  server.close();
  return bytes / 1024 / 1024 / ((performance.now() - startMs) / 1000);
}

/** Bytes that come until the other side ends; read as the raw client reads. */
async function readAll(port: number): Promise<number> {
  let bytes = 0;
  const onread = {
    buffer: Buffer.allocUnsafe(READ_BYTES),
    callback: (count: number): boolean => {
      bytes += count;
      return true;
    },
  };
  const socket = connect({ host: "127.0.0.1", port, onread });
  await new Promise<void>((resolve, reject) => {
    socket.once("end", resolve);
    socket.once("error", reject);
  });
  return bytes;
}

function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`cat ended with ${code}`))));
  });
}
