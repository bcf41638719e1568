import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { sleep } from "../../io/clock.ts";
import { SimWorld } from "./sim-world.ts";

test("events happen in the order of their times, then of their calls; promises run on in between", async () => {
  const world = new SimWorld(1);
  const seen: string[] = [];
  world.after(2, () => seen.push("c"));
  world.after(1, () => {
    seen.push("a");
    void Promise.resolve().then(async () => {
      for (let hop = 0; hop < 10; hop++) await Promise.resolve();
      seen.push("a's promises");
    });
  });
  world.after(1, () => seen.push("b"));
  world.after(3, () => seen.push("too late"));
  await world.run(2.5);
  deepEqual(seen, ["a", "a's promises", "b", "c"]);
  equal(world.nowMs, 2.5);
});

test("a process runs on virtual time and never again after its crash", async () => {
  const world = new SimWorld(1);
  const process = world.startProcess("p");
  const seen: number[] = [];
  void (async () => {
    const startMs = process.clock.monotonicMs();
    for (;;) {
      await sleep(process.clock, 100);
      seen.push(Math.round(process.clock.monotonicMs() - startMs));
    }
  })();
  process.clock.after(450, () => seen.push(-1)).cancel();
  world.after(350, () => process.crash());
  await world.run(10_000);
  deepEqual(seen, [100, 200, 300]);
  process.clock.nextTurn(() => seen.push(-2));
  await world.run(20_000);
  deepEqual(seen, [100, 200, 300]);
});

test("a paused process gets everything later, in order, beside what arrives at that time", async () => {
  const world = new SimWorld(1);
  const process = world.startProcess("p");
  const seen: string[] = [];
  for (const atMs of [1, 2, 10, 11]) process.at(atMs, () => seen.push(`${atMs}@${world.nowMs}`));
  process.pause(10);
  world.at(10, () => process.at(10, () => seen.push("new")));
  await world.run(20);
  deepEqual(seen, ["1@10", "2@10", "10@10", "new", "11@11"]);
});

test("the wall clock jumps, monotonic time does not", () => {
  const { clock } = new SimWorld(1).startProcess("p");
  const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
  clock.jumpWall(-3_600_000);
  equal(clock.wallMs(), wallMs - 3_600_000);
  equal(clock.monotonicMs(), monotonicMs);
});

test("what a program throws, or rejects unheard, ends the run", async () => {
  const thrown = new SimWorld(1);
  thrown.after(1, () => {
    throw new Error("broken");
  });
  await rejects(thrown.run(10), /broken/);
  await rejects(new SimWorld(1).settle(new Promise(() => {}), 5), /not settled within 5 ms/);
});

test("time that stands still is found", async () => {
  const world = new SimWorld(1);
  const again = (): void => {
    world.after(0, again);
  };
  again();
  await rejects(world.run(1), /stands still/);
});

test("same seed, same trace; another seed, another trace", async () => {
  const traceOf = async (seed: number): Promise<string> => {
    const world = new SimWorld(seed);
    const process = world.startProcess("p");
    let left = 1000;
    const tick = (): void => {
      left -= 1;
      if (left > 0) process.clock.after(process.random.between(0, 10), tick);
    };
    tick();
    await world.run(100_000);
    return world.trace.digest;
  };
  equal(await traceOf(5), await traceOf(5));
  ok((await traceOf(5)) !== (await traceOf(6)));
});

test("a stream of chance depends on its seed and name only", () => {
  const [one, other] = [new SimWorld(9).random, new SimWorld(9).random];
  other.uint32();
  equal(one.fork("disk").uint32(), other.fork("disk").uint32());
  ok(one.fork("disk").uint32() !== one.fork("net").uint32());
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < 4000; draw++) {
    const drawn = one.between(0, 3);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  ok(counts.every((count) => count > 900 && count < 1100));
});
