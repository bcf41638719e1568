import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { applyBatch } from "@tidemq/server/cluster/apply.ts";
import { ClusterState } from "@tidemq/server/cluster/cluster-state.ts";
import { decodeBatch, encodeBatch, encodeCommand } from "@tidemq/server/cluster/command-codec.ts";
import type { Command } from "@tidemq/server/cluster/commands.ts";
import { loadSnapshot } from "@tidemq/server/cluster/snapshot-reader.ts";
import { SnapshotWriter } from "@tidemq/server/cluster/snapshot-writer.ts";
import { writePartition } from "@tidemq/server/cluster/state-codec.ts";
import type { ObjectRange } from "@tidemq/server/model/object-range.ts";
import { asyncOf } from "@tidemq/server/testing/async-of.ts";

// What a state of 100,000 partitions costs: one command, a snapshot in slices, loading it, memory.
// node --expose-gc --max-semi-space-size=4 bench/cluster-state.ts [partitions] [ranges per partition] [brokers]

const PARTITIONS = Number(process.argv[2] ?? 100_000);
const RANGES = Number(process.argv[3] ?? 4);
const BROKERS = Number(process.argv[4] ?? 100);
const PER_TOPIC = 100;
const PER_COMMIT = 1_000;

const state = new ClusterState("bench");
const heapBefore = heapMiB();
const take = (command: Command): void => {
  const controllerEpoch = command.kind === "claim-controller" ? 1 : state.controllerEpoch;
  applyBatch(state, state.index + 1, decodeBatch(encodeBatch([encodeCommand({ controllerEpoch, command })])), []);
};

function topicId(number: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(number, 12);
  return bytes.toString("base64url");
}

function rangeOf(broker: number, partitionId: number, start: number, sequence: number): ObjectRange {
  const { leaderEpoch } = state.partitions.get(partitionId) ?? { leaderEpoch: 0 };
  const object = { broker, brokerEpoch: broker, sequence, random: sequence.toString(16).padStart(16, "0") };
  const place = { object, objectBytes: 1 << 26, position: 4096, dataBytes: 60_000, indexBytes: 100, indexCrc: 1 };
  return { partitionId, startOffset: start, endOffset: start + 100, leaderEpoch, maxTimestampMs: 1, kind: "data", ...place };
}

const commit = (broker: number, partitionIds: readonly number[], start: number, sequence: number): Command => ({
  kind: "commit-object",
  broker,
  brokerEpoch: broker,
  ranges: partitionIds.map((id) => rangeOf(broker, id, start, sequence)),
});

function register(broker: number, incarnation: string): void {
  const identity = { broker, incarnation, host: "h", rack: "", walId: `log-${broker}`, walIndex: state.index, walDamaged: false };
  take({ kind: "register-broker", ...identity, listeners: [] });
  take({ kind: "elect-leaders", broker, brokerEpoch: state.brokerEpochLast });
}

const ledBy = (partitionId: number): number => 1 + ((partitionId - 1) % BROKERS);

measure("build", () => {
  take({ kind: "claim-controller", holder: "bench", controllerEpoch: 1 });
  for (let broker = 1; broker <= BROKERS; broker += 1) register(broker, "a");
  for (let n = 0; n < PARTITIONS / PER_TOPIC; n += 1) {
    const assignments = Array.from({ length: PER_TOPIC }, (_, at) => [ledBy(1 + n * PER_TOPIC + at)]);
    take({ kind: "create-topic", topicId: topicId(n), name: `topic-${n}`, configs: new Map([["retention.ms", "1000"]]), assignments });
  }
  const ids = [...state.partitions.keys()];
  for (let broker = 1; broker <= BROKERS; broker += 1) {
    const led = ids.filter((id) => ledBy(id) === broker);
    for (let round = 0; round < RANGES; round += 1)
      for (let at = 0; at < led.length; at += PER_COMMIT)
        take(commit(broker, led.slice(at, at + PER_COMMIT), round * 100, 1 + round * 1000 + at / PER_COMMIT));
  }
});
console.log(`state: ${state.partitions.size} partitions × ${RANGES} ranges, ${BROKERS} brokers`);
tellMemory("in memory", heapBefore);

