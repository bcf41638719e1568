import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { checkClusterState } from "../testing/checkers/cluster-state.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { uuid } from "../testing/random-commands.ts";
import { NO_LEADER } from "./cluster-state.ts";
import type { ChangeInSync } from "./commands.ts";

/** Partition 3 has the replicas 1, 2 and 3; partition 4 the replicas 1 and 2; partition 5 only 1. Brokers 1 to 4 are ready. */
class Replicated extends ClusterFixture {
  constructor(minInSync?: string) {
    super();
    for (const broker of [3, 4]) this.restart(broker, "a");
    const configs = new Map(minInSync === undefined ? [] : [["min.insync.replicas", minInSync]]);
    const assignments = [[1, 2, 3], [1, 2], [1]];
    this.answer({ kind: "create-topic", topicId: uuid("trio"), name: "trio", configs, assignments });
    this.effects = [];
  }

  members(...brokers: number[]): ChangeInSync["to"] {
    return brokers.map((broker) => ({ broker, brokerEpoch: this.brokerEpoch(broker) }));
  }

  /** What its present leader proposes, of the partition as it is. */
  wish(partitionId: number, ...brokers: number[]): ChangeInSync {
    const { leader, leaderEpoch, partitionEpoch } = this.partition(partitionId);
    const life = { broker: leader, brokerEpoch: this.brokerEpoch(leader) };
    return { kind: "change-in-sync", partitionId, leaderEpoch, ...life, partitionEpoch, to: this.members(...brokers) };
  }

  fence(broker: number): void {
    this.answer({ kind: "fence-broker", broker, brokerEpoch: this.brokerEpoch(broker) });
  }

  reassign(partitionId: number, replicas: readonly number[] | undefined): readonly number[] {
    return this.answer({ kind: "reassign-partition", partitionId, replicas }).replicas;
  }

  shown(partitionId: number) {
    const { replicas, inSync, leader, leaderEpoch } = this.partition(partitionId);
    return [replicas.join(), inSync.join(), leader, leaderEpoch];
  }
}

test("the leader takes a member out and in again; what was accepted is accepted when asked again", () => {
  const cluster = new Replicated();
  const out = cluster.wish(3, 2, 1);
  deepEqual(cluster.answer(out), { inSync: [2, 1] });
  deepEqual(cluster.effects, [{ kind: "in-sync-changed", partitionId: 3, inSync: [2, 1] }]);
  deepEqual(cluster.answer(out), { inSync: [2, 1] });
  equal(cluster.effects.length, 1);
  deepEqual(cluster.answer(cluster.wish(3, 1, 2, 3)), { inSync: [1, 2, 3] });
  deepEqual(cluster.shown(3), ["1,2,3", "1,2,3", 1, 0], "the leader epoch stays");
  checkClusterState(cluster.state);
});

test("a change of the set is refused: of another leader or process, planned on another set, without the leader, with a stranger", () => {
  const cluster = new Replicated();
  const wish = cluster.wish(3, 1, 2);
  equal(cluster.refusal({ ...wish, partitionId: 99 }), "UNKNOWN_TOPIC_OR_PARTITION");
  equal(cluster.refusal({ ...wish, leaderEpoch: 1 }), "NOT_LEADER");
  equal(cluster.refusal({ ...wish, broker: 2, brokerEpoch: cluster.brokerEpoch(2) }), "NOT_LEADER");
  equal(cluster.refusal({ ...wish, brokerEpoch: wish.brokerEpoch - 1 }), "stale-broker");
  equal(cluster.refusal({ ...wish, partitionEpoch: wish.partitionEpoch - 1 }), "changed");
  equal(cluster.refusal({ ...wish, to: cluster.members(2, 3) }), "INVALID_REQUEST");
  equal(cluster.refusal({ ...wish, to: cluster.members(1, 2, 3, 4) }), "INVALID_REQUEST");
  deepEqual(cluster.effects, []);
});

