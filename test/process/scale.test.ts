// Goal: one node carries ten thousand partitions and two thousand connections, and comes back with them after a kill.
// Method: the real process with its default sizes. Times are printed; only memory and results are held to a bound.
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { createTopic, LATEST, type Topic } from "../clients/calls.ts";
import { Wire } from "../clients/wire.ts";
import { countsOf, ServerProcess, temporaryFolder, tidemq, WITHOUT_PROC } from "./server-process.ts";

const TOPICS = 2;
const PARTITIONS = 5_000;
const PER_REQUEST = 1_000;
const CONNECTIONS = 2_000;
const RESIDENT_BYTES_MAX = 1024 ** 3;
/** The defaults of `tidemq start`. */
const FLAGS = ["--wal-file-size", "64MiB", "--wal-capacity", "1GiB"];

describe("ten thousand partitions, two thousand connections", { skip: WITHOUT_PROC }, () => {
  const folder = temporaryFolder();
  const topics: Topic[] = [];
  const connections: Wire[] = [];
  let server: ServerProcess;
  let wire: Wire;

  before(async () => {
    server = await ServerProcess.start({ folder, flags: FLAGS });
    wire = await Wire.connect(server.kafka);
  });
  after(async () => {
    for (const one of [wire, ...connections]) one?.close();
    await server?.end();
  });

  test("takes a write to each partition", async (t) => {
    const startedMs = performance.now();
    for (let n = 0; n < TOPICS; n++) {
      const name = `wide-${n}`;
      const { error, topicId } = await createTopic(wire, name, { partitions: PARTITIONS });
      equal(error, "NONE");
      topics.push({ name, topicId });
    }
    t.diagnostic(`created in ${Math.round(performance.now() - startedMs)} ms`);
    for (const topic of topics) for (let from = 0; from < PARTITIONS; from += PER_REQUEST) await writeOneTo(wire, topic, from);
    t.diagnostic(`created and written in ${Math.round(performance.now() - startedMs)} ms`);
  });

  test("answers two thousand connections", async (t) => {
    for (let n = 0; n < CONNECTIONS; n++) connections.push(await Wire.connect(server.kafka));
    const answers = await Promise.all(connections.map((one) => one.ask(API.apiVersions, 0, {})));
    ok(answers.every(({ errorCode }) => errorCode === 0));
    const { residentBytes } = countsOf(server.pid);
    t.diagnostic(`${Math.round(residentBytes / 1024 ** 2)} MiB resident`);
    ok(residentBytes < RESIDENT_BYTES_MAX, `${residentBytes} bytes resident`);
  });

  test("lists its topics", async (t) => {
    const startedMs = performance.now();
    const { kafka } = server;
    const listed = await tidemq(["topic", "list", "--output", "json", "--bootstrap", `127.0.0.1:${kafka.port}`]);
    t.diagnostic(`topic list in ${Math.round(performance.now() - startedMs)} ms`);
    equal(JSON.parse(listed.stdout).length, TOPICS);
  });

  test("is there again after a kill, with every record", async (t) => {
    await server.kill();
    server = await ServerProcess.start({ folder, flags: FLAGS });
    t.diagnostic(`started in ${Math.round(server.startMs)} ms`);
    wire = await Wire.connect(server.kafka);
    for (const topic of topics) deepEqual(await endsOf(wire, topic), Array(PARTITIONS).fill(1));
  });
});

async function writeOneTo(wire: Wire, { name, topicId }: Topic, from: number): Promise<void> {
  const records = buildBatch([{ timestampMs: Date.now(), value: Buffer.from("x") }]);
  const partitionData = Array.from({ length: PER_REQUEST }, (_, n) => ({ index: from + n, records }));
  const { responses } = await wire.ask(API.produce, 12, { acks: -1, timeoutMs: 30_000, topicData: [{ name, topicId, partitionData }] });
  ok(responses[0]?.partitionResponses.every(({ errorCode }) => errorCode === 0));
}

async function endsOf(wire: Wire, { name }: Topic): Promise<number[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, timestamp: LATEST }));
  const { topics } = await wire.ask(API.listOffsets, 7, { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] });
  return topics[0]?.partitions.map(({ offset }) => offset) ?? [];
}
