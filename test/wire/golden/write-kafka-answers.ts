// Writes testdata/kafka-answers.json: the error code that Apache Kafka gives to each batch of bad-batches.ts.
//
//   node test/wire/golden/write-kafka-answers.ts
//
// Needs Java, and Maven for the first download.
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import { decodeResponseHeader, encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import { createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import { startKafka } from "../../../bench/kafka-server.ts";
import { badBatches } from "../bad-batches.ts";

const PRODUCE_VERSION = 12;

const kafka = await startKafka({ synced: false, heapMiB: 512 });
try {
  const answers: Record<string, string> = {};
  const socket = connect(kafka.port, kafka.host);
  const topics = [{ name: "plain", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  await ask(socket, createTopicsRequest, createTopicsResponse, 5, { topics });
  for (const { name, bytes } of badBatches(Date.now())) answers[name] = await answerTo(socket, bytes);
  socket.destroy();
  writeFileSync(new URL("../testdata/kafka-answers.json", import.meta.url), `${JSON.stringify(answers, undefined, 2)}\n`);
} finally {
  await kafka.stop();
}

async function answerTo(socket: Socket, records: Buffer): Promise<string> {
  const topicData = [{ name: "plain", partitionData: [{ index: 0, records }] }];
  const response = await ask(socket, produceRequest, produceResponse, PRODUCE_VERSION, { acks: -1, timeoutMs: 10_000, topicData });
  return errorInfo(response.responses[0]?.partitionResponses[0]?.errorCode ?? -2).name;
}

async function ask<Q extends Message, R extends Message>(
  socket: Socket,
  request: Q,
  response: R,
  version: number,
  value: MessageInput<Q>,
): Promise<MessageOf<R>> {
  const writer = new ByteWriter();
  encodeRequestFrame(request, version, 1, "wire-test", value, writer);
  socket.write(writer.finish());
  const frame = await readFrame(socket);
  const reader = new ByteReader(frame);
  decodeResponseHeader(response.apiKey, version, reader);
  return decodeMessage(response, version, reader);
}

async function readFrame(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) return bytes.subarray(4);
  }
  throw new Error("the connection ended without an answer");
}