test("a new member is ready, in the epoch in which it caught up", () => {
  const cluster = new Replicated();
  cluster.answer(cluster.wish(3, 1, 2));
  const before = cluster.wish(3, 1, 2, 3);
  cluster.register(3, "b");
  equal(cluster.refusal(before), "changed", "that process is gone");
  equal(cluster.refusal(cluster.wish(3, 1, 2, 3)), "changed", "the new one is not ready");
  cluster.answer({ kind: "elect-leaders", broker: 3, brokerEpoch: cluster.brokerEpoch(3) });
  equal(cluster.refusal(before), "changed");
  deepEqual(cluster.answer(cluster.wish(3, 1, 2, 3)).inSync, [1, 2, 3]);
});

test("a wish for the set as it is makes earlier ones void, and so does damage", () => {
  const cluster = new Replicated();
  cluster.answer(cluster.wish(3, 1, 2));
  const late = cluster.wish(3, 1, 2, 3);
  deepEqual(cluster.answer(cluster.wish(3, 1, 2)).inSync, [1, 2]);
  equal(cluster.refusal(late), "changed");
  const later = cluster.wish(3, 1, 2, 3);
  cluster.answer({ kind: "report-damage", broker: 3, brokerEpoch: cluster.brokerEpoch(3), partitionIds: [3] });
  deepEqual(cluster.effects.at(-1), { kind: "replica-damaged", partitionId: 3, broker: 3 });
  equal(cluster.refusal(later), "changed");
  deepEqual(cluster.answer(cluster.wish(3, 1, 2, 3)).inSync, [1, 2, 3]);
});

test("the set never falls below the smaller of its minimum, two, and its size", () => {
  const cluster = new Replicated();
  cluster.answer(cluster.wish(3, 1, 2));
  equal(cluster.refusal(cluster.wish(3, 1)), "NOT_ENOUGH_REPLICAS");
  equal(cluster.refusal(cluster.wish(4, 1)), "NOT_ENOUGH_REPLICAS");
  cluster.answer({ kind: "report-damage", broker: 2, brokerEpoch: cluster.brokerEpoch(2), partitionIds: [3] });
  deepEqual(cluster.answer(cluster.wish(3, 1, 3)).inSync, [1, 3], "from below the minimum it grows");
  const few = new Replicated("1");
  deepEqual(few.answer(few.wish(3, 1)).inSync, [1]);
  few.answer({
    kind: "set-topic-configs",
    topicId: uuid("trio"),
    versionBefore: 0,
    changes: [{ name: "min.insync.replicas", value: "9" }],
  });
  deepEqual(few.answer(few.wish(3, 1, 2)).inSync, [1, 2], "below a minimum that was raised it may grow, too");
  equal(few.refusal(few.wish(3, 1)), "NOT_ENOUGH_REPLICAS");
});

test("the minimum of topics that set none is the one of all brokers", () => {
  const cluster = new Replicated();
  cluster.answer({ kind: "set-broker-configs", broker: -1, versionBefore: 0, changes: [{ name: "min.insync.replicas", value: "3" }] });
  equal(cluster.refusal(cluster.wish(3, 1, 2)), "NOT_ENOUGH_REPLICAS");
});

test("who lost a part of its log leaves the sets of that part, and leads none of it; where it is alone it stays", () => {
  const cluster = new Replicated();
  const life = { broker: 1, brokerEpoch: cluster.brokerEpoch(1) };
  const report = { kind: "report-damage", ...life, partitionIds: [3, 5, 99, 3] } as const;
  equal(cluster.refusal({ ...report, brokerEpoch: 0 }), "stale-broker");
  deepEqual(cluster.answer(report), { partitions: 1 });
  deepEqual(cluster.shown(3), ["1,2,3", "2,3", 2, 1]);
  deepEqual(cluster.shown(4), ["1,2", "1,2", 1, 0]);
  deepEqual(cluster.shown(5), ["1", "1", 1, 0]);
  deepEqual(cluster.answer(report), { partitions: 0 });
  cluster.fence(2);
  deepEqual(cluster.answer({ ...report, broker: 3, brokerEpoch: cluster.brokerEpoch(3) }), { partitions: 1 });
  deepEqual(cluster.shown(3), ["1,2,3", "2", NO_LEADER, 3], "whatever is left: 2 has everything, and leads when it is heard again");
  checkClusterState(cluster.state);
});

