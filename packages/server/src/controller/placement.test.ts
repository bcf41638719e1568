import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { must } from "../base/assert.ts";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { PLACEMENT_SHARES_MAX } from "./limits.ts";
import { Placement } from "./placement.ts";

/** Brokers from 1 on, one a host unless it says otherwise. */
type Broker = Readonly<{ rack?: string; host?: string }>;

class World {
  readonly cluster = new ClusterFixture();
  readonly placement = new Placement(this.cluster.state);

  constructor(brokers: readonly Broker[]) {
    const { state } = this.cluster;
    for (const topicId of [...state.topicsById.keys()]) this.cluster.answer({ kind: "delete-topic", topicId });
    state.brokers.clear();
    for (const [i, broker] of brokers.entries()) this.add(i + 1, broker);
  }

  add(id: number, { rack = "", host = `h${id}` }: Broker = {}): void {
    const log = { walId: `log-${id}`, walIndex: 0, walDamaged: false };
    this.cluster.answer({ kind: "register-broker", broker: id, incarnation: "a", host, rack, ...log, listeners: [] });
    this.cluster.answer({ kind: "elect-leaders", broker: id, brokerEpoch: this.cluster.brokerEpoch(id) });
  }

  place(count: number, factor: number, seed = "seed"): number[][] {
    return this.placement.place({ count, factor, seed });
  }

  create(name: string, count: number, factor: number): number[][] {
    const assignments = this.place(count, factor, name);
    this.cluster.createTopic(name, assignments);
    return assignments;
  }

  broker(id: number) {
    return must(this.cluster.state.brokers.get(id), "broker");
  }
}

function countsOf(numbers: readonly number[], brokers: number): number[] {
  const counts = Array.from({ length: brokers }, () => 0);
  for (const id of numbers) counts[id - 1] = must(counts[id - 1], "broker") + 1;
  return counts;
}

function spread(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts);
}

function leadersOf(placed: readonly (readonly number[])[]): number[] {
  return placed.map(([leader = 0]) => leader);
}

const repeated = (count: number, of: Broker = {}): Broker[] => Array.from({ length: count }, () => of);
/** So many racks of so many brokers. */
const racks = (count: number, size: number): Broker[] =>
  Array.from({ length: count * size }, (_, i) => ({ rack: count === 1 ? "" : `rack-${i % count}` }));

test("on an empty cluster replicas and leaders are spread within one, in racks of one size, whatever the seed", () => {
  const cluster = fc.record({ count: fc.integer({ min: 1, max: 6 }), size: fc.integer({ min: 1, max: 5 }) });
  const topic = fc.record({ count: fc.integer({ min: 1, max: 40 }), factor: fc.integer({ min: 1, max: 5 }), seed: fc.string() });
  fc.assert(
    fc.property(cluster, topic, ({ count: rackCount, size }, { count, factor, seed }) => {
      const brokers = rackCount * size;
      fc.pre(factor <= brokers);
      const placed = new World(racks(rackCount, size)).place(count, factor, seed);
      equal(placed.length, count);
      ok(spread(countsOf(placed.flat(), brokers)) <= 1, "replicas");
      ok(spread(countsOf(leadersOf(placed), brokers)) <= 1, "leaders");
    }),
    { numRuns: 500, seed: 7 },
  );
});

