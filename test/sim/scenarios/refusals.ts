import type { Client } from "@tidemq/client/client.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { RecordBatchBuilder } from "@tidemq/protocol/record-batch-builder.ts";
import { check } from "@tidemq/server/testing/checkers/check-failure.ts";
import { produceRaw } from "../harness/raw-producer.ts";
import { readStoredLog } from "../harness/read-log.ts";
import type { Sim } from "../harness/sim.ts";
import type { Scenario } from "../scenario.ts";

const SMALL = "small";
const YEAR_MS = 365 * 86_400_000;

/** Batches that have to be refused, beside good ones: an error, offset -1, and nothing of them is ever stored. */
export const scenario: Scenario = {
  name: "refusals",
  async run(sim) {
    await sim.start();
    await sim.load.begin();
    const client = sim.load.client();
    await client.admin.createTopic({ name: SMALL, partitions: 1, replicationFactor: 1, configs: { "max.message.bytes": "1000" } });
    for (let count = sim.random.between(30, 120); count > 0; count--) {
      const target = sim.random.chance(0.1) ? { topic: "no-such", partition: 0 } : sim.random.pick(sim.load.targets);
      const answer = await produceRaw(client, target, badBatch(sim));
      check(answer.errorCode !== ErrorCode.NONE, "refusals", "a bad batch is accepted");
      check(answer.baseOffset === -1, "refusals", () => `error ${answer.errorCode} with offset ${answer.baseOffset}`);
      await sim.rest(0, 20);
      if (sim.random.chance(0.1)) await tooLarge(client, sim);
    }
    const small = await readStoredLog(client, { topic: SMALL, partition: 0 });
    check(small.end === 0, "refusals", "a batch that is too large is stored");
    await sim.finish();
  },
};

async function tooLarge(client: Client, sim: Sim): Promise<void> {
  const builder = new RecordBatchBuilder();
  builder.append({ timestampMs: sim.node.process?.clock.wallMs() ?? 0, value: Buffer.alloc(sim.random.between(1_000, 20_000)) });
  const answer = await produceRaw(client, { topic: SMALL, partition: 0 }, builder.build({}));
  check(answer.errorCode === ErrorCode.MESSAGE_TOO_LARGE, "refusals", () => `too large a batch is answered with error ${answer.errorCode}`);
  check(answer.baseOffset === -1, "refusals", () => `too large a batch is answered with offset ${answer.baseOffset}`);
}

/** Its value is one that no history knows: were it stored, the last reading would tell. */
function badBatch(sim: Sim): Uint8Array {
  const nowMs = sim.node.process?.clock.wallMs() ?? 0;
  const kind = sim.random.pick(["crc", "magic", "length", "count", "epoch", "future", "codec", "control", "empty", "flip"] as const);
  const builder = new RecordBatchBuilder();
  builder.append({ timestampMs: kind === "future" ? nowMs + YEAR_MS : nowMs, value: Buffer.from("nobody sent this") });
  const bytes = builder.build(kind === "control" ? { control: true } : kind === "epoch" ? { producerId: 7, producerEpoch: -1 } : {});
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (kind === "crc") view.setUint32(batch.CRC_AT, view.getUint32(batch.CRC_AT) ^ 1);
  else if (kind === "magic") view.setUint8(batch.MAGIC_AT, sim.random.pick([0, 1, 3]));
  else if (kind === "length") view.setInt32(batch.BATCH_LENGTH_AT, view.getInt32(batch.BATCH_LENGTH_AT) + sim.random.pick([-1, 1, 1_000]));
  else if (kind === "count") changed(bytes, () => view.setInt32(batch.RECORD_COUNT_AT, sim.random.pick([0, 2, -1])));
  else if (kind === "codec") changed(bytes, () => view.setInt16(batch.ATTRIBUTES_AT, 7));
  else if (kind === "flip") flip(sim, view);
  return kind === "empty" ? bytes.subarray(0, sim.random.between(1, 60)) : bytes;
}

/** A change under a right checksum. */
function changed(bytes: Uint8Array, change: () => void): void {
  change();
  batch.updateBatchCrc(bytes, 0);
}

/** Anywhere that the checksum covers. */
function flip(sim: Sim, view: DataView): void {
  const at = sim.random.between(batch.ATTRIBUTES_AT, view.byteLength - 1);
  view.setUint8(at, view.getUint8(at) ^ (1 << sim.random.between(0, 7)));
}
