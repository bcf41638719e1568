import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import { GROUPS_TOPIC, GroupCoordinator } from "./group-coordinator.ts";
import { DEFAULT_GROUP_OPTIONS } from "./options.ts";

/** A coordinator that serves none of its partitions until a test opens them, and a topic to commit offsets of. */
async function coordinatorOfNone() {
  const fixture = await KafkaFixture.open();
  const topicId = await fixture.createTopic("t");
  await fixture.settle(fixture.groups.ready());
  await fixture.settle(fixture.groups.readAll(() => 0)); // all of them have their folds then
  const partitions = [...fixture.partitions.all()].filter(({ identity }) => identity.topic === GROUPS_TOPIC);
  const isGivenUp = Promise.withResolvers<void>();
  const groups = new GroupCoordinator({
    brokerId: fixture.nodeId,
    clock: fixture.clock,
    state: fixture.controller.state,
    options: DEFAULT_GROUP_OPTIONS,
    expiryMs: () => fixture.clock.wallMs(),
    createTopic: () => Promise.reject(new Error("it exists")),
    opened: () => isGivenUp.promise,
  });
  const commit = (offset: number) => {
    const topics = [{ topicId, partitions: [{ partition: 0, offset, leaderEpoch: -1, metadata: "" }] }];
    const outsider = { generation: -1, memberId: "", instanceId: undefined, knowsEpochs: false };
    return groups.ask({ kind: "commit", groupId: "g", ...outsider, topics });
  };
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    await turns();
    fixture.sync();
    return fixture.settle(promise);
  };
  const committed = () => settle(groups.read("g", ({ fold }) => fold.groups.get("g")?.offsets.get(topicId)?.get(0)?.offset));
  return { groups, partitions, commit, settle, committed, giveUp: isGivenUp.resolve };
}

async function turns(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await Promise.resolve();
}

test("who waits for a partition is served before who comes when it is open: no commit is taken back by an earlier one", async () => {
  const { groups, partitions, commit, settle, committed, giveUp } = await coordinatorOfNone();
  const commits = [commit(1), commit(2)];
  await turns();
  for (const partition of partitions) groups.opened(partition);
  commits.push(commit(3));
  await turns();
  giveUp(); // what else was waited for comes to its end only now
  for (const { error } of await settle(Promise.all(commits))) equal(error, ErrorCode.NONE);
  equal(await committed(), 3);
});

test("who waited while another broker may have led comes again", async () => {
  const { groups, partitions, commit, settle, committed } = await coordinatorOfNone();
  const waiting = rejects(commit(1), { code: "COORDINATOR_NOT_AVAILABLE" });
  await turns();
  for (const partition of partitions) {
    partition.leaderEpoch += 2;
    groups.opened(partition);
  }
  await settle(waiting);
  equal(await committed(), undefined);
});

test("who waits for a partition that does not come is told to come again, and nothing of it is done later", async () => {
  const { groups, partitions, commit, settle, committed, giveUp } = await coordinatorOfNone();
  const waiting = rejects(commit(1), { code: "COORDINATOR_NOT_AVAILABLE" });
  giveUp();
  await settle(waiting);
  for (const partition of partitions) groups.opened(partition);
  equal(await committed(), undefined);
});
