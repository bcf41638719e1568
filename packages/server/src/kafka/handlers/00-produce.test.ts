import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, test } from "node:test";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { encodeRequestFrame } from "@tidemq/protocol/headers.ts";
import { produceRequest, produceResponse } from "@tidemq/protocol/messages/00-produce.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { type BatchOptions, buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const VERSION = 12;

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
  await fixture.createTopic("orders", 2);
});

function batchOf(values: readonly string[], options: BatchOptions = {}, timestampMs = fixture.clock.wallMs()): Buffer {
  return Buffer.from(
    buildBatch(
      values.map((value) => ({ timestampMs, value: Buffer.from(value) })),
      options,
    ),
  );
}

type Body = MessageInput<typeof produceRequest>;

function body(records: Uint8Array | null, more: Partial<Body> = {}, name = "orders", index = 0): Body {
  return { acks: -1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index, records }] }], ...more };
}

function answers(version = VERSION, from = client) {
  const answer = from.answer(produceResponse, version);
  return answer?.responses.flatMap((topic) =>
    topic.partitionResponses.map(({ index, errorCode, baseOffset }) => [index, errorCode, baseOffset]),
  );
}

/** The single partition's error; the offset has to be −1 with it. */
function refusal(records: Uint8Array | null, more: Partial<Body> = {}, version = VERSION): number {
  client.send(produceRequest, version, body(records, more));
  const [answered] = answers(version) ?? [];
  if (answered?.[1] !== 0) equal(answered?.[2], -1);
  return answered?.[1] ?? Number.NaN;
}

test("answered when the records are durable, with the offset; in every version", async () => {
  const topicId = await fixture.createTopic("all", 1);
  let offset = 0;
  for (let version = produceRequest.versions.min; version <= produceRequest.versions.max; version += 1) {
    const records = batchOf(["a", "b"]);
    const topic = version >= 13 ? { topicId } : { name: "all" };
    client.send(produceRequest, version, { acks: -1, timeoutMs: 1000, topicData: [{ ...topic, partitionData: [{ index: 0, records }] }] });
    equal(answers(version), undefined);
    fixture.sync();
    deepEqual(answers(version), [[0, 0, offset]]);
    offset += 2;
  }
  equal(fixture.partition("all").highWatermark, offset);
  equal(fixture.counters.producedRecords, offset);
});

test("requests of a connection are in flight together and answered in order, in one write", () => {
  for (const value of ["a", "b", "c"]) client.send(produceRequest, VERSION, body(batchOf([value])));
  equal(client.socket.writes.length, 0);
  fixture.sync();
  equal(client.socket.writes.length, 1);
  deepEqual([answers(), answers(), answers()], [[[0, 0, 0]], [[0, 0, 1]], [[0, 0, 2]]]);
});

