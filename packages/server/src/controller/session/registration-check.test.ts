import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { ClusterState } from "../../cluster/cluster-state.ts";
import { NEWEST_COMMAND } from "../../cluster/command-codec.ts";
import type { Register } from "../../peer-net/proto/controller/broker.ts";
import { followProblem, registrationProblem } from "./registration-check.ts";

const STATE = new ClusterState("cluster-1");
STATE.index = 100;

const REGISTER: Register = {
  brokerId: 1,
  incarnation: "one",
  host: "host-1",
  rack: "",
  walId: "wal-1",
  walIndex: 100,
  walDamaged: false,
  clusterId: "cluster-1",
  formatVersion: NEWEST_COMMAND,
  advertisedListeners: [],
  roles: ["broker"],
  appliedIndex: 100,
  brokerEpoch: 0,
};

test("a broker that knows no more than the log, and no other cluster's, is accepted", () => {
  equal(registrationProblem(STATE, REGISTER, undefined), undefined);
  equal(registrationProblem(STATE, REGISTER, "one"), undefined, "another session of the same process");
});

/** What is wrong with it, and what it is told. */
const REFUSED: readonly (readonly [string, Partial<Register>, string | undefined, RegExp])[] = [
  ["of another cluster", { clusterId: "cluster-2" }, undefined, /belongs to cluster cluster-2/],
  ["that has applied what the log does not have", { appliedIndex: 101 }, undefined, /knows metadata that this log does not have/],
  ["whose write-ahead log names what the log does not have", { walIndex: 101 }, undefined, /it belongs to a later state/],
  ["whose place another process took", { brokerEpoch: 7 }, undefined, /another process has become broker 1/],
  ["that runs already", {}, "other", /broker 1 is running already/],
];

for (const [what, wrong, running, told] of REFUSED)
  test(`a broker ${what} is refused`, () => {
    const problem = registrationProblem(STATE, { ...REGISTER, ...wrong }, running);
    equal(problem?.code, "START_REFUSED");
    match(problem.message, told);
  });

test("a broker of older software is told that the controllers are newer", () => {
  equal(followProblem(STATE, { clusterId: "cluster-1", formatVersion: NEWEST_COMMAND - 1, appliedIndex: 0 })?.code, "NEWER_FORMAT");
});
