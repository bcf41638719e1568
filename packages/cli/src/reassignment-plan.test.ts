import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./command-error.ts";
import { type Placed, parseBrokers, planMoves, readKafkaPlan } from "./reassignment-plan.ts";

function placed(...lists: readonly (readonly number[])[]): Placed[] {
  return lists.map((replicas, partition) => ({ topic: "t", partition, replicas }));
}

function listsOf(moves: readonly Placed[]): (readonly number[])[] {
  return moves.map(({ replicas }) => replicas);
}

function counts(brokers: readonly number[]): number[] {
  const numbers = [...new Set(brokers)].sort((a, b) => a - b);
  return numbers.map((number) => brokers.filter((broker) => broker === number).length);
}

test("what lies well stays; who is not named is replaced in its place", () => {
  const lists = [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ];
  deepEqual(listsOf(planMoves(placed(...lists), [1, 2, 3])), lists);
  deepEqual(listsOf(planMoves(placed([1, 2], [3, 1], [2, 3]), [2, 3, 4])), [
    [4, 2],
    [3, 4],
    [2, 3],
  ]);
});

test("a new broker gets its share of replicas and of leaders, with as few moves as that takes", () => {
  const before = placed(...Array.from({ length: 12 }, (_, at) => [1 + (at % 3), 1 + ((at + 1) % 3), 1 + ((at + 2) % 3)]));
  const after = listsOf(planMoves(before, [1, 2, 3, 4]));
  deepEqual(counts(after.flat()), [9, 9, 9, 9]);
  deepEqual(counts(after.map(([first]) => first ?? 0)), [3, 3, 3, 3]);
  equal(after.filter((replicas) => replicas.includes(4)).length, 9);
  for (const replicas of after) equal(new Set(replicas).size, 3);
});

test("more replicas, and fewer", () => {
  const more = listsOf(planMoves(placed([1], [1], [1]), [1, 2, 3], 3));
  deepEqual(
    more.map((replicas) => replicas.toSorted((a, b) => a - b)),
    [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ],
  );
  deepEqual(counts(more.map(([first]) => first ?? 0)), [1, 1, 1]);
  deepEqual(listsOf(planMoves(placed([1, 2, 3], [2, 3, 1], [3, 1, 2]), [1, 2, 3], 1)), [[1], [2], [3]]);
  throws(() => planMoves(placed([1, 2, 3]), [1, 2]), {
    name: UsageError.name,
    message: /t:0 is to have 3 replicas, and 2 brokers are named/,
  });
});

test("whatever lies wherever: as many replicas as before, on brokers that were named, and even", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 50; round += 1) {
    const all = Array.from({ length: 3 + random(5) }, (_, at) => at);
    const lists = Array.from({ length: 1 + random(30) }, () => all.toSorted(() => random(3) - 1).slice(0, 1 + random(3)));
    const to = all.slice(random(all.length - 2));
    const after = listsOf(planMoves(placed(...lists), to));
    deepEqual(
      after.map(({ length }) => length),
      lists.map(({ length }) => length),
    );
    ok(after.every((replicas) => new Set(replicas).size === replicas.length && replicas.every((broker) => to.includes(broker))));
    const each = to.map((broker) => after.flat().filter((one) => one === broker).length);
    ok(Math.max(...each) - Math.min(...each) < 2, JSON.stringify(after));
  }
});

test("a file of Kafka's tool is read, and what is none is refused", () => {
  const text = '{"version":1,"partitions":[{"topic":"t","partition":3,"replicas":[2,1],"log_dirs":["any","any"]}]}';
  deepEqual(readKafkaPlan(text), [{ topic: "t", partition: 3, replicas: [2, 1] }]);
  const bad = (value: unknown) => throws(() => readKafkaPlan(typeof value === "string" ? value : JSON.stringify(value)), UsageError);
  bad("{");
  bad("7");
  bad({ version: 2, partitions: [] });
  bad({ version: 1, partitions: [null] });
  bad({ version: 1, partitions: [{ topic: "t", partition: 0, replicas: ["1"] }] });
  bad({ version: 1, partitions: [1, 2].map((replica) => ({ topic: "t", partition: 0, replicas: [replica] })) });
});

test("brokers are numbers, each once", () => {
  deepEqual(parseBrokers("3,1"), [3, 1]);
  for (const text of ["", "1,", "1,1", "a", "1;2"]) throws(() => parseBrokers(text), UsageError);
});