test("many partitions in one request: each has its own fate", () => {
  const [good, torn] = [batchOf(["a"]), batchOf(["b"])];
  torn.writeUInt8(torn.readUInt8(torn.length - 1) ^ 1, torn.length - 1);
  const partitionData = [
    { index: 1, records: good },
    { index: 0, records: torn },
    { index: 7, records: good },
    { index: 0, records: good },
  ];
  client.send(
    produceRequest,
    VERSION,
    body(null, {
      topicData: [
        { name: "orders", partitionData },
        { name: "nothing", partitionData: [{ index: 0, records: good }] },
      ],
    }),
  );
  fixture.sync();
  deepEqual(answers(), [
    [1, 0, 0],
    [0, ErrorCode.CORRUPT_MESSAGE, -1],
    [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
    [0, 0, 0],
    [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
  ]);
});

test("an empty request, an empty topic", () => {
  for (let version = produceRequest.versions.min; version <= produceRequest.versions.max; version += 1) {
    client.send(produceRequest, version, body(null, { topicData: [] }));
    deepEqual(answers(version), []);
  }
  client.send(produceRequest, VERSION, body(null, { topicData: [{ name: "orders", partitionData: [] }] }));
  deepEqual(answers(), []);
});

describe("refused with Kafka's error and offset −1", () => {
  test("acks that do not exist", () => {
    for (const acks of [2, -3, 32_767]) equal(refusal(batchOf(["a"]), { acks }), ErrorCode.INVALID_REQUIRED_ACKS);
  });

  test("no records, no batch, two batches", () => {
    equal(refusal(null), ErrorCode.INVALID_RECORD);
    equal(refusal(Buffer.alloc(0)), ErrorCode.INVALID_RECORD);
    equal(refusal(Buffer.concat([batchOf(["a"]), batchOf(["b"])])), ErrorCode.INVALID_RECORD);
  });

  test("too large for the topic: exactly the limit goes, one byte more does not", async () => {
    const records = batchOf(["x".repeat(1000)]);
    for (const [limit, code] of [
      [records.byteLength, 0],
      [records.byteLength - 1, ErrorCode.MESSAGE_TOO_LARGE],
    ] as const) {
      const change = fixture.controller.alterTopicConfigs(
        "orders",
        [{ name: "max.message.bytes", operation: "set", value: String(limit) }],
        false,
      );
      await fixture.settle(change);
      client.send(produceRequest, VERSION, body(records));
      fixture.sync();
      equal(answers()?.[0]?.[1], code);
    }
  });

  test("zstd before version 7, codecs that do not exist", () => {
    equal(refusal(batchOf(["a"], { compression: "zstd" }), {}, 6), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    const unknown = batchOf(["a"]);
    unknown.writeInt16BE(6, batch.ATTRIBUTES_AT);
    batch.updateBatchCrc(unknown, 0);
    equal(refusal(unknown), ErrorCode.UNKNOWN_SERVER_ERROR); // as Kafka does
  });

  test("transactions", () => {
    equal(refusal(batchOf(["a"]), { transactionalId: "t" }), ErrorCode.UNSUPPORTED_VERSION);
    const options = { producerId: 4, producerEpoch: 0, baseSequence: 0, transactional: true };
    equal(refusal(batchOf(["a"], options)), ErrorCode.UNSUPPORTED_VERSION);
  });

  test("timestamps far ahead or far behind", async () => {
    const nowMs = fixture.clock.wallMs();
    equal(refusal(batchOf(["a"], {}, nowMs + 3_600_001)), ErrorCode.INVALID_TIMESTAMP);
    const change = fixture.controller.alterTopicConfigs(
      "orders",
      [{ name: "message.timestamp.before.max.ms", operation: "set", value: "1000" }],
      false,
    );
    await fixture.settle(change);
    equal(refusal(batchOf(["a"], {}, nowMs - 5000)), ErrorCode.INVALID_TIMESTAMP);
    client.send(produceRequest, VERSION, body(batchOf(["a"], {}, fixture.clock.wallMs() - 500)));
    fixture.sync();
    deepEqual(answers(), [[0, 0, 0]]);
  });

  test("a full log; it slows before", () => {
    fixture.wal.admits = -1;
    equal(refusal(batchOf(["a"])), ErrorCode.NOT_ENOUGH_REPLICAS);
    fixture.wal.admits = 300;
    client.send(produceRequest, VERSION, body(batchOf(["a"])));
    fixture.sync();
    equal(client.answer(produceResponse, VERSION)?.throttleTimeMs, 300);
    client.send(produceRequest, VERSION, body(batchOf(["b"])));
    equal(fixture.partition("orders").logEnd, 1);
    equal(client.socket.isPaused, true);
    fixture.clock.advance(301);
    equal(client.socket.isPaused, false);
    equal(fixture.listener.counters.throttled, 1);
  });

  test("an unknown topic id", () => {
    client.send(produceRequest, 13, {
      acks: -1,
      timeoutMs: 1,
      topicData: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
    });
    deepEqual(answers(13), [[0, ErrorCode.UNKNOWN_TOPIC_ID, -1]]);
  });
});

test("append time: the broker's, in the stored batch and in the answer", async () => {
  await fixture.createTopic("stamped", 1, { "message.timestamp.type": "LogAppendTime" });
  client.send(produceRequest, VERSION, body(batchOf(["a", "b"], {}, 1000), {}, "stamped"));
  fixture.sync();
  const [topic] = client.answer(produceResponse, VERSION)?.responses ?? [];
  equal(topic?.partitionResponses[0]?.logAppendTimeMs, fixture.clock.wallMs());
  const slices = fixture.partition("stamped").read(0, 10_000, true);
  ok(!(slices instanceof Promise));
  const [stored] = slices.pieces;
  ok(stored !== undefined && batch.isBatchCrcRight(stored, 0) && batch.usesLogAppendTime(stored, 0));
  equal(batch.maxTimestamp(stored, 0), fixture.clock.wallMs());
});

describe("acks 0", () => {
  test("no answer, and the records are there", () => {
    client.send(produceRequest, VERSION, body(batchOf(["a"]), { acks: 0 }));
    client.send(produceRequest, VERSION, body(batchOf(["b"])));
    fixture.sync();
    deepEqual(answers(), [[0, 0, 1]]);
    equal(answers(), undefined);
  });

  test("an error ends the connection", () => {
    client.send(produceRequest, VERSION, body(batchOf(["a"]), { acks: 0 }, "nothing"));
    equal(client.socket.isDestroyed, true);
    equal(fixture.listener.budget.used, 0);
  });
});

describe("idempotent producers", () => {
  const from = (baseSequence: number, values: readonly string[] = ["a"]) =>
    batchOf(values, { producerId: 9, producerEpoch: 0, baseSequence });

  test("a repeated batch gets the first one's offset, and not before that is durable", () => {
    client.send(produceRequest, VERSION, body(from(0)));
    const other = fixture.connect();
    other.send(produceRequest, VERSION, body(from(0)));
    equal(answers(VERSION, other), undefined);
    fixture.sync();
    deepEqual(answers(), [[0, 0, 0]]);
    deepEqual(answers(VERSION, other), [[0, 0, 0]]);
    other.send(produceRequest, VERSION, body(from(0)));
    deepEqual(answers(VERSION, other), [[0, 0, 0]]);
    equal(fixture.partition("orders").logEnd, 1);
  });

  test("a gap is out of order", () => {
    client.send(produceRequest, VERSION, body(from(0)));
    client.send(produceRequest, VERSION, body(from(5)));
    fixture.sync();
    deepEqual([answers(), answers()], [[[0, 0, 0]], [[0, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1]]]);
  });
});

test("not durable in time: REQUEST_TIMED_OUT and offset −1; later requests are not held up for ever", () => {
  client.send(produceRequest, VERSION, body(batchOf(["a"]), { timeoutMs: 1000 }));
  client.send(produceRequest, VERSION, body(batchOf(["b"]), { timeoutMs: 60_000 }));
  fixture.clock.advance(900);
  equal(answers(), undefined);
  fixture.clock.advance(700);
  deepEqual(answers(), [[0, ErrorCode.REQUEST_TIMED_OUT, -1]]);
  equal(answers(), undefined);
  fixture.sync();
  deepEqual(answers(), [[0, 0, 1]]);
});

test("a request that became durable after its time was over changes nothing for those that wait", () => {
  for (const timeoutMs of [100, 5000, 5000]) client.send(produceRequest, VERSION, body(batchOf(["a"]), { timeoutMs }));
  fixture.clock.advance(600);
  deepEqual(answers(), [[0, ErrorCode.REQUEST_TIMED_OUT, -1]]);
  fixture.sync();
  deepEqual([answers(), answers(), answers()], [[[0, 0, 1]], [[0, 0, 2]], undefined]);
  client.send(produceRequest, VERSION, body(batchOf(["b"]), { timeoutMs: 100 }));
  client.send(produceRequest, VERSION, body(batchOf(["c"]), { timeoutMs: 5000 }));
  fixture.clock.advance(600);
  fixture.sync();
  client.send(produceRequest, VERSION, body(batchOf(["d"]), { timeoutMs: 100 }));
  fixture.clock.advance(1200);
  deepEqual(
    [answers(), answers(), answers()],
    [[[0, ErrorCode.REQUEST_TIMED_OUT, -1]], [[0, 0, 4]], [[0, ErrorCode.REQUEST_TIMED_OUT, -1]]],
  );
});

test("one that reports late does not let others be forgotten", () => {
  const other = fixture.connect();
  client.send(produceRequest, VERSION, body(batchOf(["a"]), { timeoutMs: 100 }));
  fixture.clock.advance(600);
  other.send(produceRequest, VERSION, body(batchOf(["b"]), { timeoutMs: 100 }, "orders", 1));
  const late = fixture.partition("orders");
  late.wal.durableEnd = late.logEnd;
  late.durableMoved(); // only the first one's partition
  fixture.clock.advance(1200);
  deepEqual(answers(VERSION, other), [[1, ErrorCode.REQUEST_TIMED_OUT, -1]]);
});

test("a topic deleted while its records wait: the outcome is unknown to nobody", async () => {
  client.send(produceRequest, VERSION, body(batchOf(["a"])));
  await fixture.settle(fixture.controller.deleteTopics([{ name: "orders", topicId: undefined }]));
  fixture.listener.flush();
  deepEqual(answers(), [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1]]);
});

test("a connection that dies with requests in flight leaves other connections' answers alone", () => {
  client.send(produceRequest, VERSION, body(batchOf(["a"]), { timeoutMs: 100 }));
  client.socket.closed("reset");
  const other = fixture.connect();
  other.send(produceRequest, VERSION, body(batchOf(["b"]), { timeoutMs: 60_000 }));
  fixture.clock.advance(2000); // the dead one's time is over; the memory of its answer is now the other one's
  fixture.sync();
  deepEqual(answers(VERSION, other), [[0, 0, 1]]);
  equal(fixture.clock.timers >= 0, true);
});

test("a malformed request appends nothing, wherever it breaks, and ends its connection", () => {
  const writer = new ByteWriter();
  const partitionData = [0, 1].map((index) => ({ index, records: batchOf(["a"]) }));
  encodeRequestFrame(produceRequest, VERSION, 7, "test", body(null, { topicData: [{ name: "orders", partitionData }] }), writer);
  const whole = Buffer.from(writer.finish());
  for (let end = 12; end < whole.byteLength; end += 1) {
    const cut = Buffer.from(whole.subarray(0, end));
    cut.writeInt32BE(end - 4, 0);
    const other = fixture.connect();
    other.socket.deliver(cut);
    equal(other.socket.isDestroyed, true, `cut at ${end}`);
  }
  equal(fixture.listener.counters.connectionsCutOff, whole.byteLength - 12);
  deepEqual([fixture.partition("orders").logEnd, fixture.partition("orders", 1).logEnd], [0, 0]);
});

test("once nothing waits, nothing ticks", () => {
  client.send(produceRequest, VERSION, body(batchOf(["a"])));
  fixture.sync();
  client.socket.closed();
  fixture.clock.advance(10_000);
  equal(fixture.clock.timers, 0);
});