test("a member that is ready takes over in a new epoch; it is asked for in the epoch that the plan was made for", () => {
  const cluster = new Replicated();
  const elect = { kind: "elect-leader", partitionId: 3, leaderEpoch: 0, leader: 2 } as const;
  equal(cluster.refusal({ ...elect, partitionId: 99 }), "UNKNOWN_TOPIC_OR_PARTITION");
  equal(cluster.refusal({ ...elect, leaderEpoch: 1 }), "changed");
  equal(cluster.refusal({ ...elect, leader: 4 }), "INVALID_REQUEST");
  cluster.answer(cluster.wish(3, 1, 3));
  equal(cluster.refusal(elect), "PREFERRED_LEADER_NOT_AVAILABLE", "not in sync");
  deepEqual(cluster.answer({ ...elect, leader: 3 }), { leaderEpoch: 1 });
  deepEqual(cluster.answer({ ...elect, leader: 3 }), { leaderEpoch: 1 }, "once");
  cluster.fence(1);
  equal(cluster.refusal({ ...elect, leaderEpoch: 1, leader: 1 }), "PREFERRED_LEADER_NOT_AVAILABLE", "a member, but fenced");
  deepEqual(cluster.shown(3), ["1,2,3", "1,3", 3, 1]);
  checkClusterState(cluster.state);
});

test("a broker that stops hands over what it leads in the command that fences it, and to nobody who is fenced", () => {
  const cluster = new Replicated();
  cluster.fence(2);
  cluster.fence(1);
  deepEqual(cluster.shown(3), ["1,2,3", "1,3", 3, 1]);
  deepEqual(cluster.shown(4), ["1,2", "1,2", NO_LEADER, 1], "at its minimum the set keeps those who are away");
  cluster.register(1, "b");
  deepEqual(cluster.shown(4), ["1,2", "1,2", NO_LEADER, 1], "not ready yet");
  checkClusterState(cluster.state);
});

test("reassigned: new replicas are added, and when all of them are in sync the old ones go at once", () => {
  const cluster = new Replicated();
  deepEqual(cluster.reassign(3, [4, 3]), [4, 3, 1, 2]);
  deepEqual(cluster.reassign(3, [4, 3]), [4, 3, 1, 2], "asked again it is the same");
  deepEqual(cluster.partition(3).reassignment, { target: [4, 3], before: [1, 2, 3] });
  deepEqual(cluster.effects, [{ kind: "replicas-changed", partitionId: 3, replicas: [4, 3, 1, 2] }]);
  deepEqual(cluster.shown(3), ["4,3,1,2", "1,2,3", 1, 0], "nobody leads or is in sync because of it");
  cluster.effects = [];
  deepEqual(cluster.answer(cluster.wish(3, 1, 2, 3, 4)), { inSync: [3, 4] });
  deepEqual(cluster.shown(3), ["4,3", "3,4", 4, 1]);
  equal(cluster.partition(3).reassignment, undefined);
  deepEqual(cluster.effects, [
    { kind: "in-sync-changed", partitionId: 3, inSync: [1, 2, 3, 4] },
    { kind: "replicas-changed", partitionId: 3, replicas: [4, 3] },
    { kind: "in-sync-changed", partitionId: 3, inSync: [3, 4] },
    { kind: "leader-changed", partitionId: 3, leader: 4, leaderEpoch: 1 },
  ]);
  checkClusterState(cluster.state);
});

test("what is in sync already is reassigned at once, and a leader that stays keeps its epoch", () => {
  const cluster = new Replicated();
  deepEqual(cluster.reassign(3, [3, 1]), [3, 1]);
  deepEqual(cluster.shown(3), ["3,1", "1,3", 1, 0]);
  deepEqual(cluster.reassign(3, [1, 3]), [1, 3], "another order of preference");
  deepEqual(cluster.reassign(3, [1]), [1]);
  deepEqual(cluster.shown(3), ["1", "1", 1, 0]);
});

test("a reassignment waits until one of its replicas can lead", () => {
  const cluster = new Replicated();
  cluster.fence(2);
  deepEqual(cluster.reassign(4, [2]), [2, 1]);
  deepEqual(cluster.shown(4), ["2,1", "1,2", 1, 0]);
  cluster.answer({ kind: "elect-leaders", broker: 2, brokerEpoch: cluster.brokerEpoch(2) });
  deepEqual(cluster.shown(4), ["2", "2", 2, 1]);
});

