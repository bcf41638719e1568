import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { fetchRequest, fetchResponse } from "@tidemq/protocol/messages/01-fetch.ts";
import * as batch from "@tidemq/protocol/record-batch.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import type { MessageInput } from "@tidemq/protocol/schema.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const VERSION = 12;

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
  await fixture.createTopic("orders", 3);
});

/** Appends batches of one record each, of about so many bytes; returns what lies in the log. */
function append(index: number, sizes: readonly number[], isDurable = true): void {
  for (const size of sizes) {
    const bytes = Buffer.from(buildBatch([{ timestampMs: fixture.clock.wallMs(), value: Buffer.alloc(size, size & 0xff) }]));
    equal(fixture.partition("orders", index).append(bytes, 0, bytes.byteLength, undefined).code, undefined);
  }
  if (isDurable) fixture.sync();
}

type Body = MessageInput<typeof fetchRequest>;
type Asked = Readonly<{ offset: number; bytesMax?: number; leaderEpoch?: number; lastFetchedEpoch?: number }>;

function body(asked: Readonly<Record<number, Asked>>, more: Partial<Body> = {}): Body {
  const partitions = Object.entries(asked).map(([index, { offset, bytesMax = 1_000_000, leaderEpoch, lastFetchedEpoch }]) => ({
    partition: Number(index),
    fetchOffset: offset,
    partitionMaxBytes: bytesMax,
    currentLeaderEpoch: leaderEpoch,
    lastFetchedEpoch,
  }));
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 10_000_000,
    topics: partitions.length === 0 ? [] : [{ topic: "orders", partitions }],
    ...more,
  };
}

function answer(version = VERSION, from = client) {
  const answered = from.answer(fetchResponse, version);
  if (answered === undefined) return undefined;
  const partitions = answered.responses.flatMap((topic) =>
    topic.partitions.map(({ partitionIndex, errorCode, highWatermark, records, ...rest }) => ({
      index: partitionIndex,
      errorCode,
      highWatermark,
      offsets: offsetsIn(records ?? Buffer.alloc(0)),
      ...rest,
    })),
  );
  return { errorCode: answered.errorCode, sessionId: answered.sessionId, partitions };
}

/** Base offsets of the whole batches; anything left over is a fault. */
function offsetsIn(records: Uint8Array): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (
    let size = batch.wholeBatchBytes(records, at, records.byteLength);
    size > 0;
    size = batch.wholeBatchBytes(records, at, records.byteLength)
  ) {
    ok(batch.isBatchCrcRight(records, at));
    offsets.push(batch.baseOffset(records, at));
    at += size;
  }
  equal(at, records.byteLength);
  return offsets;
}

function brief(answered: ReturnType<typeof answer>): unknown {
  return answered?.partitions.map(({ index, errorCode, offsets }) => [index, errorCode, offsets]);
}

test("what is durable is sent, nothing else; in every version", () => {
  append(0, [100, 100]);
  append(0, [100], false);
  const topicId = [...fixture.controller.state.topicsByName.values()][0]?.id ?? "";
  for (let version = fetchRequest.versions.min; version <= fetchRequest.versions.max; version += 1) {
    const { topics, ...rest } = body({ 0: { offset: 0 } });
    const byId = topics.map(({ partitions }) => ({ topicId, partitions }));
    client.send(fetchRequest, version, { ...rest, topics: version >= 13 ? byId : topics });
    const answered = answer(version);
    deepEqual(brief(answered), [[0, 0, [0, 1]]], `version ${version}`);
    const [partition] = answered?.partitions ?? [];
    deepEqual([partition?.highWatermark, partition?.lastStableOffset, partition?.logStartOffset], [2, 2, version >= 5 ? 0 : -1]);
    deepEqual([partition?.preferredReadReplica, partition?.abortedTransactions], [-1, null]);
  }
  equal(fixture.wal.heldReads, 0);
});

test("read_committed has an empty list of aborted transactions", () => {
  append(0, [10]);
  client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { isolationLevel: 1 }));
  deepEqual(answer()?.partitions[0]?.abortedTransactions, []);
});

