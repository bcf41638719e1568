// Goal: a person sees how far each follower is behind, and which partitions lack replicas. Method: a leader in memory; the test says what others have.
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { buildBatch } from "@tidemq/protocol/record-batch-builder.ts";
import { Metrics } from "../../telemetry/metrics.ts";
import { KafkaFixture } from "../../testing/kafka-fixture.ts";
import { readReplicas } from "./node-metrics.ts";
import { replicasOf } from "./replica-view.ts";

test("followers of what is led here, in the answer to a person and in the metrics", async () => {
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
  const metrics = new Metrics();
  readReplicas(metrics, fixture);
  const has = (line: string): void => match(metrics.text(), new RegExp(`^${line}$`, "m"));
  has("tidemq_partitions_under_replicated 0");
  has('tidemq_follower_lag_records\\{follower="2"\\} 0');
  has('tidemq_follower_lag_records\\{follower="3"\\} 1');
  has(`tidemq_follower_lag_bytes\\{follower="3"\\} ${batch.byteLength}`);
  has('tidemq_follower_lag_seconds\\{follower="3"\\} 4');
  await fixture.fence(3);
  has("tidemq_partitions_under_replicated 1");
  has("tidemq_partitions_under_min_in_sync 0");
  await fixture.settle(fixture.controller.alterTopicConfigs("t", [{ name: "min.insync.replicas", operation: "set", value: "3" }], false));
  has("tidemq_partitions_under_min_in_sync 1");
  deepEqual(replicasOf(fixture, "t"), [
    {
      partition: 0,
      leaderEpoch: 0,
      logEnd: 1,
      highWatermark: 1,
      followers: [
        { broker: 2, inSync: true, records: 0, bytes: 0, ms: 0 },
        { broker: 3, inSync: false, records: 1, bytes: batch.byteLength, ms: 4_000 },
      ],
    },
  ]);
  equal(replicasOf(fixture, "nothing"), undefined);
});
