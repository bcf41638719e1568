// Goal: what a producer sends is stored as it is or refused with Kafka's error and offset −1; offsets are what was reported.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { API } from "@tidemq/client/apis.ts";
import { COMPRESSIONS } from "@tidemq/protocol/compression.ts";
import { errorInfo } from "@tidemq/protocol/error-codes.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch, type RecordInput } from "@tidemq/protocol/record-batch-builder.ts";
import { badBatches } from "../wire/bad-batches.ts";
import { LATEST, newTopic, offsetAt, only, type Produced, produce, storedBatches, storedRecords, type Topic } from "./calls.ts";
import { freshName, startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const LOAD_IN_PROGRESS = 14;
const SEQUENCE_MAX = 2 ** 31 - 1;

let target: Target;
let wire: Wire;

before(async () => {
  target = await startTarget();
  wire = await Wire.connect(target);
});
after(async () => {
  wire?.close();
  await target?.stop();
});

describe("records", () => {
  for (const compression of COMPRESSIONS) {
    test(`${compression}: keys, values, headers, times, nulls and emptiness come back, from a batch that is stored as it was sent`, async () => {
      const topic = await newTopic(wire, compression);
      const records = sampleRecords();
      const sent = Buffer.from(buildBatch(records, { compression }));
      for (let n = 0; n < 3; n += 1) equal((await produce(wire, topic, sent)).baseOffset, n * records.length);
      const batches = await storedBatches(wire, topic);
      deepEqual(
        batches.map((one) => one.compression),
        [compression, compression, compression],
      );
      // What follows base offset, length, epoch, format and checksum is what the producer made.
      for (const one of batches) deepEqual(one.bytes.subarray(batch.ATTRIBUTES_AT), sent.subarray(batch.ATTRIBUTES_AT));
      const expected = records.map(({ timestampMs, key = null, value = null, headers = [] }) => ({ timestampMs, key, value, headers }));
      const stored = (await storedRecords(wire, topic)).map(({ timestampMs, key, value, headers }) => ({
        timestampMs,
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        headers: headers.map((header) => ({ ...header, value: header.value === null ? null : Buffer.from(header.value) })),
      }));
      deepEqual(stored, [...expected, ...expected, ...expected]);
    });
  }

  test("batches of many partitions in one request, with one that is refused among them", async () => {
    const topic = await newTopic(wire, "many", { partitions: 3 });
    const good = buildBatch(sampleRecords());
    const torn = Buffer.from(good);
    torn[80] = (torn[80] as number) ^ 1;
    const partitionData = [
      { index: 0, records: good },
      { index: 1, records: torn },
      { index: 2, records: good },
      { index: 3, records: good },
    ];
    const body = { acks: -1, timeoutMs: 5_000, topicData: [{ name: topic.name, partitionData }] };
    const answers = only((await wire.ask(API.produce, 12, body)).responses).partitionResponses;
    const byIndex = answers.toSorted((a, b) => a.index - b.index);
    deepEqual(
      byIndex.map((one) => [one.index, errorInfo(one.errorCode).name, one.baseOffset]),
      [
        [0, "NONE", 0],
        [1, "CORRUPT_MESSAGE", -1],
        [2, "NONE", 0],
        [3, "UNKNOWN_TOPIC_OR_PARTITION", -1],
      ],
    );
    equal((await offsetAt(wire, topic.name, 1, LATEST)).offset, 0);
  });
});

describe("size limit", () => {
  const limit = 10_000;
  let topic: Topic;
  before(async () => {
    topic = await newTopic(wire, "limit", { configs: { "max.message.bytes": String(limit) } });
  });

  test("a batch of exactly max.message.bytes is stored", async () => {
    const { error, baseOffset } = await produce(wire, topic, batchOfBytes(limit));
    deepEqual([error, baseOffset], ["NONE", 0]);
    equal((await storedBatches(wire, topic))[0]?.bytes.length, limit);
  });

  test("one byte more is MESSAGE_TOO_LARGE", async () => {
    refused(await produce(wire, topic, batchOfBytes(limit + 1)), "MESSAGE_TOO_LARGE");
  });

  test("the size that counts is the compressed one", async () => {
    const large = buildBatch([{ timestampMs: Date.now(), value: Buffer.alloc(10 * limit) }], { compression: "zstd" });
    equal((await produce(wire, topic, large)).error, "NONE");
  });

  test("Kafka's default: 1048588 bytes go, 1048589 do not", async () => {
    const other = await newTopic(wire, "default-limit");
    deepEqual([(await produce(wire, other, batchOfBytes(1_048_588))).error], ["NONE"]);
    refused(await produce(wire, other, batchOfBytes(1_048_589)), "MESSAGE_TOO_LARGE");
    equal((await storedRecords(wire, other)).length, 1);
  });

  test("8 MiB where a topic allows it, and one byte", async () => {
    const other = await newTopic(wire, "large", { configs: { "max.message.bytes": String(9 * 1024 * 1024) } });
    const value = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef!");
    for (const [n, bytes] of [value, value.subarray(0, 1), value].entries()) {
      equal((await produce(wire, other, buildBatch([{ timestampMs: Date.now(), value: bytes }]))).baseOffset, n);
    }
    const stored = await storedRecords(wire, other);
    deepEqual(
      stored.map((record) => record.value?.byteLength),
      [value.length, 1, value.length],
    );
    ok(Buffer.from(stored[2]?.value ?? Buffer.alloc(0)).equals(value));
  });
});

describe("acks", () => {
  let topic: Topic;
  before(async () => {
    topic = await newTopic(wire, "acks");
  });

  test("0: no answer, and stored all the same", async () => {
    const body = (records: Uint8Array) => ({
      acks: 0,
      timeoutMs: 5_000,
      topicData: [{ name: topic.name, partitionData: [{ index: 0, records }] }],
    });
    const other = await Wire.connect(target);
    for (const value of ["a", "b"]) other.send(API.produce.request, 12, body(valueBatch(value)));
    // The answer to the request behind them is the next one.
    equal((await other.ask(API.apiVersions, 4, { clientSoftwareName: "a", clientSoftwareVersion: "1" })).errorCode, 0);
    other.close();
    const giveUpAtMs = Date.now() + 3_000;
    while ((await offsetAt(wire, topic.name, 0, LATEST)).offset < 2 && Date.now() < giveUpAtMs);
    deepEqual(await values(topic), ["a", "b"]);
  });

  test("0: a batch that is refused ends the connection", async () => {
    const other = await Wire.connect(target);
    const records = Buffer.from(valueBatch("x"));
    records[records.length - 2] = (records.at(-2) as number) ^ 1;
    const topicData = [{ name: topic.name, partitionData: [{ index: 0, records }] }];
    other.send(API.produce.request, 12, { acks: 0, timeoutMs: 5_000, topicData });
    await other.whenClosed();
  });

  for (const acks of [1, -1]) {
    test(`${acks}: answered with the offset`, async () => {
      const end = (await offsetAt(wire, topic.name, 0, LATEST)).offset;
      deepEqual([(await produce(wire, topic, valueBatch("c"), { acks })).baseOffset], [end]);
    });
  }

  for (const acks of [2, -3, 32_767]) {
    test(`${acks} is INVALID_REQUIRED_ACKS`, async () => {
      refused(await produce(wire, topic, valueBatch("x"), { acks }), "INVALID_REQUIRED_ACKS");
    });
  }
});

describe("batches that should not be", () => {
  const answers = JSON.parse(readFileSync(new URL("../wire/testdata/kafka-answers.json", import.meta.url), "utf8")) as Record<
    string,
    string
  >;
  /** Where TideMQ differs. Stricter, as test/wire/kafka-answers.test.ts explains; then laxer: it does not look into records. */
  const ours: Readonly<Record<string, string>> = {
    "a batch and half of another": "INVALID_RECORD",
    "transactional without producer": "INVALID_RECORD",
    "control batch that is complete": "INVALID_RECORD",
    "negative base timestamp": "INVALID_TIMESTAMP",
    "max timestamp beyond all time": "INVALID_TIMESTAMP",
    "producer id -2": "INVALID_RECORD",
    "producer without epoch": "INVALID_PRODUCER_EPOCH",
    "count and delta agree on one too many": "NONE",
    "count and delta agree on one too few": "NONE",
    "record longer than the batch": "NONE",
    "record of negative length": "NONE",
    "key longer than the record": "NONE",
    "bytes after the last record": "NONE",
    ...Object.fromEntries(
      COMPRESSIONS.slice(1).flatMap((codec) =>
        [
          `damaged ${codec}`,
          `damaged tail of ${codec}`,
          `${codec} with one record too many in the header`,
          `uncompressed, but says ${codec}`,
        ].map((name) => [name, "NONE"]),
      ),
    ),
  };
  let topic: Topic;
  before(async () => {
    topic = await newTopic(wire, "bad");
  });
  for (const { name, bytes } of badBatches(Date.now())) {
    test(name, async () => {
      const expected = target.isKafka ? answers[name] : (ours[name] ?? answers[name]);
      const end = (await offsetAt(wire, topic.name, 0, LATEST)).offset;
      const produced = await produce(wire, topic, bytes);
      equal(produced.error, expected);
      if (expected === "NONE") return equal(produced.baseOffset, end);
      refused(produced, expected ?? "");
      equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, end, "nothing of it is there");
    });
  }
});