test("never two replicas on a host, as many racks as possible, and never a broker that is fenced, however brokers are spread", () => {
  const broker = fc.record({
    rack: fc.constantFrom("", "a", "b", "c", "d"),
    host: fc.constantFrom("h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"),
    isFenced: fc.boolean(),
  });
  const brokersOf = fc.array(broker, { minLength: 1, maxLength: 14 });
  fc.assert(
    fc.property(
      brokersOf,
      fc.array(fc.record({ count: fc.integer({ min: 1, max: 12 }), factor: fc.integer({ min: 1, max: 4 }) }), { maxLength: 4 }),
      (brokers, topics) => {
        // A host stands in one rack.
        const rackOf = new Map(brokers.map(({ host, rack }) => [host, rack]));
        const world = new World(brokers.map(({ host }) => ({ host, rack: must(rackOf.get(host), "rack") })));
        for (const [i, { isFenced }] of brokers.entries()) world.broker(i + 1).fenced = isFenced;
        const ready = [...world.cluster.state.brokers.values()].filter(({ fenced }) => !fenced);
        const hosts = new Set(ready.map(({ host }) => host)).size;
        const rackCount = new Set(ready.map(({ rack }) => rack)).size;
        for (const [i, { count, factor }] of topics.entries()) {
          const tooFewHosts = new RegExp(
            `^Replication factor: ${factor} larger than available hosts: ${hosts}, on which ${ready.length} brokers run`,
          );
          if (factor > hosts) {
            throws(() => world.place(count, factor), {
              code: "INVALID_REPLICATION_FACTOR",
              message:
                factor > ready.length ? `Replication factor: ${factor} larger than available brokers: ${ready.length}.` : tooFewHosts,
            });
            continue;
          }
          for (const replicas of world.create(`t${i}`, count, factor)) {
            const chosen = replicas.map((id) => world.broker(id));
            equal(new Set(chosen.map(({ host }) => host)).size, factor);
            equal(new Set(chosen.map(({ rack }) => rack)).size, Math.min(factor, rackCount));
            ok(chosen.every(({ fenced }) => !fenced));
          }
        }
      },
    ),
    { numRuns: 500, seed: 7 },
  );
});

test("many small topics are spread like one large one; leaders within two, since each is placed before the next is known", () => {
  const world = new World(racks(3, 3));
  const all: number[][] = [];
  for (let i = 0; i < 90; i += 1) {
    all.push(...world.create(`t${i}`, 1, 3));
    ok(spread(countsOf(all.flat(), 9)) <= 1);
    ok(spread(countsOf(leadersOf(all), 9)) <= 2);
  }
});

test("topics of one request do not meet on one broker; what came to nothing does not count", () => {
  const world = new World(repeated(5));
  const leaders = Array.from({ length: 5 }, (_, i) => world.place(1, 1, `t${i}`)).flat(2);
  deepEqual(
    leaders.sort((a, b) => a - b),
    [1, 2, 3, 4, 5],
  );
  const first = world.place(3, 2);
  world.placement.forget();
  const again = world.place(3, 2);
  world.placement.forget();
  deepEqual(world.place(3, 2), again);
  equal(first.length, 3);
});

test("the same state gives the same placement, on every controller", () => {
  const world = new World(racks(2, 3));
  world.create("t", 7, 2);
  deepEqual(new Placement(world.cluster.state).place({ count: 9, factor: 3, seed: "x" }), world.place(9, 3, "x"));
});

test("a new broker gets more until it has as much as the others, but not all of a topic", () => {
  const world = new World(repeated(3));
  for (let i = 0; i < 10; i += 1) world.create(`old${i}`, 12, 2);
  world.add(4);
  for (let i = 0; i < 30; i += 1) {
    const placed = world.create(`new${i}`, 12, 2);
    const [share, leads] = [countsOf(placed.flat(), 4)[3] ?? 0, countsOf(leadersOf(placed), 4)[3] ?? 0];
    if (i === 0) deepEqual([share, leads], [(PLACEMENT_SHARES_MAX * 24) / 4, Math.ceil((PLACEMENT_SHARES_MAX * 12) / 4)]);
  }
  const all = [...world.cluster.state.partitions.values()];
  ok(
    spread(
      countsOf(
        all.flatMap(({ replicas }) => replicas),
        4,
      ),
    ) <= 1,
  );
  ok(
    spread(
      countsOf(
        all.map(({ replicas: [leader = 0] }) => leader),
        4,
      ),
    ) <= 1,
  );
});

test("when a broker is gone, what it led is shared by all others", () => {
  for (const factor of [2, 3]) {
    const placed = new World(repeated(6)).place(120, factor);
    const heirs = placed.filter(([leader]) => leader === 1).map(([, heir = 0]) => heir);
    ok(countsOf(heirs, 6).filter((count) => count > 0).length === 5, `${heirs.join()}`);
  }
});
