import { deepEqual, equal, match } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { createTopicsRequest, createTopicsResponse } from "@tidemq/protocol/messages/19-create-topics.ts";
import { describeConfigsRequest, describeConfigsResponse } from "@tidemq/protocol/messages/32-describe-configs.ts";
import { alterConfigsRequest, alterConfigsResponse } from "@tidemq/protocol/messages/33-alter-configs.ts";
import { incrementalAlterConfigsRequest, incrementalAlterConfigsResponse } from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import { ALL_BROKERS } from "../../cluster/cluster-state.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";

const DESCRIBE = { request: describeConfigsRequest, response: describeConfigsResponse };
const REPLACE = { request: alterConfigsRequest, response: alterConfigsResponse };
const ALTER = { request: incrementalAlterConfigsRequest, response: incrementalAlterConfigsResponse };

const CREATE = { request: createTopicsRequest, response: createTopicsResponse };

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SOURCE = { ofTopic: 1, ownDynamic: 2, dynamicOfAll: 3, default: 5 };

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
});

async function alter(broker: string, name: string, configOperation: number, value: string | null, validateOnly = false) {
  const resources = [{ resourceType: BROKER, resourceName: broker, configs: [{ name, configOperation, value }] }];
  const { responses } = await client.ask(ALTER, 1, { resources, validateOnly });
  return responses[0];
}

async function connections(broker: string) {
  const resources = [{ resourceType: BROKER, resourceName: broker, configurationKeys: ["max.connections"] }];
  const { results } = await client.ask(DESCRIBE, 4, { resources, includeSynonyms: true, includeDocumentation: false });
  const [config] = results[0]?.configs ?? [];
  return config && [config.value, config.configSource, config.readOnly, config.synonyms.map(({ source }) => source)];
}

test("what is set on a broker wins over what is set on all, and that over what it was started with", async () => {
  deepEqual(await connections("1"), ["10000", SOURCE.default, false, [SOURCE.default]]);
  equal(await connections(""), undefined);
  equal((await alter("", "max.connections", SET, "500"))?.errorCode, ErrorCode.NONE);
  deepEqual(await connections("1"), ["500", SOURCE.dynamicOfAll, false, [SOURCE.dynamicOfAll, SOURCE.default]]);
  deepEqual(await connections(""), ["500", SOURCE.dynamicOfAll, false, [SOURCE.dynamicOfAll]]);
  equal((await alter("1", "max.connections", SET, " 7 "))?.errorCode, ErrorCode.NONE);
  deepEqual(await connections("1"), ["7", SOURCE.ownDynamic, false, [SOURCE.ownDynamic, SOURCE.dynamicOfAll, SOURCE.default]]);
  equal((await alter("1", "max.connections", DELETE, null))?.errorCode, ErrorCode.NONE);
  deepEqual((await connections("1"))?.slice(0, 2), ["500", SOURCE.dynamicOfAll]);
});

test("a wrong value, one that this broker cannot run with, and what never changes are refused with the reason", async () => {
  for (const [name, value, reason] of [
    ["max.connections", "0", /must be at least 1/],
    ["max.connections", "many", /Not a number/],
    ["max.connections", "13", /13 is not for this broker/],
    ["node.id", "5", /Cannot update these configs dynamically: node.id. What can be: .*max.connections/],
  ] as const) {
    const answer = await alter("1", name, SET, value);
    equal(answer?.errorCode, ErrorCode.INVALID_REQUEST);
    match(answer?.errorMessage ?? "", reason);
  }
  equal((await alter("1", "max.connections", APPEND, "1"))?.errorCode, ErrorCode.INVALID_CONFIG);
  equal((await alter("1", "max.connections", SET, "9", true))?.errorCode, ErrorCode.NONE);
  deepEqual([...fixture.controller.state.brokerConfigs], []);
});

test("AlterConfigs sets what is given and unsets everything else", async () => {
  await alter("1", "tidemq.upload.age.ms", SET, "2000");
  const resources = [{ resourceType: BROKER, resourceName: "1", configs: [{ name: "max.connections", value: "8" }] }];
  const { responses } = await client.ask(REPLACE, 2, { resources, validateOnly: false });
  equal(responses[0]?.errorCode, ErrorCode.NONE);
  deepEqual([...fixture.controller.state.brokerConfigsOf(1).configs], [["max.connections", "8"]]);
  equal(fixture.controller.state.brokerConfigsOf(ALL_BROKERS).configs.size, 0);
});

test("a topic describes what counts for it, and where it comes from", async () => {
  await client.ask(CREATE, 7, {
    topics: [{ name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1000,
  });
  const retention = async () => {
    const resources = [{ resourceType: TOPIC, resourceName: "t", configurationKeys: ["retention.ms"] }];
    const { results } = await client.ask(DESCRIBE, 4, { resources, includeSynonyms: true, includeDocumentation: false });
    const [config] = results[0]?.configs ?? [];
    return config && [config.value, config.configSource, config.synonyms.map(({ name, value, source }) => [name, value, source].join(" "))];
  };
  const byDefault = "log.retention.ms 604800000 5";
  deepEqual(await retention(), ["604800000", SOURCE.default, [byDefault]]);
  await alter("", "log.retention.ms", SET, "1000");
  deepEqual(await retention(), ["1000", SOURCE.dynamicOfAll, ["log.retention.ms 1000 3", byDefault]]);
  await alter("1", "log.retention.ms", SET, "2000");
  deepEqual(await retention(), ["2000", SOURCE.ownDynamic, ["log.retention.ms 2000 2", "log.retention.ms 1000 3", byDefault]]);
  const resources = [{ resourceType: TOPIC, resourceName: "t", configs: [{ name: "retention.ms", configOperation: SET, value: "3000" }] }];
  await client.ask(ALTER, 1, { resources, validateOnly: false });
  const own = ["retention.ms 3000 1", "log.retention.ms 2000 2", "log.retention.ms 1000 3", byDefault];
  deepEqual(await retention(), ["3000", SOURCE.ofTopic, own]);
});

test("defaults of topics are judged as the topics' own, and by the first of their names alone", async () => {
  equal((await alter("", "log.cleanup.policy", APPEND, "compact"))?.errorCode, ErrorCode.NONE);
  equal(fixture.controller.state.brokerConfigsOf(ALL_BROKERS).configs.get("log.cleanup.policy"), "delete,compact");
  for (const [name, value, reason] of [
    ["log.retention.bytes", "much", /Invalid value much for configuration log.retention.bytes: Not a number of type LONG/],
    ["message.max.bytes", "-1", /Value must be at least 0/],
    ["log.retention.hours", "1", /Cannot update these configs dynamically: log.retention.hours/],
  ] as const) {
    const answer = await alter("", name, SET, value);
    equal(answer?.errorCode, ErrorCode.INVALID_REQUEST);
    match(answer?.errorMessage ?? "", reason);
  }
});