describe("waiting", () => {
  test("ends when records are durable, not when they are appended", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 } }));
    equal(answer(), undefined);
    append(1, [10], false);
    fixture.clock.turns();
    equal(answer(), undefined);
    fixture.sync();
    deepEqual(brief(answer()), [
      [0, 0, []],
      [1, 0, [0]],
    ]);
    equal(client.socket.writes.length, 1);
  });

  test("ends after the longest time, with nothing", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    fixture.clock.advance(499);
    equal(answer(), undefined);
    fixture.clock.advance(2);
    deepEqual(brief(answer()), [[0, 0, []]]);
  });

  test("until there is as much as was asked for", () => {
    append(0, [1000]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { minBytes: 2500 }));
    append(0, [1000]);
    equal(answer(), undefined);
    append(0, [1000]);
    deepEqual(brief(answer()), [[0, 0, [0, 1, 2]]]);
  });

  test("until all partitions together have as much as was asked for; a move of one is no work for the others", () => {
    let looks = 0;
    const other = fixture.partition("orders", 2);
    const hasRecordsFrom = other.hasRecordsFrom.bind(other);
    other.hasRecordsFrom = (offset) => {
      looks += 1;
      return hasRecordsFrom(offset);
    };
    append(2, [100]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 }, 2: { offset: 0 } }, { minBytes: 4500 }));
    const looksAtStart = looks;
    for (const partition of [0, 1, 0]) append(partition, [1000]);
    equal(answer(), undefined);
    equal(looks, looksAtStart);
    append(1, [1000]);
    append(1, [1000]);
    deepEqual(brief(answer()), [
      [0, 0, [0, 1]],
      [1, 0, [0, 1, 2]],
      [2, 0, [0]],
    ]);
  });

  test("a partition that stands in the request twice counts twice", () => {
    const positions = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 };
    const twice = { ...body({ 0: { offset: 0 } }, { minBytes: 2500 }), topics: [{ topic: "orders", partitions: [positions, positions] }] };
    client.send(fetchRequest, VERSION, twice);
    append(0, [1000]);
    equal(answer(), undefined);
    append(0, [1000]);
    equal(answer()?.partitions.length, 2);
  });

  test("all partitions of a group that became durable at once are in the answer", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 }, 2: { offset: 0 } }));
    append(0, [10], false);
    append(2, [10], false);
    fixture.sync();
    deepEqual(brief(answer()), [
      [0, 0, [0]],
      [1, 0, []],
      [2, 0, [0]],
    ]);
  });

  test("is cut short by an error, by nothing to wait for, and by no time", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 99 }, 1: { offset: 0 } }));
    deepEqual(brief(answer()), [
      [0, ErrorCode.OFFSET_OUT_OF_RANGE, []],
      [1, 0, []],
    ]);
    client.send(fetchRequest, VERSION, body({}));
    deepEqual(brief(answer()), []);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { maxWaitMs: 0 }));
    deepEqual(brief(answer()), [[0, 0, []]]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { minBytes: 0 }));
    deepEqual(brief(answer()), [[0, 0, []]]);
  });

  test("a topic that is deleted meanwhile ends it", async () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    await fixture.settle(fixture.controller.deleteTopics([{ name: "orders", topicId: undefined }]));
    fixture.clock.turns();
    deepEqual(brief(answer()), [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []]]);
  });

  test("however it ends, nobody is left listening", () => {
    const partition = fixture.partition("orders");
    let listening = 0;
    const [listen, unlisten] = [partition.listen.bind(partition), partition.unlisten.bind(partition)];
    partition.listen = (listener) => {
      listening += 1;
      listen(listener);
    };
    partition.unlisten = (listener) => {
      listening -= 1;
      unlisten(listener);
    };
    for (const end of [() => append(0, [10]), () => fixture.clock.advance(600), () => client.socket.closed("reset")]) {
      client.send(fetchRequest, VERSION, body({ 0: { offset: partition.highWatermark } }));
      equal(listening, 1);
      end();
      equal(listening, 0);
    }
  });

  test("a connection that dies leaves nothing behind", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    client.socket.closed("reset");
    append(0, [10]);
    fixture.clock.advance(2000);
    equal(fixture.clock.timers, 0);
    equal(fixture.wal.heldReads, 0);
  });

  test("a broker that closes answers whoever waits", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    void fixture.listener.close(1000);
    fixture.clock.turns();
    deepEqual(brief(answer()), [[0, 0, []]]);
    equal(client.socket.isEnded, true);
  });
});

