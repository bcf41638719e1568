import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { QueueError } from "../../base/errors.ts";
import type { Controller } from "../../controller/controller.ts";
import { BrokerPair } from "../../testing/broker-pair.ts";
import { RecordingLog } from "../../testing/recording-log.ts";
import { DamageReports } from "./damage-reports.ts";

test("a report without an answer is made again, and a line of the log says so once", async () => {
  const pair = await BrokerPair.open();
  await pair.createTopic("t");
  const { world } = pair.cluster;
  const { controller } = pair.second.broker;
  const [id] = [...controller.state.partitions.keys()] as [number];
  const asked: (readonly number[])[] = [];
  const reportDamage: Controller["reportDamage"] = (_broker, ids) => {
    asked.push(ids);
    if (asked.length % 4 === 0) return Promise.resolve(ids.length);
    return Promise.reject(new QueueError("PEER_UNAVAILABLE", "nobody answers"));
  };
  const log = new RecordingLog();
  const parts = { brokerId: 2, controller: { state: controller.state, reportDamage } as Controller, clock: pair.second.broker.world.clock };
  const reports = new DamageReports({ ...parts, log, fatal: (error) => void Promise.reject(error) });
  await world.settle(reports.report([id]));
  deepEqual(asked, [[id], [id], [id], [id]]);
  equal(log.lines.length, 1);
  await world.settle(reports.report([id]));
  equal(log.lines.length, 2, "a loss of its own");
});
