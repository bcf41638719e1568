import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventQueue, SimEvent } from "./event-queue.ts";

test("gives events back by time, then by order of arrival", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 100 }), (times) => {
      const queue = new EventQueue();
      const events = times.map((atMs, sequence) => new SimEvent(atMs, sequence, () => {}));
      for (const event of events) queue.push(event);
      const out: SimEvent[] = [];
      for (let event = queue.pop(); event !== undefined; event = queue.pop()) out.push(event);
      deepEqual(
        out,
        events.toSorted((a, b) => a.atMs - b.atMs || a.sequence - b.sequence),
      );
    }),
    { numRuns: 200, seed: 1 },
  );
});