describe("how much", () => {
  const size = 1000;

  test("the first batch goes whole, however large; then no more than was asked for", () => {
    append(0, [size, size, size]);
    append(1, [size]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0, bytesMax: 10 }, 1: { offset: 0, bytesMax: 10 } }));
    deepEqual(brief(answer()), [
      [0, 0, [0]],
      [1, 0, []],
    ]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0, bytesMax: 2300 }, 1: { offset: 0 } }));
    deepEqual(brief(answer()), [
      [0, 0, [0, 1]],
      [1, 0, [0]],
    ]);
  });

  test("the whole answer has a limit too", () => {
    for (const index of [0, 1, 2]) append(index, [size, size]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 }, 2: { offset: 0 } }, { maxBytes: 3500 }));
    deepEqual(brief(answer()), [
      [0, 0, [0, 1]],
      [1, 0, [0]],
      [2, 0, []],
    ]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { maxBytes: 0 }));
    deepEqual(brief(answer()), [[0, 0, [0]]]);
  });

  test("from the middle of a batch on: the whole batch", () => {
    const bytes = Buffer.from(buildBatch(["a", "b", "c"].map((value) => ({ timestampMs: 5, value: Buffer.from(value) }))));
    fixture.partition("orders").append(bytes, 0, bytes.byteLength, undefined);
    fixture.sync();
    client.send(fetchRequest, VERSION, body({ 0: { offset: 2 } }));
    deepEqual(brief(answer()), [[0, 0, [0]]]);
  });
});

describe("errors", () => {
  test("unknown topics and partitions, by name and by id", () => {
    client.send(fetchRequest, VERSION, body({ 9: { offset: 0 } }));
    deepEqual(brief(answer()), [[9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []]]);
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }];
    client.send(fetchRequest, VERSION, body({}, { topics: [{ topic: "nothing", partitions }] }));
    deepEqual(brief(answer()), [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []]]);
    client.send(fetchRequest, 13, body({}, { topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitions }] }));
    deepEqual(brief(answer(13)), [[0, ErrorCode.UNKNOWN_TOPIC_ID, []]]);
  });

  test("leader epochs of the client", () => {
    const partition: { leaderEpoch: number } = fixture.partition("orders");
    partition.leaderEpoch = 4;
    for (const [leaderEpoch, code] of [
      [3, ErrorCode.FENCED_LEADER_EPOCH],
      [5, ErrorCode.UNKNOWN_LEADER_EPOCH],
      [4, 0],
      [-1, 0],
    ] as const) {
      client.send(fetchRequest, VERSION, body({ 0: { offset: 0, leaderEpoch } }, { minBytes: 0 }));
      equal(answer()?.partitions[0]?.errorCode, code);
    }
  });

  test("an end within the log is no error, one beyond it is", () => {
    append(0, [10], false);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 1 } }, { maxWaitMs: 0 }));
    deepEqual(brief(answer()), [[0, 0, []]]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 2 } }));
    const [partition] = answer()?.partitions ?? [];
    deepEqual([partition?.errorCode, partition?.highWatermark, partition?.logStartOffset], [ErrorCode.OFFSET_OUT_OF_RANGE, -1, -1]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: -5 } }));
    equal(answer()?.partitions[0]?.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("replicas do not fetch this way", () => {
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { replicaId: 2 }));
    equal(answer()?.errorCode, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    client.send(fetchRequest, 15, body({}, { replicaState: { replicaId: 2, replicaEpoch: 1 } }));
    equal(answer(15)?.errorCode, ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  });

  test("a client whose log is of an epoch that never was is told where to go back to", () => {
    append(0, [10, 10]);
    const { leaderEpoch } = fixture.partition("orders");
    client.send(fetchRequest, VERSION, body({ 0: { offset: 2, lastFetchedEpoch: leaderEpoch } }, { maxWaitMs: 0 }));
    deepEqual(answer()?.partitions[0]?.divergingEpoch, { epoch: -1, endOffset: -1 });
    client.send(fetchRequest, VERSION, body({ 0: { offset: 2, lastFetchedEpoch: leaderEpoch + 3 } }));
    deepEqual(answer()?.partitions[0]?.divergingEpoch, { epoch: leaderEpoch, endOffset: 2 });
  });
});

