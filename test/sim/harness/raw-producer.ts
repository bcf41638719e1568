import { API } from "@tidemq/client/apis.ts";
import type { Client } from "@tidemq/client/client.ts";
import { RecordBatchBuilder } from "@tidemq/protocol/record-batch-builder.ts";
import { NODE_ID } from "@tidemq/server/process/control/local-control.ts";
import { partitionKey, type Sender } from "@tidemq/server/testing/checkers/history.ts";
import { payload } from "@tidemq/server/testing/checkers/payload.ts";
import type { Sim } from "./sim.ts";
import type { Target } from "./target.ts";

/** Newest version of Produce that names topics. */
const VERSION_WITH_NAMES = 12;
const TIMEOUT_MS = 10_000;

export type ProduceAnswer = Readonly<{ errorCode: number; baseOffset: number }>;

/** Sends one prepared batch to one partition, once. @throws {ClientError} When no answer comes. */
export async function produceRaw(client: Client, target: Target, records: Uint8Array): Promise<ProduceAnswer> {
  const response = await client.admin.request(
    API.produce,
    VERSION_WITH_NAMES,
    {
      acks: -1,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: target.topic, partitionData: [{ index: target.partition, records }] }],
    },
    NODE_ID,
  );
  const answer = response.responses[0]?.partitionResponses[0];
  if (answer === undefined) throw new Error("an answer without the partition that was asked for");
  return { errorCode: answer.errorCode, baseOffset: answer.baseOffset };
}

/** A producer that decides itself which batch goes when, and may send one again. */
export class RawProducer {
  readonly sender: Sender;
  readonly #sim: Sim;
  readonly #client: Client;
  readonly #target: Target;
  readonly #producerId: number;
  #producerEpoch: number;

  #sequenceStart = 0;

  static async open(sim: Sim, client: Client, name: string, target: Target): Promise<RawProducer> {
    const answer = await client.admin.request(API.initProducerId, undefined, { transactionalId: null, transactionTimeoutMs: 0 });
    if (answer.errorCode !== 0) throw new Error(`no producer id: error ${answer.errorCode}`);
    return new RawProducer(sim, client, name, target, Number(answer.producerId), answer.producerEpoch);
  }

  private constructor(sim: Sim, client: Client, name: string, target: Target, producerId: number, producerEpoch: number) {
    this.#sim = sim;
    this.#client = client;
    this.#target = target;
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    this.sender = sim.history.sender(name, true);
  }

  /** New records, as a batch with the next sequence numbers. */
  batch(count: number): Uint8Array {
    const baseSequence = this.sender.sent.length - this.#sequenceStart;
    const builder = new RecordBatchBuilder();
    for (let record = 0; record < count; record++) {
      const sent = this.#sim.history.sending(this.sender, partitionKey(this.#target.topic, this.#target.partition), this.#sim.world.nowMs);
      builder.append({ timestampMs: this.#client.cluster.parts.clock.wallMs(), value: payload(sent.id, 100) });
    }
    return builder.build({ producerId: this.#producerId, producerEpoch: this.#producerEpoch, baseSequence });
  }

  /** @param client Instead of its own. */
  send(records: Uint8Array, client: Client = this.#client): Promise<ProduceAnswer> {
    return produceRaw(client, this.#target, Uint8Array.from(records));
  }

  /** A new epoch of the same producer, whose sequence begins anew; only before its first batch, or behind its last. */
  nextEpoch(): void {
    this.#producerEpoch += 1;
    this.#sequenceStart = this.sender.sent.length;
  }

  /** The last `count` records are acknowledged at this offset. */
  acked(count: number, baseOffset: number): void {
    const { sent } = this.sender;
    const first = sent.length - count;
    for (let at = 0; at < count; at++) {
      const record = sent[first + at];
      if (record !== undefined) this.#sim.history.acked(record, baseOffset + at, this.#sim.world.nowMs);
    }
  }
}