describe("no such place", () => {
  for (const version of [3, 12]) {
    test(`an unknown topic in version ${version}`, async () => {
      refused(await produce(wire, { name: freshName("never"), topicId: "" }, valueBatch("x"), { version }), "UNKNOWN_TOPIC_OR_PARTITION");
    });
  }

  test("an unknown partition, a negative one, an unknown id", async () => {
    const topic = await newTopic(wire, "one");
    refused(await produce(wire, topic, valueBatch("x"), { partition: 1 }), "UNKNOWN_TOPIC_OR_PARTITION");
    refused(await produce(wire, topic, valueBatch("x"), { partition: -1 }), "UNKNOWN_TOPIC_OR_PARTITION");
    const strange = { name: topic.name, topicId: "AAAAAAAAAAAAAAAAAAAABQ" };
    refused(await produce(wire, strange, valueBatch("x"), { version: 13 }), "UNKNOWN_TOPIC_ID");
  });

  test("a name that is none", async () => {
    const { error, baseOffset } = await produce(wire, { name: "a/b", topicId: "" }, valueBatch("x"));
    ok(["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION"].includes(error), error);
    equal(baseOffset, -1);
  });
});

describe("idempotence", () => {
  let topic: Topic;
  before(async () => {
    topic = await newTopic(wire, "idempotent", { partitions: 12 });
  });
  const send = (partition: number, producerId: number, baseSequence: number, options: { epoch?: number; records?: number } = {}) => {
    const records = Array.from({ length: options.records ?? 2 }, (_, n) => ({
      timestampMs: Date.now(),
      value: Buffer.from(`${baseSequence + n}`),
    }));
    return produce(wire, topic, buildBatch(records, { producerId, producerEpoch: options.epoch ?? 0, baseSequence }), { partition });
  };

  test("every producer gets an id of its own", async () => {
    const ids = [await producerId(), await producerId(), await producerId()];
    equal(new Set(ids).size, 3);
    ok(ids.every((id) => id >= 0));
  });

  test("a repeated batch is answered with the offset that it has", async () => {
    const id = await producerId();
    const offsets: number[] = [];
    for (let n = 0; n < 5; n += 1) offsets.push((await send(0, id, n * 2)).baseOffset);
    deepEqual(offsets, [0, 2, 4, 6, 8]);
    for (const n of [4, 0, 2, 1, 3]) {
      const { error, baseOffset } = await send(0, id, n * 2);
      deepEqual([error, baseOffset], ["NONE", n * 2]);
    }
    equal((await offsetAt(wire, topic.name, 0, LATEST)).offset, 10);
  });

  test("an old batch, beyond the five that are remembered, is refused", async () => {
    const id = await producerId();
    for (let n = 0; n < 7; n += 1) equal((await send(1, id, n * 2)).error, "NONE");
    // It is stored, and clients take the name of our error for that; Kafka's makes them give up.
    refused(await send(1, id, 0), target.isKafka ? "OUT_OF_ORDER_SEQUENCE_NUMBER" : "DUPLICATE_SEQUENCE_NUMBER");
  });

  test("a gap is OUT_OF_ORDER_SEQUENCE_NUMBER, and the right batch goes on", async () => {
    const id = await producerId();
    equal((await send(2, id, 0)).error, "NONE");
    refused(await send(2, id, 3), "OUT_OF_ORDER_SEQUENCE_NUMBER");
    equal((await send(2, id, 2)).baseOffset, 2);
  });

  test("an unknown producer may begin anywhere", async () => {
    equal((await send(3, await producerId(), 17)).error, "NONE");
  });

  test("a newer epoch begins at 0, an older one is INVALID_PRODUCER_EPOCH", async () => {
    const id = await producerId();
    equal((await send(4, id, 0)).error, "NONE");
    refused(await send(4, id, 5, { epoch: 1 }), "OUT_OF_ORDER_SEQUENCE_NUMBER");
    equal((await send(4, id, 0, { epoch: 1 })).baseOffset, 2);
    refused(await send(4, id, 2, { epoch: 0 }), "INVALID_PRODUCER_EPOCH");
    equal((await send(4, id, 2, { epoch: 1 })).baseOffset, 4);
  });

  test("sequence numbers go round at 2^31", async () => {
    const id = await producerId();
    equal((await send(5, id, SEQUENCE_MAX - 3)).baseOffset, 0); // … max − 2
    equal((await send(5, id, SEQUENCE_MAX - 1, { records: 4 })).baseOffset, 2); // max − 1, max, 0, 1
    equal((await send(5, id, 2)).baseOffset, 6);
    refused(await send(5, id, 5), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  });

  test("five requests in flight, each sent twice, are stored once and in order", async () => {
    const id = await producerId();
    const pair = await Promise.all([Wire.connect(target), Wire.connect(target)]);
    for (let round = 0; round < 20; round += 1) {
      const answers = [0, 1, 2, 3, 4].map((n) => {
        const baseSequence = round * 5 + n;
        const record = { timestampMs: Date.now(), value: Buffer.from(String(baseSequence)) };
        const bytes = buildBatch([record], { producerId: id, producerEpoch: 0, baseSequence });
        return produce(pair[0], topic, bytes, { partition: 6 }).then(async (first) => {
          equal((await produce(pair[1], topic, bytes, { partition: 6 })).baseOffset, first.baseOffset);
          return first.baseOffset;
        });
      });
      deepEqual(
        await Promise.all(answers),
        [0, 1, 2, 3, 4].map((n) => round * 5 + n),
      );
    }
    deepEqual(
      await values(topic, 6),
      Array.from({ length: 100 }, (_, n) => String(n)),
    );
    for (const one of pair) one.close();
  });
});

describe("time", () => {
  test("CreateTime keeps the producer's times and reports none", async () => {
    const topic = await newTopic(wire, "create-time", { configs: { "message.timestamp.type": "CreateTime" } });
    const now = Date.now();
    const times = [now - 1000, now - 3000, now + 500];
    equal((await produce(wire, topic, timesBatch(times))).logAppendTimeMs, -1);
    deepEqual(
      (await storedRecords(wire, topic)).map((record) => record.timestampMs),
      times,
    );
    equal((await storedBatches(wire, topic))[0]?.usesLogAppendTime, false);
  });

  for (const compression of ["none", "zstd"] as const) {
    test(`LogAppendTime (${compression}) gives all records of a batch the time of the append, and reports it`, async () => {
      const topic = await newTopic(wire, "append-time", { configs: { "message.timestamp.type": "LogAppendTime" } });
      const before = Date.now();
      const { logAppendTimeMs } = await produce(wire, topic, timesBatch([5, 999_999_999_999_9, 7], compression));
      ok(logAppendTimeMs >= before - 1 && logAppendTimeMs <= Date.now() + 1, String(logAppendTimeMs - before));
      const stored = only(await storedBatches(wire, topic));
      deepEqual([stored.usesLogAppendTime, stored.compression], [true, compression]);
      deepEqual(
        stored.records.map((record) => record.timestampMs),
        [logAppendTimeMs, logAppendTimeMs, logAppendTimeMs],
      );
    });
  }

  test("a time further off than the topic allows is INVALID_TIMESTAMP", async () => {
    const configs = { "message.timestamp.before.max.ms": "10000", "message.timestamp.after.max.ms": "20000" };
    const topic = await newTopic(wire, "bounds", { configs });
    const now = Date.now();
    equal((await produce(wire, topic, timesBatch([now - 5_000, now + 15_000]))).error, "NONE");
    refused(await produce(wire, topic, timesBatch([now - 12_000])), "INVALID_TIMESTAMP");
    refused(await produce(wire, topic, timesBatch([now + 30_000])), "INVALID_TIMESTAMP");
    refused(await produce(wire, topic, timesBatch([now, now + 30_000])), "INVALID_TIMESTAMP");
  });
});

test("a thousand batches of one record, pipelined, have dense offsets in order", async () => {
  const topic = await newTopic(wire, "pipelined");
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) => produce(wire, topic, valueBatch(String(n)))));
  deepEqual(
    answers.map((one) => one.baseOffset),
    Array.from({ length: 1000 }, (_, n) => n),
  );
  deepEqual(
    await values(topic),
    Array.from({ length: 1000 }, (_, n) => String(n)),
  );
});