describe("sessions", () => {
  function open(asked: Readonly<Record<number, Asked>>): number {
    client.send(fetchRequest, VERSION, body(asked, { sessionId: 0, sessionEpoch: 0, maxWaitMs: 0 }));
    return answer()?.sessionId ?? 0;
  }

  test("later answers tell only what is new", () => {
    append(0, [10]);
    const id = open({ 0: { offset: 1 }, 1: { offset: 0 } });
    ok(id > 0);
    append(1, [10]);
    client.send(fetchRequest, VERSION, body({}, { sessionId: id, sessionEpoch: 1 }));
    deepEqual(brief(answer()), [[1, 0, [0]]]);
    client.send(fetchRequest, VERSION, body({ 1: { offset: 1 } }, { sessionId: id, sessionEpoch: 2, maxWaitMs: 0 }));
    deepEqual(brief(answer()), []);
  });

  test("a new high watermark is news, once", () => {
    const id = open({ 0: { offset: 0 } });
    append(0, [10]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 1 } }, { sessionId: id, sessionEpoch: 1, maxWaitMs: 0 }));
    deepEqual([brief(answer())], [[[0, 0, []]]]);
    client.send(fetchRequest, VERSION, body({}, { sessionId: id, sessionEpoch: 2, maxWaitMs: 0 }));
    deepEqual(brief(answer()), []);
  });

  test("an error is told every time, and afterwards what is right again", () => {
    const id = open({ 0: { offset: 50 } });
    for (const epoch of [1, 2]) {
      client.send(fetchRequest, VERSION, body({}, { sessionId: id, sessionEpoch: epoch }));
      deepEqual(brief(answer()), [[0, ErrorCode.OFFSET_OUT_OF_RANGE, []]]);
    }
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }, { sessionId: id, sessionEpoch: 3, maxWaitMs: 0 }));
    deepEqual(brief(answer()), [[0, 0, []]]);
  });

  test("what sent records goes to the end of the line", () => {
    for (const index of [0, 1]) append(index, [1000, 1000]);
    const id = open({ 0: { offset: 2 }, 1: { offset: 2 } });
    const limits = { sessionId: id, maxBytes: 10, maxWaitMs: 0 };
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 } }, { ...limits, sessionEpoch: 1 }));
    deepEqual(brief(answer()), [[0, 0, [0]]]);
    client.send(fetchRequest, VERSION, body({ 0: { offset: 1 } }, { ...limits, sessionEpoch: 2 }));
    deepEqual(brief(answer()), [[1, 0, [0]]]);
  });

  test("errors of the session itself", () => {
    client.send(fetchRequest, VERSION, body({}, { sessionId: 5, sessionEpoch: 1 }));
    equal(answer()?.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    const id = open({ 0: { offset: 0 } });
    client.send(fetchRequest, VERSION, body({}, { sessionId: id, sessionEpoch: 9 }));
    equal(answer()?.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  });
});

