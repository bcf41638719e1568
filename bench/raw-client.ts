import { createHistogram, performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { RawConnection } from "./raw-connection.ts";
import { endOfRecords, fetchedRecords, fetchFrame, fetchOffsetAt, produceError, produceFrame } from "./raw-requests.ts";

/** One measurement, as JSON in the first argument; the result is printed as JSON. Runs as a process of its own. */
export type RawTask = Readonly<{
  kind: "produce" | "fetch" | "latency";
  host: string;
  port: number;
  topic: string;
  partitions: number;
  /** produce: who leads each partition, where that is not one for all; a connection goes to the leader of the partition of its number. */
  leaders?: readonly Readonly<{ host: string; port: number }>[];
  connections: number;
  inFlight: number;
  records: number;
  recordBytes: number;
  /** produce: stop after so many MiB or, when 0, after `seconds`. fetch: MiB to read. */
  mib: number;
  seconds: number;
  /** latency: requests per second, sent when they are due. fetch: MiB/s at most; 0: as fast as it goes. */
  rate: number;
}>;

export type RawResult = Readonly<{
  seconds: number;
  mib: number;
  requests: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  /** Answers that told to come back later, and sent again then. */
  refused: number;
}>;

const MIB = 1024 * 1024;
const HISTOGRAM_NS_MAX = 60_000_000_000;
/** Kafka's NOT_ENOUGH_REPLICAS, which producers try again: the broker has no room at the moment. */
const NO_ROOM = 19;
const RETRY_MS = 20;

async function produce(task: RawTask): Promise<RawResult> {
  const frames = Array.from({ length: task.partitions }, (_, n) => produceFrame(task.topic, n, task.records, task.recordBytes, -1));
  const payload = task.records * task.recordBytes;
  const requestsMax = task.mib > 0 ? Math.ceil((task.mib * MIB) / payload) : Number.POSITIVE_INFINITY;
  const lanesOf = Array.from({ length: task.connections }, (_, lane) => laneOf(task, lane));
  const connections = await Promise.all(lanesOf.map(({ host, port }) => RawConnection.open(host, port)));
  const latency = createHistogram({ lowest: 1_000, highest: HISTOGRAM_NS_MAX });
  const startMs = performance.now();
  const endMs = task.mib > 0 ? Number.POSITIVE_INFINITY : startMs + task.seconds * 1000;
  let sent = 0;
  let answered = 0;
  let refused = 0;
  const lanes = connections.map(
    (connection, lane) =>
      new Promise<void>((resolve) => {
        const sentAt: number[] = [];
        let open = 0;
        let next = lane;
        const { partitions } = lanesOf[lane] as Lane;
        const send = (): void => {
          sentAt.push(performance.now());
          connection.send(frames[partitions[next % partitions.length] as number] as Uint8Array);
          next += 1;
          sent += 1;
          open += 1;
        };
        connection.onAnswer = (answer) => {
          const error = produceError(answer);
          const tookMs = performance.now() - (sentAt.shift() as number);
          open -= 1;
          if (error === NO_ROOM) {
            refused += 1;
            sent -= 1;
            setTimeout(send, RETRY_MS);
            return;
          }
          if (error !== 0) throw new Error(`produce failed with ${error}`);
          latency.record(Math.max(1_000, Math.round(tookMs * 1e6)));
          answered += 1;
          if (sent < requestsMax && performance.now() < endMs) send();
          else if (open === 0) resolve();
        };
        connection.cork();
        for (let n = 0; n < task.inFlight && sent < requestsMax; n++) send();
        connection.uncork();
        if (open === 0) resolve();
      }),
  );
  await Promise.all(lanes);
  for (const connection of connections) connection.close();
  return { ...result(startMs, answered * payload, answered, latency), refused };
}

type Lane = Readonly<{ host: string; port: number; partitions: readonly number[] }>;

/** Where a connection goes, and the partitions that it takes in turn: all that are led there. */
function laneOf({ host, port, leaders, partitions }: RawTask, lane: number): Lane {
  const all = Array.from({ length: partitions }, (_, n) => n);
  const own = leaders?.[lane % leaders.length];
  if (leaders === undefined || own === undefined) return { host, port, partitions: all };
  return { ...own, partitions: all.filter((n) => leaders[n]?.port === own.port && leaders[n]?.host === own.host) };
}

/** Open loop: each request leaves when it is due, whether the ones before are answered or not; timed from the moment it is sent. */
async function produceAtRate(task: RawTask): Promise<RawResult> {
  const frames = Array.from({ length: task.partitions }, (_, n) => produceFrame(task.topic, n, task.records, task.recordBytes, -1));
  const connection = await RawConnection.open(task.host, task.port);
  const latency = createHistogram({ lowest: 1_000, highest: HISTOGRAM_NS_MAX });
  const total = Math.ceil(task.rate * task.seconds);
  const warmUp = Math.ceil(task.rate);
  const sentAt: number[] = [];
  let answered = 0;
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    connection.onAnswer = (answer) => {
      if (produceError(answer) !== 0) throw new Error(`produce failed with ${produceError(answer)}`);
      const tookMs = performance.now() - (sentAt.shift() as number);
      answered += 1;
      if (answered > warmUp) latency.record(Math.max(1_000, Math.round(tookMs * 1e6)));
      if (answered === total) resolve();
    };
    let sent = 0;
    const sendDue = (): void => {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * task.rate));
      for (; sent < due; sent++) {
        sentAt.push(performance.now());
        connection.send(frames[sent % frames.length] as Uint8Array);
      }
      if (sent < total) setTimeout(sendDue, 1);
    };
    sendDue();
  });
  connection.close();
  return result(startMs, answered * task.records * task.recordBytes, answered, latency);
}

