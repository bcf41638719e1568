// Goal: the k-th lowest is what a sort has at that place, for every k, also among equal ones.
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { SimRandom } from "../testing/sim-io/random.ts";
import { kthLowest } from "./order-statistic.ts";

const ROUNDS = 300;

function check(values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  for (let k = 1; k <= values.length; k += 1)
    equal(
      kthLowest(values, (value) => value, k),
      sorted[k - 1],
      `${k} of ${values.join()}`,
    );
}

test("every place of random ends, with and without equal ones", () => {
  const random = new SimRandom(7);
  for (let round = 0; round < ROUNDS; round += 1) {
    const largest = random.pick([1, 5, 1_000, Number.MAX_SAFE_INTEGER]);
    check(Array.from({ length: random.between(1, 24) }, () => random.between(-1, largest)));
  }
});

test("ends that rise, fall, and are all the same", () => {
  const rising = Array.from({ length: 33 }, (_, n) => n);
  check(rising);
  check(rising.toReversed());
  check(rising.map(() => 4));
});

test("every place among many: random, rising, falling, with few different ones, and as many as the steps between pivots", () => {
  const random = new SimRandom(8);
  const rising = Array.from({ length: 200 }, (_, n) => n);
  for (const values of [rising, rising.toReversed(), rising.map(() => 7), rising.map((n) => (n === 9 ? 0 : 7))]) check(values);
  for (const largest of [1, 3, 50, Number.MAX_SAFE_INTEGER]) check(Array.from({ length: 200 }, () => random.between(-1, largest)));
  const most = Array.from({ length: 2 * 7_919 }, () => random.between(0, 5_000));
  equal(
    kthLowest(most, (value) => value, 7_919),
    most.toSorted((a, b) => a - b)[7_918],
  );
});

test("what counts is what is said of an item", () => {
  const ends = new Map([
    [1, 30],
    [2, 10],
    [3, 20],
  ]);
  equal(
    kthLowest([...ends.keys()], (broker) => ends.get(broker) ?? -1, 3),
    30,
  );
});