describe("memory", () => {
  test("a large answer is sent from where the records lie, and that is held until the client has them", () => {
    append(0, [50_000, 50_000]);
    client.socket.windowBytes = 0;
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    equal(fixture.wal.heldReads, 1);
    client.socket.take(60_000);
    equal(fixture.wal.heldReads, 1);
    client.socket.take(1_000_000);
    equal(fixture.wal.heldReads, 0);
    deepEqual(brief(answer()), [[0, 0, [0, 1]]]);
    equal(fixture.listener.budget.used, 0);
  });

  test("wanted back before the client took them: the connection ends, nobody else notices", () => {
    append(0, [100_000]);
    client.socket.windowBytes = 0;
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    fixture.wal.holds.at(-1)?.want?.();
    equal(fixture.wal.heldReads, 0);
    equal(client.socket.isDestroyed, true);
    equal(fixture.log.visible.length, 1);
  });

  test("wanted back while another part is still read: they are copied", async () => {
    append(0, [100_000]);
    append(1, [100_000]);
    const partition = fixture.partition("orders", 1);
    const read = partition.read.bind(partition);
    partition.read = (...args) => {
      fixture.wal.isSlow = true;
      return read(...args);
    };
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 } }));
    equal(answer(), undefined);
    fixture.wal.holds.at(-1)?.want?.();
    equal(fixture.wal.heldReads, 0);
    fixture.wal.finishReads();
    await fixture.settle(Promise.resolve());
    fixture.clock.turns();
    deepEqual(brief(answer()), [
      [0, 0, [0]],
      [1, 0, [0]],
    ]);
    equal(client.socket.isDestroyed, false);
    equal(fixture.wal.heldReads, 0);
  });

  test("short of it, answers get smaller, down to one batch each, and nobody waits", async () => {
    fixture = await KafkaFixture.open({}, { answersBytesMax: 800_000 });
    await fixture.createTopic("orders", 3);
    append(0, Array(20).fill(100_000));
    const sizes: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      client = fixture.connect();
      client.socket.windowBytes = 0;
      const usedBefore = fixture.listener.budget.used;
      client.send(fetchRequest, VERSION, body({ 0: { offset: 0, bytesMax: 10_000_000 } }));
      sizes.push(Math.floor((fixture.listener.budget.used - usedBefore) / 100_000));
    }
    deepEqual(sizes, [1, 1, 1, 1, 1, 1]);
    fixture = await KafkaFixture.open({}, { answersBytesMax: 2_000_000 });
    await fixture.createTopic("orders", 3);
    append(0, Array(20).fill(100_000));
    client = fixture.connect();
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0, bytesMax: 10_000_000 } }));
    deepEqual(brief(answer()), [[0, 0, [0, 1, 2, 3]]]);
  });

  test("slow reads of a connection that is gone release what they bring", async () => {
    append(0, [100_000]);
    fixture.wal.isSlow = true;
    client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
    client.socket.closed("reset");
    fixture.wal.finishReads();
    await fixture.settle(Promise.resolve());
    await fixture.settle(Promise.resolve());
    equal(fixture.wal.holds.length, 1);
    equal(fixture.wal.heldReads, 0);
  });
});

test("a damaged part is named by its error; the rest is served", async () => {
  append(0, [10]);
  append(1, [10]);
  const { QueueError } = await import("../../base/errors.ts");
  fixture.partition("orders", 0).read = () => {
    throw new QueueError("CORRUPT_RECORD", "damaged");
  };
  client.send(fetchRequest, VERSION, body({ 0: { offset: 0 }, 1: { offset: 0 } }));
  deepEqual(brief(answer()), [
    [0, ErrorCode.CORRUPT_MESSAGE, []],
    [1, 0, [0]],
  ]);
});

test("the answer to a request behind a fetch that waits comes after it", () => {
  client.send(fetchRequest, VERSION, body({ 0: { offset: 0 } }));
  client.send(fetchRequest, VERSION, body({ 1: { offset: 0 } }, { maxWaitMs: 0 }));
  equal(answer(), undefined);
  append(0, [10]);
  deepEqual([brief(answer()), brief(answer())], [[[0, 0, [0]]], [[1, 0, []]]]);
});
