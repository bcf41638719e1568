import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { clusterProblems } from "./cluster-problems.ts";
import type { BrokerReport, ClusterReport, ControllerReport } from "./cluster-report.ts";

const BROKER: BrokerReport = {
  ...{ id: 1, state: "ready", address: "b1:9092", rack: null, partitions: 2, partitionsLed: 2, epoch: 5, heardMs: 200 },
  ...{ appliedIndex: 9, lag: 0, listeners: [], load: null },
};
const CONTROLLER: ControllerReport = {
  ...{ nodeId: 101, address: "c1:9094", leads: true, epoch: 1, index: 9, lag: 0, uptimeMs: 1, version: "9.9.9", problem: null },
};
const WELL: ClusterReport = { clusterId: "abc", leader: 101, controllers: [CONTROLLER], brokers: [BROKER], peers: [] };
const LED = { total: 2, leaderless: 0 };

test("nothing where all is well", () => {
  deepEqual(clusterProblems(WELL, LED, { status: "ok", problems: [], nodeId: 1 }), []);
});

test("each problem once, with whose it is", () => {
  const brokers: BrokerReport[] = [
    { ...BROKER, state: "silent", heardMs: 1_700 },
    { ...BROKER, id: 2, state: "fenced", heardMs: null },
  ];
  const slow = "the metadata log does not answer";
  const report = { ...WELL, leader: null, brokers, controllers: [{ ...CONTROLLER, leads: false, problem: slow }] };
  const problems = clusterProblems(report, { total: 2, leaderless: 1 }, { nodeId: 1, problems: ["no controller is heard", slow] });
  const expected = [
    /^no controller leads/,
    /^1 of 2 partitions have no leader/,
    /^broker 1 at b1:9092 is silent, last heard 1\.7 s ago$/,
    /^broker 2 at b1:9092 is fenced/,
    /^controller 101: the metadata log does not answer$/,
    /^broker 1: no controller is heard$/,
  ];
  deepEqual(problems.length, expected.length, problems.join("\n"));
  for (const [place, text] of expected.entries()) match(problems[place] ?? "", text);
});

test("two controllers of one number", () => {
  const controllers = [CONTROLLER, { ...CONTROLLER, address: "c2:9094", leads: false }, { ...CONTROLLER, nodeId: 103, leads: false }];
  deepEqual(clusterProblems({ ...WELL, controllers }, LED, {}), [
    "controllers at c1:9094 and c2:9094 both have the number 101: give each its own with --node-id, or list it once",
  ]);
  const unknown = { ...CONTROLLER, nodeId: null, problem: "refused" };
  deepEqual(clusterProblems({ ...WELL, controllers: [unknown, unknown] }, LED, {}).length, 2);
});

test("a controller that stands by does not know whether another one leads", () => {
  deepEqual(clusterProblems({ ...WELL, leader: null }, LED, { leads: false, nodeId: 102 }), []);
  match(clusterProblems({ ...WELL, leader: null }, LED, { nodeId: 1 })[0] ?? "", /^no controller leads/);
});

test("what is not known is a problem, too", () => {
  deepEqual(clusterProblems(WELL, { error: "no broker is ready" }, {}), [
    "whether partitions have leaders is not known: no broker is ready",
  ]);
});
