import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../testing/manual-clock.ts";
import { EXPRESSIONS_MAX, MATCH_TURN_MS, MATCHES_PER_LOOK, MATCHES_PER_TURN } from "../limits.ts";
import { TopicPatterns } from "./topic-patterns.ts";

/** Turns are taken one by one. */
class Scene {
  readonly clock = new ManualClock();
  readonly turns: (() => void)[] = [];
  readonly names: Set<string>;
  readonly patterns: TopicPatterns;

  constructor(names: Iterable<string>) {
    this.names = new Set(names);
    const nextTurn = (run: () => void): void => void this.turns.push(run);
    const { clock } = this;
    const steps = { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs(), after: clock.after.bind(clock), nextTurn };
    this.patterns = new TopicPatterns(steps, () => this.names);
  }

  /** @returns how many turns it took. */
  settle(): number {
    let count = 0;
    for (; this.turns.length > 0; count += 1) this.turns.shift()?.();
    return count;
  }

  async known(...expressions: string[]): Promise<readonly (readonly string[] | undefined)[]> {
    const waiting = this.patterns.known(expressions);
    this.settle();
    await waiting;
    return expressions.map((expression) => this.patterns.matching(expression)?.names);
  }

  create(name: string): void {
    this.names.add(name);
    this.patterns.created(name);
  }

  delete(name: string): void {
    this.names.delete(name);
    this.patterns.deleted(name);
  }
}

const named = (count: number) => Array.from({ length: count }, (_, at) => `t${at}`);

test("an expression is looked for once, in turns, and known then", async () => {
  const scene = new Scene(named(10 * MATCHES_PER_TURN));
  equal(scene.patterns.matching("t1."), undefined);
  const waiting = scene.patterns.known(["t1.", "t2."]);
  ok(waiting !== undefined);
  equal(scene.settle(), 20);
  await waiting;
  equal(scene.patterns.matching("t1.")?.names.length, 10);
  equal(scene.patterns.known(["t2.", "t1."]), undefined);
});

test("a turn ends early when matching takes long", () => {
  const scene = new Scene(named(MATCHES_PER_TURN));
  void scene.patterns.known(["t.*"]);
  let asked = 0;
  scene.clock.monotonicMs = () => asked++ * MATCH_TURN_MS;
  equal(scene.settle(), MATCHES_PER_TURN / MATCHES_PER_LOOK);
});

test("topics come and go: the list is the same until they do, and another then", async () => {
  const scene = new Scene(["a1", "b1"]);
  const [first] = await scene.known("a.*");
  scene.create("b2");
  equal(scene.patterns.matching("a.*"), undefined);
  equal((await scene.known("a.*"))[0], first);
  scene.create("a2");
  const [second] = await scene.known("a.*");
  deepEqual(second, ["a1", "a2"]);
  notEqual(second, first);
  deepEqual(first, ["a1"]);
  scene.delete("a1");
  deepEqual(await scene.known("a.*"), [["a2"]]);
  scene.create("a3");
  scene.delete("a3");
  scene.delete("a2");
  scene.create("a2");
  deepEqual(await scene.known("a.*"), [["a2"]]);
  scene.delete("a2");
  deepEqual(await scene.known("a.*"), [[]]);
});

test("a topic that is deleted and made again while others are looked at is there once", async () => {
  const scene = new Scene(named(3 * MATCHES_PER_TURN));
  const waiting = scene.patterns.known(["t0"]);
  scene.turns.shift()?.();
  scene.delete("t0");
  scene.turns.shift()?.();
  scene.create("t0");
  scene.settle();
  await waiting;
  deepEqual(scene.patterns.matching("t0")?.names, ["t0"]);
});

test("what is no expression is known at once; whoever waits when the broker stops goes on", async () => {
  const scene = new Scene(["a"]);
  equal(scene.patterns.known(["("]), undefined);
  ok(scene.patterns.matching("(")?.problem !== undefined);
  const waiting = scene.patterns.known(["a"]);
  scene.patterns.stop();
  await waiting;
});

test("the expressions that were not used for the longest time are forgotten", async () => {
  const scene = new Scene(["x0", "x1"]);
  await scene.known("x0", "x1");
  for (let n = 2; n <= EXPRESSIONS_MAX; n += 1) await scene.known("x0", `x${n}`);
  deepEqual([scene.patterns.matching("x0")?.names, scene.patterns.matching("x1")], [["x0"], undefined]);
  deepEqual(await scene.known("x1"), [["x1"]]);
});