/** Refused with this error, and as little is said of an offset as can be. */
function refused(produced: Produced, error: string): void {
  deepEqual([produced.error, produced.baseOffset, produced.logAppendTimeMs], [error, -1, -1]);
}

function sampleRecords(): RecordInput[] {
  const timestampMs = Date.now();
  const bytes = (text: string) => Buffer.from(text);
  return [
    { timestampMs, key: bytes("key"), value: bytes("value") },
    { timestampMs: timestampMs + 5, key: null, value: bytes("no key") },
    { timestampMs: timestampMs - 5, key: bytes("no value"), value: null },
    { timestampMs, key: bytes(""), value: bytes("") },
    { timestampMs, key: null, value: null },
    { timestampMs, value: bytes("\u00e4\u{1f30a}\0\n") },
    {
      timestampMs,
      value: bytes("headers"),
      headers: [
        { key: "a", value: bytes("1") },
        { key: "a", value: bytes("twice") },
        { key: "empty", value: bytes("") },
        { key: "null", value: null },
        { key: "", value: bytes("nameless") },
      ],
    },
    { timestampMs, value: Buffer.alloc(20_000, "compressible ") },
  ];
}

/** A batch of exactly so many bytes. */
function batchOfBytes(bytes: number): Uint8Array {
  for (let value = bytes - 80; ; value += 1) {
    const built = buildBatch([{ timestampMs: Date.now(), value: Buffer.alloc(value, 7) }]);
    if (built.length === bytes) return built;
    if (built.length > bytes) throw new Error(`no batch has ${bytes} bytes`);
  }
}

function valueBatch(...texts: readonly string[]): Uint8Array {
  return buildBatch(texts.map((text) => ({ timestampMs: Date.now(), value: Buffer.from(text) })));
}

function timesBatch(times: readonly number[], compression: "none" | "zstd" = "none"): Uint8Array {
  return buildBatch(
    times.map((timestampMs) => ({ timestampMs, value: Buffer.from("x") })),
    { compression },
  );
}

async function values(topic: Topic, partition = 0): Promise<string[]> {
  return (await storedRecords(wire, topic, partition)).map((record) => String(Buffer.from(record.value ?? Buffer.alloc(0))));
}

async function producerId(): Promise<number> {
  for (;;) {
    const answer = await wire.ask(API.initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 });
    if (answer.errorCode === 0) return answer.producerId;
    if (!target.isKafka || answer.errorCode !== LOAD_IN_PROGRESS) throw new Error(errorInfo(answer.errorCode).name);
  }
}