async function fetchAll(task: RawTask): Promise<RawResult> {
  const latency = createHistogram({ lowest: 1_000, highest: HISTOGRAM_NS_MAX });
  const connections = await Promise.all(Array.from({ length: task.connections }, () => RawConnection.open(task.host, task.port)));
  const startMs = performance.now();
  let bytes = 0;
  let requests = 0;
  const lanes = connections.map(async (connection, lane) => {
    for (let partition = lane; partition < task.partitions; partition += task.connections) {
      const frame = fetchFrame(task.topic, partition, MIB, 0);
      let offset = 0;
      for (;;) {
        frame.writeBigInt64BE(BigInt(offset), fetchOffsetAt(task.topic));
        const sentMs = performance.now();
        const got = await new Promise<{ end: number; bytes: number }>((resolve) => {
          connection.onAnswer = (answer) => {
            const records = fetchedRecords(answer);
            resolve({ end: endOfRecords(records), bytes: records.length });
          };
          connection.send(frame);
        });
        latency.record(Math.max(1_000, Math.round((performance.now() - sentMs) * 1e6)));
        requests += 1;
        bytes += got.bytes;
        if (got.end < 0 || bytes >= task.mib * MIB) break;
        offset = got.end;
        if (task.rate > 0) await sleep(Math.max(0, (bytes / MIB / task.rate) * 1000 - (performance.now() - startMs)));
      }
    }
  });
  await Promise.all(lanes);
  for (const connection of connections) connection.close();
  return result(startMs, bytes, requests, latency);
}

function result(startMs: number, bytes: number, requests: number, latency: ReturnType<typeof createHistogram>): RawResult {
  const ms = (percentile: number): number => (requests === 0 ? 0 : latency.percentile(percentile) / 1e6);
  return {
    seconds: (performance.now() - startMs) / 1000,
    mib: bytes / MIB,
    requests,
    p50Ms: ms(50),
    p99Ms: ms(99),
    p999Ms: ms(99.9),
    refused: 0,
  };
}

const task = JSON.parse(process.argv[2] ?? "{}") as RawTask;
const run = { produce, latency: produceAtRate, fetch: fetchAll }[task.kind];
console.log(JSON.stringify(await run(task)));
