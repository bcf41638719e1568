// Goal: what a broker says that it speaks is what Kafka 4.3 says, and it speaks all of it.
// Method: every version of every API that is advertised is asked once and its answer decoded to the last byte.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { API, type Api } from "@tidemq/client/apis.ts";
import { APIS } from "@tidemq/protocol/api-keys.ts";
import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { decodeApiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { newTopic, type Topic } from "./calls.ts";
import { startTarget, type Target } from "./target.ts";
import { Wire } from "./wire.ts";

const LOAD_IN_PROGRESS = 14;
const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;
const NOT_YET = [LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR];
const UNSUPPORTED_VERSION = 35;
/** Has offsets, and no members. */
const SIMPLE_GROUP = "simple";

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

describe("ApiVersions", () => {
  for (const version of [0, 1, 2, 3, 4]) {
    test(`version ${version} lists every API of the client, with Kafka's versions`, async () => {
      const answer = await wire.ask(API.apiVersions, version, { clientSoftwareName: "test", clientSoftwareVersion: "1" });
      equal(answer.errorCode, 0);
      for (const { key, name } of Object.values(API)) {
        const kafka = APIS.find((api) => api.key === key);
        const ranges = answer.apiKeys.filter((range) => range.apiKey === key);
        // Old clients take a broker without Produce 0 for one that cannot compress.
        const minVersion = name === "Produce" ? 0 : kafka?.versionMin;
        deepEqual(ranges, [{ apiKey: key, minVersion, maxVersion: kafka?.versionMax }], name);
      }
    });
  }

  test("nothing is advertised that brokers of Kafka 4.3 do not serve", async () => {
    const answer = await wire.ask(API.apiVersions, 4, {});
    for (const { apiKey, maxVersion } of answer.apiKeys) {
      const kafka = APIS.find((api) => api.key === apiKey);
      ok(kafka?.onBrokers === true && maxVersion <= kafka.versionMax, `API ${apiKey} up to ${maxVersion}`);
    }
  });

  for (const version of [5, 99, 32_767]) {
    test(`version ${version}, which does not exist, is answered in version 0 with what exists`, async () => {
      const other = await Wire.connect(target);
      other.write(apiVersionsFrame(version));
      const reader = new ByteReader(await other.frame());
      equal(reader.int32(), 7, "correlation id");
      const answer = decodeApiVersionsResponse(version, reader);
      equal(answer.errorCode, UNSUPPORTED_VERSION);
      deepEqual(
        answer.apiKeys.find((range) => range.apiKey === 18),
        { apiKey: 18, minVersion: 0, maxVersion: 4 },
      );
      equal((await other.ask(API.apiVersions, 4, { clientSoftwareName: "a", clientSoftwareVersion: "1" })).errorCode, 0, "and goes on");
      other.close();
    });
  }

  test("a software name that breaks the rules is INVALID_REQUEST", async () => {
    equal((await wire.ask(API.apiVersions, 3, { clientSoftwareName: "-?-", clientSoftwareVersion: "1" })).errorCode, 42);
  });
});

describe("each version of each API", () => {
  let topic: Topic;
  before(async () => {
    topic = await newTopic(wire, "versions");
  });
  const apis: readonly Api[] = Object.values(API);
  for (const api of apis) {
    const { min, max } = api.request.versions;
    if (api === API.findCoordinator) continue;
    test(`${api.name} ${min}–${max}`, async () => {
      for (let version = min; version <= max; version += 1) {
        const ask = () => wire.ask(api, version, body(api, version, topic) as never);
        let answer = isOfGroup(api) ? await whenLed(ask) : await ask();
        // Kafka asks for patience until it has its first block of producer ids.
        while (target.isKafka && errorCodes(answer).has(LOAD_IN_PROGRESS)) answer = await ask();
        deepEqual(errorCodes(answer), new Set([0]), `version ${version}`);
      }
    });
  }
});

describe("FindCoordinator", () => {
  for (const version of [0, 1, 2, 3, 4, 5, 6]) {
    test(`version ${version} names the broker for every group`, async () => {
      const ask = () => wire.ask(API.findCoordinator, version, version < 4 ? { key: "group" } : { coordinatorKeys: ["group", "other"] });
      let answer = await ask();
      // Kafka makes its topic of offsets first.
      const found = () => (version < 4 ? [answer] : answer.coordinators);
      for (let i = 0; i < 100 && found().some(({ errorCode }) => errorCode === COORDINATOR_NOT_AVAILABLE); i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        answer = await ask();
      }
      deepEqual(
        found().map(({ errorCode, nodeId, port }) => [errorCode, nodeId, port]),
        found().map(() => [0, 1, target.port]),
      );
    });
  }
});

describe("what is not served", () => {
  for (const [name, key, version] of [
    ["Produce 0", 0, 0],
    ["Produce 2", 0, 2],
    ["Produce 14", 0, 14],
    ["Fetch 3", 1, 3],
    ["Metadata 99", 3, 99],
    ["LeaderAndIsr", 4, 0],
    ["an API that does not exist", 999, 0],
    ["a negative version", 3, -1],
  ] as const) {
    test(`${name}: the connection is closed`, async () => {
      const other = await Wire.connect(target);
      const frame = Buffer.from("00000000000000000000000700016100000000000000000000000000", "hex");
      frame.writeInt32BE(frame.length - 4, 0);
      frame.writeInt16BE(key, 4);
      frame.writeInt16BE(version, 6);
      other.write(frame);
      await rejects(other.frame(), /closed the connection/);
    });
  }

  test("others notice nothing", async () => {
    equal((await wire.ask(API.apiVersions, 0, {})).errorCode, 0);
  });
});

test("requests without a client id, and pipelined ones, are answered in order", async () => {
  const other = await Wire.connect(target);
  const frame = apiVersionsFrame(0);
  for (let id = 0; id < 100; id += 1) {
    frame.writeInt32BE(id, 8);
    other.write(Buffer.from(frame));
  }
  for (let id = 0; id < 100; id += 1) equal((await other.frame()).readInt32BE(0), id);
  other.close();
});

/** Correlation id 7, a null client id, no tagged fields from version 3 on, and a body that says nothing. */
function apiVersionsFrame(version: number): Buffer {
  const frame = Buffer.alloc(version < 3 ? 14 : 18);
  frame.writeInt32BE(frame.length - 4, 0);
  frame.writeInt16BE(18, 4);
  frame.writeInt16BE(version, 6);
  frame.writeInt32BE(7, 8);
  frame.writeInt16BE(-1, 12);
  return frame;
}

function body(api: Api, version: number, topic: Topic): unknown {
  const timeoutMs = 5_000;
  const one = { topic: topic.name, name: topic.name, topicId: topic.topicId };
  switch (api) {
    case API.produce: {
      const records = buildBatch([{ timestampMs: Date.now(), value: Buffer.from(`version ${version}`) }]);
      return { acks: -1, timeoutMs, topicData: [{ ...one, partitionData: [{ index: 0, records }] }] };
    }
    case API.fetch:
      return { maxWaitMs: 0, minBytes: 0, topics: [{ ...one, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }] };
    case API.listOffsets:
      return { replicaId: -1, topics: [{ ...one, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] };
    case API.metadata:
      return { topics: [{ name: topic.name, topicId: ZERO_UUID }], ...(version < 4 ? {} : { allowAutoTopicCreation: false }) };
    case API.createTopics:
      return {
        topics: [{ name: `${topic.name}-${version}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs,
      };
    case API.deleteTopics: {
      const name = `${topic.name}-${version + 1}`; // one that was created above
      return version < 6 ? { topicNames: [name], timeoutMs } : { topics: [{ name, topicId: ZERO_UUID }], timeoutMs };
    }
    case API.initProducerId:
      return { transactionalId: null, transactionTimeoutMs: 0 };
    case API.offsetForLeaderEpoch:
      return { topics: [{ ...one, partitions: [{ partition: 0, leaderEpoch: 0 }] }] };
    case API.describeConfigs:
      return { resources: [{ resourceType: 2, resourceName: topic.name, configurationKeys: null }] };
    case API.createPartitions:
      return { topics: [{ name: topic.name, count: version + 2, assignments: null }], timeoutMs, validateOnly: false };
    case API.incrementalAlterConfigs:
      return {
        resources: [
          { resourceType: 2, resourceName: topic.name, configs: [{ name: "retention.ms", configOperation: 0, value: "99999999" }] },
        ],
        validateOnly: false,
      };
    case API.describeCluster:
      return {};
    case API.offsetCommit: {
      const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: null }];
      return { groupId: SIMPLE_GROUP, memberId: "", topics: [{ ...one, partitions }] };
    }
    case API.offsetDelete:
      return { groupId: SIMPLE_GROUP, topics: [{ ...one, partitions: [{ partitionIndex: 0 }] }] };
    case API.consumerGroupHeartbeat:
      return {
        groupId: `members-${version}`,
        memberId: version === 0 ? "" : "iPLQtSxHQ9qxdDa5ZvGpJw",
        memberEpoch: 0,
        rebalanceTimeoutMs: timeoutMs,
        subscribedTopicNames: [topic.name],
        topicPartitions: [],
      };
    default:
      return { clientSoftwareName: "test", clientSoftwareVersion: "1" };
  }
}

function isOfGroup(api: Api): boolean {
  return api === API.offsetCommit || api === API.offsetDelete || api === API.consumerGroupHeartbeat;
}

/** The first request about a group may find no coordinator: its partitions are about to be made. */
async function whenLed<T>(ask: () => Promise<T>): Promise<T> {
  let answer = await ask();
  for (let i = 0; i < 100 && NOT_YET.some((code) => errorCodes(answer).has(code)); i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer = await ask();
  }
  return answer;
}

/** Every error code anywhere in an answer. */
function errorCodes(value: unknown, found = new Set<number>()): Set<number> {
  if (Array.isArray(value)) for (const item of value) errorCodes(item, found);
  else if (value !== null && typeof value === "object" && !(value instanceof Uint8Array)) {
    for (const [name, inner] of Object.entries(value)) {
      if (name === "errorCode") found.add(inner as number);
      else errorCodes(inner, found);
    }
  }
  return found.size === 0 ? new Set([0]) : found;
}