test("a cancelled reassignment: the replicas are those of before, and who was added leads no more", () => {
  const cluster = new Replicated();
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 3, replicas: undefined }), "NO_REASSIGNMENT_IN_PROGRESS");
  cluster.fence(3);
  cluster.reassign(3, [4, 3]);
  cluster.answer(cluster.wish(3, 1, 2, 4));
  cluster.answer({ kind: "elect-leader", partitionId: 3, leaderEpoch: 0, leader: 4 });
  deepEqual(cluster.reassign(3, undefined), [1, 2, 3]);
  deepEqual(cluster.shown(3), ["1,2,3", "1,2", 1, 2]);
  cluster.reassign(3, [4]);
  deepEqual(cluster.reassign(3, [1, 2, 3]), [1, 2, 3], "to go back where it began is to cancel");
  equal(cluster.partition(3).reassignment, undefined);
  checkClusterState(cluster.state);
});

test("another reassignment replaces the one that runs; what that had added goes", () => {
  const cluster = new Replicated();
  cluster.reassign(4, [3]);
  deepEqual(cluster.reassign(4, [4, 2]), [4, 2, 1]);
  deepEqual(cluster.partition(4).reassignment, { target: [4, 2], before: [1, 2] });
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 4, replicas: [9] }), "INVALID_REPLICA_ASSIGNMENT");
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 99, replicas: [1] }), "UNKNOWN_TOPIC_OR_PARTITION");
  const many = Array.from({ length: 64 }, (_, at) => at + 1).filter((broker) => broker !== 1);
  for (const broker of many.slice(3)) cluster.register(broker, "a");
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 5, replicas: [...many, 65] }), "INVALID_REPLICA_ASSIGNMENT");
});

test("a change of replicas never takes those who have what was committed", () => {
  const cluster = new Replicated("1");
  cluster.reassign(4, [3, 4]);
  cluster.answer(cluster.wish(4, 1, 3));
  cluster.fence(1);
  deepEqual(cluster.shown(4), ["3,4,1,2", "3", 3, 1]);
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 4, replicas: undefined }), "NOT_ENOUGH_REPLICAS");
  equal(cluster.refusal({ kind: "reassign-partition", partitionId: 4, replicas: [4] }), "NOT_ENOUGH_REPLICAS");
  cluster.register(3, "b", "new");
  deepEqual(cluster.shown(4), ["3,4,1,2", "", NO_LEADER, 2]);
  equal(
    cluster.refusal({ kind: "reassign-partition", partitionId: 4, replicas: undefined }),
    "NOT_ENOUGH_REPLICAS",
    "its log is waited for",
  );
  checkClusterState(cluster.state);
});

test("until a reassignment is complete, the minimum is that of the replicas before it", () => {
  const cluster = new Replicated();
  cluster.reassign(5, [2, 3]);
  cluster.answer(cluster.wish(5, 1, 2));
  deepEqual(cluster.answer(cluster.wish(5, 1)).inSync, [1], "one of one, though there are three replicas for the moment");
  cluster.answer(cluster.wish(5, 1, 2, 3));
  deepEqual(cluster.shown(5), ["2,3", "2,3", 2, 1]);
  equal(cluster.refusal(cluster.wish(5, 2)), "NOT_ENOUGH_REPLICAS");
});

test("a lost log is accepted for a broker that is not ready: it leads when it is", () => {
  const cluster = new Replicated();
  cluster.register(1, "b", "new");
  cluster.answer({ kind: "accept-log-loss", partitionId: 5, broker: 1, brokerEpoch: cluster.brokerEpoch(1) });
  deepEqual(cluster.shown(5), ["1", "1", NO_LEADER, 1]);
  checkClusterState(cluster.state);
  cluster.answer({ kind: "elect-leaders", broker: 1, brokerEpoch: cluster.brokerEpoch(1) });
  deepEqual(cluster.shown(5), ["1", "1", 1, 2]);
});
