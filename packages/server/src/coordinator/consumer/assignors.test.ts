import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { must } from "../../base/assert.ts";
import { type Steps, takeAll } from "../../quota/turn-share.ts";
import type { Assignment } from "../fold/group-state.ts";
import { ASSIGNORS, type Subscriber } from "./assignors.ts";

const assign = (name: string, ...rest: Parameters<NonNullable<ReturnType<typeof ASSIGNORS.get>>>) =>
  takeAll(must(ASSIGNORS.get(name), "an assignor")(...rest));

const subscriber = (id: string, topicIds: string[], current: Assignment = new Map()): Subscriber => ({
  id,
  instanceId: undefined,
  topicIds,
  current,
});

const loadOf = (assignment: Assignment | undefined) => [...(assignment?.values() ?? [])].reduce((sum, { length }) => sum + length, 0);

test("range gives contiguous partitions, and the same ones of every topic", () => {
  const result = assign(
    "range",
    ["b", "a", "c"].map((id) => subscriber(id, ["t", "u"])),
    new Map([
      ["t", 7],
      ["u", 3],
    ]),
  );
  deepEqual(result.get("a"), new Map(Object.entries({ t: [0, 1, 2], u: [0] })));
  deepEqual(result.get("c"), new Map(Object.entries({ t: [5, 6], u: [2] })));
});

test("uniform moves no more than it has to", () => {
  const partitions = new Map([["t", 6]]);
  const ids = ["a", "b", "c"];
  const first = assign(
    "uniform",
    ids.slice(0, 2).map((id) => subscriber(id, ["t"])),
    partitions,
  );
  const second = assign(
    "uniform",
    ids.map((id) => subscriber(id, ["t"], first.get(id))),
    partitions,
  );
  for (const id of ["a", "b"]) {
    const kept = second.get(id)?.get("t") ?? [];
    equal(kept.length, 2);
    ok(kept.every((partition) => first.get(id)?.get("t")?.includes(partition)));
  }
});

test("every assignor gives each partition to one member that wants it; uniform is even among members that want the same", () => {
  const topics = ["t", "u", "v"];
  fc.assert(
    fc.property(
      fc.constantFrom("range", "uniform"),
      fc.array(fc.subarray(topics), { minLength: 1, maxLength: 9 }),
      fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12)),
      fc.array(fc.nat(8), { maxLength: 12 }),
      (name, wanted, counts, owners) => {
        const current = (at: number) => new Map([["t", owners.flatMap((owner, partition) => (owner === at ? [partition] : []))]]);
        // As in a group: members that want the same have the same list.
        const lists = new Map(wanted.map((topicIds) => [topicIds.join(), topicIds]));
        const members = wanted.map((topicIds, at) => subscriber(`m${at}`, lists.get(topicIds.join()) ?? [], current(at)));
        const partitions = new Map(topics.map((topic, at) => [topic, counts[at] ?? 0]));
        const result = assign(name, members, partitions);
        const seen = new Set<string>();
        for (const [id, assignment] of result) {
          for (const [topicId, list] of assignment) {
            ok(members.find((member) => member.id === id)?.topicIds.includes(topicId), `${id} wants ${topicId}`);
            for (const partition of list) {
              ok(!seen.has(`${topicId}:${partition}`) && partition < (partitions.get(topicId) ?? 0));
              seen.add(`${topicId}:${partition}`);
            }
          }
        }
        const possible = topics.filter((topic) => wanted.some((list) => list.includes(topic)));
        equal(
          seen.size,
          possible.reduce((sum, topic) => sum + (partitions.get(topic) ?? 0), 0),
        );
        const isSame = wanted.every((list) => list.length === topics.length);
        const loads = [...result.values()].map(loadOf);
        if (name === "uniform" && isSame) ok(Math.max(...loads) - Math.min(...loads) <= 1, loads.join());
      },
    ),
    { numRuns: 2_000, seed: 48 },
  );
});

test("an assignor can be put down, however many topics and members there are", () => {
  const ids = Array.from({ length: 2_000 }, (_, at) => `t${at}`);
  const partitions = new Map(ids.map((id, at) => [id, at === 0 ? 1_000 : 1]));
  const crowds: readonly Subscriber[][] = [
    Array.from({ length: 20 }, (_, at) => subscriber(`m${at}`, at === 0 ? ids : ids.filter((_id, topic) => topic % 10 === at % 10))),
    Array.from({ length: 20 }, (_, at) => subscriber(`m${at}`, ids)),
    Array.from({ length: 500 }, (_, at) => subscriber(`m${at}`, at % 2 === 0 ? ids.slice(0, 10) : ids.slice(1, 12))),
  ];
  for (const [name, assignor] of ASSIGNORS) {
    for (const crowd of crowds) {
      const count = stepsOf(assignor(crowd, partitions));
      ok(count > 20, `${name}: ${count} steps`);
    }
  }
});

function stepsOf(steps: Steps<unknown>): number {
  let count = 0;
  while (steps.next().done !== true) count += 1;
  return count;
}
