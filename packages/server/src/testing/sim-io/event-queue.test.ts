import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventQueue, SimEvent } from "./event-queue.ts";
import { CANCELLED_SWEPT_MIN } from "./limits.ts";
import { SimRandom } from "./random.ts";

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

test("cancelled events are thrown out, and the others keep their order", () => {
  const queue = new EventQueue();
  const random = new SimRandom(1);
  const kept: SimEvent[] = [];
  for (let sequence = 0; sequence < 20 * CANCELLED_SWEPT_MIN; sequence += 1) {
    const event = new SimEvent(random.between(0, 1_000), sequence, () => {});
    queue.push(event);
    if (sequence % 20 === 0) kept.push(event);
    else event.cancel();
    ok(queue.size <= 2 * CANCELLED_SWEPT_MIN + kept.length);
  }
  const out: SimEvent[] = [];
  for (let event = queue.pop(); event !== undefined; event = queue.pop()) if (event.run !== undefined) out.push(event);
  deepEqual(
    out,
    kept.toSorted((a, b) => a.atMs - b.atMs || a.sequence - b.sequence),
  );
});
