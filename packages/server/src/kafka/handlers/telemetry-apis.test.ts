import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { COMPRESSIONS, compressionCodec, compressionId } from "@tidemq/protocol/compression.ts";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { apiVersionsRequest, apiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import { describeConfigsRequest, describeConfigsResponse } from "@tidemq/protocol/messages/32-describe-configs.ts";
import { alterConfigsRequest, alterConfigsResponse } from "@tidemq/protocol/messages/33-alter-configs.ts";
import { incrementalAlterConfigsRequest, incrementalAlterConfigsResponse } from "@tidemq/protocol/messages/44-incremental-alter-configs.ts";
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from "@tidemq/protocol/messages/71-get-telemetry-subscriptions.ts";
import { pushTelemetryRequest, pushTelemetryResponse } from "@tidemq/protocol/messages/72-push-telemetry.ts";
import { listConfigResourcesRequest, listConfigResourcesResponse } from "@tidemq/protocol/messages/74-list-config-resources.ts";
import { ZERO_UUID } from "@tidemq/protocol/schema.ts";
import { CLIENTS_MAX, POINTS_MAX, SERIES_MAX, TELEMETRY_BYTES_MAX } from "../../client-telemetry/limits.ts";
import { type KafkaClient, KafkaFixture } from "../../testing/kafka-fixture.ts";
import { otlpMetrics, type SentMetric } from "../../testing/otlp-encoder.ts";

const ALTER = { request: incrementalAlterConfigsRequest, response: incrementalAlterConfigsResponse };
const REPLACE = { request: alterConfigsRequest, response: alterConfigsResponse };
const DESCRIBE = { request: describeConfigsRequest, response: describeConfigsResponse };
const LIST = { request: listConfigResourcesRequest, response: listConfigResourcesResponse };
const GET = { request: getTelemetrySubscriptionsRequest, response: getTelemetrySubscriptionsResponse };
const PUSH = { request: pushTelemetryRequest, response: pushTelemetryResponse };

const CLIENT_METRICS = 16;
const [SET, DELETE, APPEND] = [0, 1, 2];
const SOURCE = { clientMetrics: 7, default: 5 };

let fixture: KafkaFixture;
let client: KafkaClient;

beforeEach(async () => {
  fixture = await KafkaFixture.open();
  client = fixture.connect();
});

async function alter(resourceName: string, name: string, value: string | null, configOperation = SET, validateOnly = false) {
  const resources = [{ resourceType: CLIENT_METRICS, resourceName, configs: [{ name, configOperation, value }] }];
  const { responses } = await client.ask(ALTER, 1, { resources, validateOnly });
  return responses[0];
}

async function describe(resourceName: string) {
  const resources = [{ resourceType: CLIENT_METRICS, resourceName, configurationKeys: null }];
  const { results } = await client.ask(DESCRIBE, 4, { resources, includeSynonyms: true, includeDocumentation: true });
  return results[0];
}

async function subscriptions(): Promise<string[]> {
  const { configResources } = await client.ask(LIST, 0, {});
  return configResources.map(({ resourceName }) => resourceName);
}

async function subscribe(metrics = "*", interval = "1000") {
  await alter("s", "metrics", metrics);
  await alter("s", "interval.ms", interval);
}

const get = (clientInstanceId: string = ZERO_UUID, by = client) => by.ask(GET, 0, { clientInstanceId });

async function push(
  to: Readonly<{ clientInstanceId: string; subscriptionId: number }>,
  metrics: Uint8Array,
  options: Readonly<{ terminating?: boolean; compressionType?: number }> = {},
): Promise<number> {
  const { clientInstanceId, subscriptionId } = to;
  const body = { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics, ...options };
  return (await client.ask(PUSH, 0, body)).errorCode;
}

const shown = () => [...fixture.telemetry.series()].map(([[, , name, attributes], value]) => [name, attributes, value]);

test("a subscription is made by its first option, described, listed, and gone with its last", async () => {
  deepEqual(await subscriptions(), []);
  equal((await alter("s", "metrics", " org.apache.kafka.producer. , x"))?.errorCode, ErrorCode.NONE);
  equal((await alter("s", "metrics", "y", APPEND))?.errorCode, ErrorCode.NONE);
  equal((await alter("s", "interval.ms", "500", SET, true))?.errorCode, ErrorCode.NONE);
  deepEqual(await subscriptions(), ["s"]);
  const described = await describe("s");
  deepEqual(
    described?.configs.map(({ name, value, configSource, synonyms }) => [name, value, configSource, synonyms.length]),
    [
      ["interval.ms", "300000", SOURCE.default, 1],
      ["match", "", SOURCE.default, 1],
      ["metrics", "org.apache.kafka.producer.,x,y", SOURCE.clientMetrics, 2],
    ],
  );
  const resources = [{ resourceType: CLIENT_METRICS, resourceName: "s", configs: [{ name: "interval.ms", value: "700" }] }];
  equal((await client.ask(REPLACE, 2, { resources, validateOnly: false })).responses[0]?.errorCode, ErrorCode.NONE);
  deepEqual(fixture.controller.state.clientMetricsOf("s").configs, new Map([["interval.ms", "700"]]));
  equal((await alter("s", "interval.ms", null, DELETE))?.errorCode, ErrorCode.NONE);
  deepEqual(await subscriptions(), []);
});

test("what Kafka refuses is refused with its codes", async () => {
  for (const [name, value, code] of [
    ["interval.ms", "99", ErrorCode.INVALID_REQUEST],
    ["interval.ms", "3600001", ErrorCode.INVALID_REQUEST],
    ["interval.ms", "soon", ErrorCode.INVALID_CONFIG],
    ["no.such", "1", ErrorCode.INVALID_REQUEST],
    ["match", "client_id", ErrorCode.INVALID_CONFIG],
    ["match", "client_id=", ErrorCode.INVALID_CONFIG],
    ["match", "client_id=a=b", ErrorCode.INVALID_CONFIG],
    ["match", "client_name=a", ErrorCode.INVALID_CONFIG],
    ["match", "client_id=(", ErrorCode.INVALID_CONFIG],
    ["match", "client_id=((a{1,30}){1,30}b?){1,1}", ErrorCode.INVALID_CONFIG],
    ["match", "client_id=a,client_id=(?=b)", ErrorCode.INVALID_CONFIG],
  ] as const)
    equal((await alter("s", name, value))?.errorCode, code, `${name}=${value}`);
  equal((await alter("", "metrics", "*"))?.errorCode, ErrorCode.INVALID_REQUEST);
  equal((await alter("n".repeat(300), "metrics", "*"))?.errorCode, ErrorCode.INVALID_REQUEST);
  equal((await describe(""))?.errorCode, ErrorCode.INVALID_REQUEST);
  deepEqual(await subscriptions(), []);
});

test("without a subscription clients are told to push nothing", async () => {
  const answer = await get();
  equal(answer.errorCode, ErrorCode.NONE);
  deepEqual([answer.requestedMetrics, answer.pushIntervalMs, answer.telemetryMaxBytes], [[], 300_000, TELEMETRY_BYTES_MAX]);
  deepEqual(answer.acceptedCompressionTypes, [4, 3, 1, 2]);
  equal(answer.deltaTemporality, false);
  notEqual(answer.clientInstanceId, ZERO_UUID);
});

test("subscriptions that match are one: the union of metrics, the shortest interval, * alone", async () => {
  await client.ask({ request: apiVersionsRequest, response: apiVersionsResponse }, 3, {
    clientSoftwareName: "apache-kafka-java",
    clientSoftwareVersion: "4.3.0",
  });
  await alter("a", "metrics", "x,y");
  await alter("b", "metrics", "y,z");
  await alter("b", "interval.ms", "2000");
  await alter("b", "match", "client_software_name=apache.*, client_software_version=4[.]3.*, client_id=te?st");
  await alter("c", "metrics", "never");
  await alter("c", "match", "client_id=tes");
  const { requestedMetrics, pushIntervalMs, clientInstanceId } = await get();
  deepEqual([requestedMetrics, pushIntervalMs], [["x", "y", "z"], 2000]);
  const other = await get(ZERO_UUID, fixture.connect());
  deepEqual(other.requestedMetrics, ["x", "y"], "its software is not known");
  await alter("a", "metrics", "x,*");
  deepEqual((await get(clientInstanceId)).requestedMetrics, ["*"], "at once, since the subscriptions changed");
});

test("a push is shown in the place of the one before, in every compression", async () => {
  await subscribe();
  const to = await get();
  for (const compression of COMPRESSIONS) {
    const metrics: SentMetric[] = [
      { name: "m", value: 7, attributes: { topic: "t" } },
      { name: compression, value: 1, kind: "sum" },
    ];
    const type = compressionId(compression);
    equal(await push(to, compressionCodec(type).compress(otlpMetrics(metrics)), { compressionType: type }), ErrorCode.NONE, compression);
    deepEqual(shown(), [
      ["m", "topic=t", 7],
      [compression, "", 1],
    ]);
    fixture.clock.advance(1000);
  }
  const [series] = fixture.telemetry.series();
  deepEqual(series?.[0].slice(0, 2), [to.clientInstanceId, "test"]);
  equal(fixture.telemetry.pushes, COMPRESSIONS.length);
});

test("deltas add up", async () => {
  await subscribe();
  const to = await get();
  const delta = otlpMetrics([{ name: "d", value: 2, kind: "sum", temporality: "delta" }]);
  await push(to, delta);
  fixture.clock.advance(1000);
  await push(to, delta);
  deepEqual(shown(), [["d", "", 4]]);
});

test("whoever comes before its interval is over is told so; a changed subscription is not waited for", async () => {
  await subscribe();
  const to = await get();
  equal((await get(to.clientInstanceId)).errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  const metrics = otlpMetrics([{ name: "m", value: 1 }]);
  equal(await push(to, metrics), ErrorCode.NONE, "the first may come early");
  equal(await push(to, metrics), ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  fixture.clock.advance(999);
  equal(await push(to, metrics), ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  fixture.clock.advance(1);
  equal(await push(to, metrics), ErrorCode.NONE);
  await alter("s", "metrics", "a");
  equal(await push(to, metrics), ErrorCode.UNKNOWN_SUBSCRIPTION_ID);
  const anew = await get(to.clientInstanceId);
  equal(anew.errorCode, ErrorCode.NONE);
  notEqual(anew.subscriptionId, to.subscriptionId);
  equal(await push(anew, metrics), ErrorCode.NONE);
});

test("a terminating push is taken early, and is the last one", async () => {
  await subscribe();
  const to = await get();
  await push(to, otlpMetrics([{ name: "m", value: 1 }]));
  equal(await push(to, otlpMetrics([{ name: "m", value: 2 }]), { terminating: true }), ErrorCode.NONE);
  deepEqual(shown(), [["m", "", 2]]);
  fixture.clock.advance(1000);
  equal(await push(to, otlpMetrics([{ name: "m", value: 3 }]), { terminating: true }), ErrorCode.INVALID_REQUEST);
  deepEqual(shown(), [["m", "", 2]]);
});

test("what cannot be taken changes nothing that is shown", async () => {
  await subscribe();
  const to = await get();
  const good = otlpMetrics([{ name: "m", value: 1 }]);
  await push(to, good);
  const bomb = compressionCodec(4).compress(new Uint8Array(TELEMETRY_BYTES_MAX + 1));
  for (const [metrics, compressionType, code] of [
    [good, 9, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE],
    [new Uint8Array(TELEMETRY_BYTES_MAX + 1), 0, ErrorCode.TELEMETRY_TOO_LARGE],
    [bomb, 4, ErrorCode.TELEMETRY_TOO_LARGE],
    [good, 1, ErrorCode.INVALID_RECORD],
    [good.subarray(0, -1), 0, ErrorCode.INVALID_RECORD],
    [new Uint8Array(0), 4, ErrorCode.NONE],
  ] as const) {
    fixture.clock.advance(1000);
    equal(await push(to, metrics, { compressionType }), code);
    deepEqual(shown(), [["m", "", 1]]);
  }
  for (const clientInstanceId of [ZERO_UUID, "AAAAAAAAAAAAAAAAAAAAAQ"])
    equal(await push({ ...to, clientInstanceId }, good), ErrorCode.INVALID_REQUEST);
});

test("a client is forgotten when it is silent for three intervals", async () => {
  await subscribe("*", "100000");
  const to = await get();
  await push(to, otlpMetrics([{ name: "m", value: 1 }]));
  fixture.clock.advance(300_000);
  equal(fixture.telemetry.clientCount, 1);
  fixture.clock.advance(1);
  equal(fixture.telemetry.clientCount, 0);
  deepEqual(shown(), []);
});

test("clients and what is shown of them have limits: who was silent longest gives way", async () => {
  await subscribe();
  const many = otlpMetrics(Array.from({ length: POINTS_MAX }, (_, value) => ({ name: "m", value })));
  const first = await get();
  await push(first, many);
  for (let n = 0; n < Math.floor(SERIES_MAX / POINTS_MAX); n += 1) await push(await get(), many);
  ok(shown().length <= SERIES_MAX);
  equal(fixture.telemetry.seriesDropped, POINTS_MAX);
  ok([...fixture.telemetry.series()].every(([[id]]) => id !== first.clientInstanceId));
  for (let n = 0; n < CLIENTS_MAX; n += 1) fixture.telemetry.subscriptionOf(ZERO_UUID, SOURCE_OF_MANY);
  equal(fixture.telemetry.clientCount, CLIENTS_MAX);
  deepEqual(shown(), []);
  match(first.clientInstanceId, /^[\w-]{22}$/);
});

const SOURCE_OF_MANY = {
  client_id: "c",
  client_software_name: "s",
  client_software_version: "1",
  client_source_address: "10.0.0.2",
  client_source_port: "1",
};
