// Appends and reads on this machine's disk: MiB/s and CPU seconds per GiB of this process, all threads; cost of small batches.
// node packages/server/src/wal/wal.bench.ts [MiB] [folder]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiB } from "../base/units.ts";
import { RealClock } from "../io/real/clock.ts";
import { DataFolder } from "../io/real/data-folder.ts";
import { RealRandom } from "../io/real/random.ts";
import { producedBatch } from "../testing/wal/batches.ts";
import { Silence } from "../testing/wal/silence.ts";
import { Wal, type WalOptions, type WalPartition } from "./wal.ts";

const totalBytes = Number(process.argv[2] ?? 1024) * MiB;
const PARTITIONS = 6;
const clock = new RealClock();

async function openLog(root: string, sync: boolean, durable: () => void): Promise<{ wal: Wal; folder: DataFolder }> {
  const folder = await DataFolder.open(root);
  const options: WalOptions = {
    folder: "wal",
    fileBytes: 64 * MiB,
    capacityBytes: 1024 * MiB,
    sync,
    flushIntervalMs: 1000,
    slabBytes: 4 * MiB,
    slabBudgetBytes: 256 * MiB,
    indexBytesMax: 64 * MiB,
  };
  const parts = {
    disk: folder,
    clock,
    random: new RealRandom(),
    log: new Silence(),
    fatal(error: Error): void {
      throw error;
    },
    hasBase: () => true,
    baseOf: () => new Uint8Array(100),
    durable(partition: WalPartition): void {
      partition.setUploadedEnd(partition.durableEnd);
    },
    groupDone: durable,
    damaged: () => undefined,
  };
  const { wal } = await Wal.open(options, parts, () => undefined);
  wal.ready();
  return { wal, folder };
}

async function measure(name: string, sync: boolean, batchBytes: number, count: number, inFlightMax: number): Promise<void> {
  const root = mkdtempSync(join(process.argv[3] ?? tmpdir(), "wal-bench-"));
  let wake: (() => void) | undefined;
  const { wal, folder } = await openLog(root, sync, () => wake?.());
  const partitions = Array.from({ length: PARTITIONS }, (_, id) => wal.host(id + 1, { logEnd: 0, uploadedEnd: 0 }));
  const batch = producedBatch(batchBytes, 1, 7);
  while (wal.occupancy().filesFree < 14) await new Promise((resolve) => setTimeout(resolve, 50));
  const write = async (total: number): Promise<void> => {
    for (let sent = 0; sent < total; ) {
      for (let turn = 0; turn < 8 && sent < total; turn++) {
        const p = partitions[sent % PARTITIONS] as WalPartition;
        if (wal.occupancy().pendingBytes > inFlightMax || wal.admit(p, batchBytes) < 0) break;
        p.append(batch, 0, batchBytes, p.logEnd, 1, 1);
        sent += 1;
      }
      if (wal.occupancy().pendingBytes > inFlightMax) await new Promise<void>((resolve) => (wake = resolve));
      else await new Promise((resolve) => setImmediate(resolve));
    }
    while (partitions.some((p) => p.durableEnd < p.logEnd)) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await write(Math.floor(count / 4));
  const cpu = process.cpuUsage();
  const startMs = clock.monotonicMs();
  await write(count);
  report(name, count, count * batchBytes, startMs, cpu);
  await readHot(partitions[0] as WalPartition);
  console.log(JSON.stringify(wal.stats));
  await wal.close();
  await folder.close();
  rmSync(root, { recursive: true });
}

/** The newest batches again and again, as many consumers would. */
async function readHot(p: WalPartition): Promise<void> {
  const first = Math.max(
    p.firstOffset,
    p.logEnd - Math.floor((64 * MiB) / (p.bytesBetween(p.firstOffset, p.logEnd) / (p.logEnd - p.firstOffset)) / 8),
  );
  const cpu = process.cpuUsage();
  const startMs = clock.monotonicMs();
  let bytes = 0;
  let reads = 0;
  for (let offset = first; clock.monotonicMs() - startMs < 1500; reads++) {
    const slices = await p.read(offset, p.logEnd, MiB, true);
    bytes += slices.bytes;
    offset = slices.nextOffset < p.logEnd ? slices.nextOffset : first;
    slices.hold?.release();
  }
  report("  read of 1 MiB", reads, bytes, startMs, cpu);
}

function report(name: string, count: number, bytes: number, startMs: number, cpuBefore: NodeJS.CpuUsage): void {
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuSeconds = (user + system) / 1e6;
  const perGiB = (cpuSeconds / bytes) * 1024 * MiB;
  const rate = `${(bytes / MiB / seconds).toFixed(0)} MiB/s, ${(count / seconds).toFixed(0)} per s`;
  console.log(`${name}: ${rate}, ${perGiB.toFixed(3)} CPU s/GiB, ${((cpuSeconds / count) * 1e6).toFixed(2)} µs CPU each`);
}

for (const sync of [false, true]) {
  const word = sync ? "synced" : "unsynced";
  await measure(`255 KiB batches, ${word}`, sync, 255 * 1024, Math.floor(totalBytes / (255 * 1024)), 16 * MiB);
  await measure(`168 B batches, ${word}`, sync, 168, Math.floor(totalBytes / 4096), 1 * MiB);
}
