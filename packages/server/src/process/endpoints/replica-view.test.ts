// Goal: a person sees how far each follower is behind, and which partitions lack replicas, whichever broker is asked.
// Method: a leader in memory; the test says what others have. What brokers ask each other is encoded as on the way.
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { GiB } from "../../base/units.ts";
import { TOPIC_PARTITIONS_MAX } from "../../cluster/limits.ts";
import { PeerError } from "../../io/peer-error.ts";
import type { CallHandler, PeerMessage, ServedCall } from "../../io/peer-transport.ts";
import { Partitions } from "../../partition/partitions.ts";
import { ProducerLimit } from "../../partition/producer-limit.ts";
import { encodeMessage } from "../../peer-net/messages.ts";
import { ReplicasRequest } from "../../peer-net/proto/broker/replication.ts";
import { Metrics } from "../../telemetry/metrics.ts";
import { KafkaFixture } from "../../testing/kafka-fixture.ts";
import type { Broker } from "../broker/broker.ts";
import { HttpEndpoints } from "./http-endpoints.ts";
import { readReplicas } from "./node-metrics.ts";
import { READ_REPLICAS_PATH, REPLICAS_WAIT_MS, replicaService } from "./replica-service.ts";
import { type ReplicaSource, type TopicReplicas, viewReplicas } from "./replica-view.ts";

/** Broker 1 of three, which leads one partition; broker 3 has nothing of its record for 4 s, broker 2 everything. */
async function leaderOfOne(): Promise<Readonly<{ fixture: KafkaFixture; bytes: number }>> {
  const fixture = await KafkaFixture.open({}, {}, true);
  await fixture.addBroker(2);
  await fixture.addBroker(3);
  await fixture.placeTopic("t", [1, 2, 3], [2, 1, 3]);
  const batch = buildBatch([{ timestampMs: 0, value: Buffer.from("v") }], {});
  fixture.partition("t").append(batch, 0, batch.byteLength, undefined);
  fixture.sync();
  fixture.acknowledge("t", 2, 1);
  fixture.acknowledge("t", 3, 0);
  fixture.clock.advance(4_000);
  return { fixture, bytes: batch.byteLength };
}

/** A process that reaches the others, or some of them, by this. */
function asking(fixture: KafkaFixture, nodeId: number, peer: NonNullable<ReplicaSource["replicator"]>["peer"]): ReplicaSource {
  const { controller } = fixture;
  const nothing = new Partitions(new ProducerLimit(1 * GiB));
  const replicator = { lagOf: () => [], peer };
  return { controller, nodeId, partitions: nothing, replicator };
}

const PLACED = [
  { partition: 0, leader: 1, leaderEpoch: 0, replicas: [1, 2, 3], inSync: [1, 2, 3] },
  { partition: 1, leader: 2, leaderEpoch: 0, replicas: [2, 1, 3], inSync: [2, 1, 3] },
];
const UNKNOWN = { logEnd: null, highWatermark: null, followers: null };

test("followers of what is led here, in the metrics", async () => {
  const { fixture, bytes } = await leaderOfOne();
  const metrics = new Metrics();
  readReplicas(metrics, fixture);
  const has = (line: string): void => match(metrics.text(), new RegExp(`^${line}$`, "m"));
  has("tidemq_partitions_under_replicated 0");
  has('tidemq_follower_lag_records\\{follower="2"\\} 0');
  has('tidemq_follower_lag_records\\{follower="3"\\} 1');
  has(`tidemq_follower_lag_bytes\\{follower="3"\\} ${bytes}`);
  has('tidemq_follower_lag_seconds\\{follower="3"\\} 4');
  await fixture.fence(3);
  has("tidemq_partitions_under_replicated 1");
  has("tidemq_partitions_under_min_in_sync 0");
  await fixture.settle(fixture.controller.alterTopicConfigs("t", [{ name: "min.insync.replicas", operation: "set", value: "3" }], false));
  has("tidemq_partitions_under_min_in_sync 1");
});

test("each leader is asked for its own; of those that do not answer nothing is said but why", async () => {
  const { fixture, bytes } = await leaderOfOne();
  const served = replicaService(fixture).calls.get(READ_REPLICAS_PATH) as CallHandler;
  const asked: number[] = [];
  const source = asking(fixture, 9, (broker) => ({
    call: async (path, request, deadlineMs) => {
      asked.push(broker);
      deepEqual([path, deadlineMs], [READ_REPLICAS_PATH, REPLICAS_WAIT_MS]);
      if (broker === 2) throw new PeerError("deadline", "no answer in time");
      return Buffer.concat(await served(Buffer.concat(request), { isOver: false } as ServedCall));
    },
  }));
  const followers = [
    { broker: 2, inSync: true, records: 0, bytes: 0, ms: 0 },
    { broker: 3, inSync: true, records: 1, bytes, ms: 4_000 },
  ];
  deepEqual(await viewReplicas(source, "t"), {
    clusterId: "test-cluster",
    topic: "t",
    partitions: [
      { ...PLACED[0], logEnd: 1, highWatermark: 0, followers, problem: null },
      { ...PLACED[1], ...UNKNOWN, problem: "broker 2 does not answer: no answer in time" },
    ],
  });
  deepEqual(asked, [1, 2]);
});

test("who leads no more, and who is nowhere", async () => {
  const { fixture } = await leaderOfOne();
  const empty = replicaService(asking(fixture, 1, () => undefined)).calls.get(READ_REPLICAS_PATH) as CallHandler;
  const call = async (_: string, request: PeerMessage) =>
    Buffer.concat(await empty(Buffer.concat(request), { isOver: false } as ServedCall));
  const view = await viewReplicas(
    asking(fixture, 9, (broker) => (broker === 1 ? { call } : undefined)),
    "t",
  );
  deepEqual(
    view?.partitions.map(({ problem }) => problem),
    ["it is led elsewhere by now, or is not open yet", "nobody knows where broker 2 is"],
  );
  const tooMany = encodeMessage(ReplicasRequest, { partitionIds: Array.from({ length: TOPIC_PARTITIONS_MAX + 1 }, (_, id) => id) });
  await rejects(() => call("", tooMany), /more than 10000 partitions/);
});

test("GET /replicas/TOPIC", async () => {
  const { fixture, bytes } = await leaderOfOne();
  const endpoints = new HttpEndpoints(fixture as unknown as Broker, new Metrics());
  const get = (path: string, method = "GET") => endpoints.handle({ method, path, header: () => undefined });
  const { status, body } = await get("/replicas/t");
  equal(status, 200);
  const [first, second] = (JSON.parse(body) as TopicReplicas).partitions;
  deepEqual(first?.followers?.[1], { broker: 3, inSync: true, records: 1, bytes, ms: 4_000 });
  equal(second?.problem, "nobody knows where broker 2 is");
  equal((await get("/replicas/nothing")).status, 404);
  await fixture.settle(fixture.controller.createInternalTopic("@groups", 2));
  equal((JSON.parse((await get("/replicas/%40groups")).body) as TopicReplicas).partitions.length, 2);
  equal((await get("/replicas/t", "POST")).status, 405);
});