const COMMANDS = 2_000;
const commitOne = (id: number, sequence: number): Command => commit(ledBy(id), [id], RANGES * 100, sequence);
const encoded = Array.from({ length: COMMANDS }, (_, n) =>
  encodeBatch([encodeCommand({ controllerEpoch: 1, command: commitOne(1 + ((n * 7919) % PARTITIONS), 9_000_000 + n) })]),
);
const decoded = encoded.map(decodeBatch);
const singles: number[] = [];
for (const commands of decoded) {
  const start = performance.now();
  applyBatch(state, state.index + 1, commands, []);
  singles.push((performance.now() - start) * 1000);
}
report("apply commit-object of one range, µs", singles);
const decodes = encoded.map((batch) => {
  const start = performance.now();
  decodeBatch(batch);
  return (performance.now() - start) * 1000;
});
report("decode it, µs", decodes);
report(
  "apply create-topic of one partition, µs",
  Array.from({ length: COMMANDS }, (_, n) => {
    const command = { kind: "create-topic", topicId: topicId(1e6 + n), name: `more-${n}`, configs: new Map(), assignments: [[1]] } as const;
    const start = performance.now();
    applyBatch(state, state.index + 1, [{ controllerEpoch: 1, command }], []);
    return (performance.now() - start) * 1000;
  }),
);

const slices: number[] = [];
/** What the thread itself worked: other processes of the machine do not count. */
const worked: number[] = [];
const slice = <T>(run: () => T): T => {
  const start = performance.now();
  const cpu = process.threadCpuUsage();
  const result = run();
  const { user, system } = process.threadCpuUsage(cpu);
  slices.push(performance.now() - start);
  worked.push((user + system) / 1000);
  return result;
};
const chunks: Uint8Array[] = [];
const writer = slice(() => new SnapshotWriter(state));
for (let chunk = slice(() => writer.next()); chunk !== undefined; chunk = slice(() => writer.next())) chunks.push(chunk);
const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
report(`snapshot of ${(bytes / 2 ** 20).toFixed(1)} MiB, slices, ms`, slices);
report("the same slices, ms of CPU", worked);

const loaded: ClusterState[] = [];
for (const keptBy of [undefined, 1]) {
  const before = heapMiB();
  const cpu = process.threadCpuUsage();
  const loadStart = performance.now();
  loaded.push(await loadSnapshot(asyncOf(chunks), { clusterId: "bench", index: writer.index, keptBy }));
  const { user, system } = process.threadCpuUsage(cpu);
  const of = keptBy === undefined ? "all of it" : "by a broker";
  console.log(`load ${of}: ${(performance.now() - loadStart).toFixed(0)} ms, ${((user + system) / 1000).toFixed(0)} ms of CPU`);
  tellMemory(`loaded ${of}`, before);
}

measure("restart: register and elect", () => register(1, "b"));
const one = new ByteWriter();
const [partition] = state.partitions.values();
if (partition !== undefined) writePartition(one, partition);
console.log(`one partition encoded: ${one.length} bytes`);

function measure(what: string, run: () => void): void {
  const start = performance.now();
  run();
  console.log(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
}

function report(what: string, values: number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (ratio: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0).toFixed(2);
  const sum = values.reduce((total, value) => total + value, 0);
  console.log(`${what}: mean ${(sum / values.length).toFixed(2)}, p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}, n ${values.length}`);
}

function tellMemory(what: string, before: number): void {
  const MiB = heapMiB() - before;
  console.log(`${what}: ${MiB.toFixed(0)} MiB, ${((MiB * 2 ** 20) / PARTITIONS).toFixed(0)} bytes per partition`);
}

function heapMiB(): number {
  for (let times = 0; times < 3; times += 1) (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}
