import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { must } from "../base/assert.ts";
import type { PartitionState } from "../cluster/cluster-state.ts";
import type { Clock } from "../io/clock.ts";
import { KafkaFixture } from "../testing/kafka-fixture.ts";
import { BrokerDrain } from "./broker-drain.ts";
import { DRAIN_MOVING_MAX } from "./limits.ts";

let fixture: KafkaFixture;
let drain: BrokerDrain;

/** Brokers 1 to 4, each on a host of its own but for 4, which is on that of 3. */
beforeEach(async () => {
  fixture = await KafkaFixture.open();
  drain = new BrokerDrain(fixture.controller, fixture.clock);
  for (const [id, host] of [
    [2, "h2"],
    [3, "h3"],
    [4, "h3"],
  ] as const)
    await register(id, host);
});

async function register(id: number, host: string): Promise<void> {
  const log = { walId: `log-${id}`, walIndex: 0, walDamaged: false };
  await fixture.settle(fixture.controller.registerBroker({ id, host, rack: "", ...log }));
  await fixture.settle(fixture.controller.electLeaders(id));
}

function partitions(topic: string): PartitionState[] {
  const { state } = fixture.controller;
  return state.partitionsOf(must(state.topic(topic), "topic"));
}

/** As their leaders propose it when those who come have caught up. */
async function catchUp(topic: string): Promise<void> {
  for (const { id, leader, leaderEpoch, partitionEpoch, replicas } of partitions(topic)) {
    const to = replicas.map((broker) => ({ broker, brokerEpoch: must(fixture.controller.state.brokers.get(broker), "broker").epoch }));
    await fixture.settle(fixture.controller.changeInSync(leader, { partitionId: id, leaderEpoch, partitionEpoch, to }));
  }
}

test("a broker gives away replicas and leaders, evenly, and not to a host that has one", async () => {
  await fixture.placeTopic("t", [2, 1], [2, 1], [2, 3], [3, 2]);
  deepEqual(
    (await fixture.settle(drain.plan(2))).map(({ index, from, to }) => [index, from.join(), to.join()]),
    [
      [0, "2,1", "4,1"],
      [1, "2,1", "1,4"],
      [2, "2,3", "1,3"],
      [3, "3,2", "3,1"],
    ],
  );
  equal(drain.status(2).isCordoned, false, "a plan changes nothing");
  deepEqual(await fixture.settle(drain.begin(2)), { broker: 2, isCordoned: true, replicas: 4, leads: 3, moving: 4 });
  await catchUp("t");
  deepEqual(drain.status(2), { broker: 2, isCordoned: true, replicas: 0, leads: 0, moving: 0 });
});

test("a broker that is drained gets nothing new, until that is taken back; what moved stays", async () => {
  await fixture.placeTopic("t", [2, 1], [2, 1]);
  await fixture.settle(drain.begin(2));
  const [first] = partitions("t");
  const { leader, id, leaderEpoch, partitionEpoch, replicas } = must(first, "partition");
  const to = replicas.map((broker) => ({ broker, brokerEpoch: must(fixture.controller.state.brokers.get(broker), "broker").epoch }));
  await fixture.settle(fixture.controller.changeInSync(leader, { partitionId: id, leaderEpoch, partitionEpoch, to }));
  await fixture.createTopic("while", 6);
  ok(partitions("while").every((partition) => !partition.replicas.includes(2)));
  deepEqual(await fixture.settle(drain.cancel(2)), { broker: 2, isCordoned: false, replicas: 1, leads: 1, moving: 0 });
  deepEqual(
    partitions("t").map((partition) => partition.replicas.includes(2)),
    [false, true],
  );
  await fixture.createTopic("after", 12);
  ok(partitions("after").some((partition) => partition.replicas.includes(2)));
});

test("nothing begins when somebody is missing, and the answer says what for", async () => {
  await fixture.placeTopic("alone", [2]);
  await fixture.placeTopic("t", [1, 2, 3]);
  await rejects(fixture.settle(drain.plan(2)), {
    code: "INVALID_REPLICA_ASSIGNMENT",
    message: /nobody can take 1 of the partitions of broker 2, such as t:0 on 1,2,3: that needs another broker/,
  });
  await rejects(fixture.settle(drain.begin(2)), { code: "INVALID_REPLICA_ASSIGNMENT" });
  equal(drain.status(2).isCordoned, false);
  await register(5, "h5");
  equal((await fixture.settle(drain.begin(2))).moving, 2);
  throws(() => drain.status(9), { code: "INVALID_REQUEST" });
});

test("of many partitions only so many move at once; asked again, more", async () => {
  const many = DRAIN_MOVING_MAX + 10;
  await fixture.placeTopic("t", ...Array.from({ length: many }, () => [2]));
  equal((await fixture.settle(drain.begin(2))).moving, DRAIN_MOVING_MAX);
  equal((await fixture.settle(drain.begin(2))).moving, DRAIN_MOVING_MAX);
  await catchUp("t");
  deepEqual(await fixture.settle(drain.begin(2)), { broker: 2, isCordoned: true, replicas: 10, leads: 10, moving: 10 });
});

test("a rack that has no replica comes first", async () => {
  const log = { walId: "log-6", walIndex: 0, walDamaged: false };
  await fixture.settle(fixture.controller.registerBroker({ id: 6, host: "h6", rack: "b", ...log }));
  await fixture.settle(fixture.controller.electLeaders(6));
  await fixture.placeTopic("busy", [6], [6], [6]);
  await fixture.placeTopic("t", [1, 2]);
  equal((await fixture.settle(drain.plan(1)))[0]?.to.join(), "2,6", "6 has most, but none of the others is in another rack than 2");
});

test("a plan over many partitions is made in many turns", async () => {
  await fixture.placeTopic("t", ...Array.from({ length: 300 }, () => [2, 1]));
  let nowMs = 0;
  let turns = 0;
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => (nowMs += 1),
    after: () => ({ cancel: () => undefined }),
    nextTurn: (run) => {
      turns += 1;
      fixture.clock.nextTurn(run);
    },
  };
  const moves = await fixture.settle(new BrokerDrain(fixture.controller, clock).plan(2));
  equal(moves.length, 300);
  ok(turns > 100, `${turns}`);
});
