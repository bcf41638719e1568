import { deepEqual } from "node:assert/strict";
import { mock, test } from "node:test";
import { SystemClock } from "./system-clock.ts";

test("a time that no timer can hold is as long as one can hold, not the next moment", () => {
  const delaysMs: unknown[] = [];
  const fake = mock.method(globalThis, "setTimeout", (_: () => void, delayMs: unknown) => delaysMs.push(delayMs));
  try {
    for (const delayMs of [-1, 1.5, 2 ** 40, Number.POSITIVE_INFINITY]) new SystemClock().after(delayMs, () => undefined);
  } finally {
    fake.mock.restore();
  }
  deepEqual(delaysMs, [0, 2, 2 ** 31 - 1, 2 ** 31 - 1]);
});
