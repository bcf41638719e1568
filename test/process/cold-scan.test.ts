// Goal: who reads old records takes nothing from who reads the newest: they come from slabs, and cold reads stay within their memory.
// Method: the real process with the least memory there is; scans of what lies in objects alone, several times the block cache, beside
// a producer and a consumer at its tail. Judged by what the process counts, not by time.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import { batchesOf, fetch } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { NumberedLog } from "./numbered-log.ts";
import { ServerProcess, temporaryFolder, until } from "./server-process.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const FLAGS = ["--write-memory", "64MiB", "--read-memory", "16MiB", "--upload-size", "8MiB", "--upload-age", "1s"];
const LOGS = 3;
const RECORD_BYTES = 100 * KiB;
const RECORDS = 160;
/** Far less than the slabs hold. */
const TAIL_RECORD_BYTES = 10 * KiB;
const WAIT_MS = 10_000;

const folder = temporaryFolder();
const cold: NumberedLog[] = [];
let server: ServerProcess;

before(async () => {
  server = await ServerProcess.start({ folder, flags: FLAGS });
  for (let n = 0; n < LOGS; n++) cold.push(await NumberedLog.create(server.kafka, `cold-${n}`, RECORD_BYTES));
  await Promise.all(cold.map((log) => log.append(RECORDS)));
  await until("all is uploaded", async () => (await server.health()).objectStorage.pendingBytes === 0);
  // What is uploaded is no longer read from the log after a start.
  await server.end();
  server = await ServerProcess.start({ folder, flags: FLAGS });
  for (const log of cold) await log.connect(server.kafka);
});
after(async () => {
  for (const log of cold) log.close();
  await server?.end();
});

/** Bytes fetched so far, by where they were read. */
async function fetched(): Promise<{ slab: number; file: number; object: number }> {
  const from = (source: string): Promise<number> => server.metric(`tidemq_fetched_bytes_total{source="${source}"}`);
  return { slab: await from("slab"), file: await from("file"), object: await from("object") };
}

/** Memory of cold reads, again and again, until told to end. */
async function watch(isOver: () => boolean) {
  const most = { used: 0, reading: 0, window: 0 };
  const capacity = await server.metric("tidemq_cache_capacity_bytes");
  while (!isOver()) {
    most.used = Math.max(most.used, await server.metric("tidemq_cache_bytes"));
    most.reading = Math.max(most.reading, await server.metric("tidemq_cache_reading_bytes"));
    most.window = Math.max(most.window, await server.metric("tidemq_read_ahead_window_bytes"));
  }
  return { ...most, capacity };
}

/** Each record is fetched as soon as it is there, until told to end. */
async function followTail(isOver: () => boolean): Promise<number> {
  const tail = await NumberedLog.create(server.kafka, "tail", TAIL_RECORD_BYTES);
  const consumer = await Wire.connect(server.kafka);
  while (!isOver()) {
    const offset = tail.count;
    const [answer] = await Promise.all([fetch(consumer, tail.topic, offset, { maxWaitMs: WAIT_MS }), tail.append(1)]);
    deepEqual(
      batchesOf(answer.records).map(({ baseOffset }) => baseOffset),
      [offset],
    );
  }
  consumer.close();
  tail.close();
  return tail.count;
}

test("cold scans take no slab from the tail, and no more memory than theirs", async () => {
  let isOver = false;
  const tailing = followTail(() => isOver);
  const watching = watch(() => isOver);
  await Promise.all(cold.map((log) => log.check())).finally(() => (isOver = true));
  const records = await tailing;
  const { used, reading, window, capacity } = await watching;
  const { slab, file, object } = await fetched();
  ok(records > 0 && slab >= records * TAIL_RECORD_BYTES, `${records} records, ${slab} bytes from slabs`);
  equal(file, 0, "nothing of the tail had to be read from a file");
  ok(object >= LOGS * RECORDS * RECORD_BYTES, `${object} bytes from objects`);
  equal(capacity, 16 * MiB);
  ok(used <= capacity && reading <= capacity, `${used} bytes in use, ${reading} of them being read`);
  ok(used > 0 && window > 0, "it was seen at work");
});

test("metrics say why: what was read ahead was there when it was asked for", async () => {
  const ahead = await server.metric("tidemq_read_ahead_bytes_total");
  const wasted = await server.metric("tidemq_read_ahead_wasted_bytes_total");
  ok(ahead > 0 && wasted < ahead / 2, `${ahead} bytes read ahead, ${wasted} of them for nothing`);
  const misses = await server.metric("tidemq_cache_misses_total");
  const shared = await server.metric("tidemq_cache_shared_misses_total"); // it was on its way
  const hits = await server.metric("tidemq_cache_hits_total");
  ok(hits + shared > misses - shared, `${hits} hits, ${misses} misses, ${shared} of them on their way`);
});
