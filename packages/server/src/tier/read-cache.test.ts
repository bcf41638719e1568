import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SimRandom } from "../testing/sim-io/random.ts";
import { type CacheCounters, ReadCache } from "./read-cache.ts";

const zero = (): CacheCounters => ({ hits: 0, misses: 0, sharedMisses: 0, aheadWastedBytes: 0, waits: 0 });

/** A read that answers when it is told to. */
function pending<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("concurrent misses share one read", async () => {
  const counters = zero();
  const cache = new ReadCache<string>(100, counters);
  const read = pending<string>();
  let reads = 0;
  const ask = () =>
    cache.getOrLoad("a", 10, () => {
      reads += 1;
      return read.promise;
    });
  const asked = [ask(), ask(), ask()].map((one) => Promise.resolve(one));
  await turn();
  read.resolve("value");
  deepEqual(await Promise.all(asked), ["value", "value", "value"]);
  equal(ask(), "value");
  equal(reads, 1);
  deepEqual([counters.misses, counters.sharedMisses, counters.hits], [1, 2, 1]);
});

test("a failure reaches everybody who waits and is forgotten", async () => {
  const cache = new ReadCache<string>(100, zero());
  const read = pending<string>();
  const first = cache.getOrLoad("a", 10, () => read.promise);
  const second = cache.getOrLoad("a", 10, () => read.promise);
  read.reject(new Error("no answer"));
  await rejects(Promise.resolve(first), /no answer/);
  await rejects(Promise.resolve(second), /no answer/);
  equal(cache.bytes, 0);
  equal(await cache.getOrLoad("a", 10, () => Promise.resolve("later")), "later");
});

test("one bad result of a read leaves the others", async () => {
  const cache = new ReadCache<string>(100, zero());
  const [a, b] = cache.load(["a", "b"], 20, false, () => Promise.resolve(["good", new Error("bad")]));
  equal(await a, "good");
  await rejects(b as Promise<string>, /bad/);
  equal(cache.get("a"), "good");
  equal(cache.get("b"), undefined);
});

test("what one read brought goes together, the longest unused first", async () => {
  const counters = zero();
  const cache = new ReadCache<string>(40, counters);
  await Promise.all(cache.load(["a", "b"], 20, false, () => Promise.resolve(["A", "B"])));
  await Promise.all(cache.load(["c", "d"], 20, true, () => Promise.resolve(["C", "D"])));
  equal(cache.get("b"), "B");
  await cache.getOrLoad("e", 10, () => Promise.resolve("E"));
  deepEqual(
    ["a", "b", "c", "d", "e"].map((key) => cache.has(key)),
    [true, true, false, false, true],
  );
  equal(counters.aheadWastedBytes, 20);
  equal(cache.bytes, 30);
});

test("what is being read counts; the rest waits for room, first come first served", async () => {
  const cache = new ReadCache<number>(30, zero());
  const reads = Array.from({ length: 5 }, () => pending<number>());
  const begun: number[] = [];
  const asked = reads.map((read, n) =>
    Promise.resolve(
      cache.getOrLoad(`k${n}`, 10, () => {
        begun.push(n);
        return read.promise;
      }),
    ),
  );
  await turn();
  deepEqual(begun, [0, 1, 2]);
  equal(cache.bytes, 30);
  reads[1]?.resolve(1);
  await turn();
  deepEqual(begun, [0, 1, 2, 3], "the one that arrived made room by leaving again");
  for (const [n, read] of reads.entries()) read.resolve(n);
  deepEqual(await Promise.all(asked), [0, 1, 2, 3, 4]);
  ok(cache.bytes <= 30);
});

test("a read larger than the cache is served alone and not kept", async () => {
  const cache = new ReadCache<string>(30, zero());
  await cache.getOrLoad("a", 10, () => Promise.resolve("A"));
  equal(await cache.getOrLoad("huge", 1000, () => Promise.resolve("H")), "H");
  equal(cache.has("huge"), false);
  equal(cache.bytes, 0);
});

test("the bound holds whatever happens", async () => {
  const random = new SimRandom(5);
  const cache = new ReadCache<number>(1000, zero());
  let most = 0;
  const asked: Promise<unknown>[] = [];
  for (let round = 0; round < 2000; round++) {
    const first = random.between(0, 60);
    const bytes = random.between(1, 300);
    const fails = random.chance(0.1);
    const later = async () => {
      for (let n = random.between(0, 3); n > 0; n--) await turn();
      most = Math.max(most, cache.bytes);
      if (fails) throw new Error("no");
      return first;
    };
    asked.push(Promise.resolve(cache.getOrLoad(`k${first}`, bytes, later)).catch(() => {}));
    if (random.chance(0.3)) await turn();
    most = Math.max(most, cache.bytes);
  }
  await Promise.all(asked);
  ok(most <= 1000 && most > 800, String(most));
});
