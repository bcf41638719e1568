import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { ObjectStore } from "../io/object-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { LIST_KEYS_MAX } from "./limits.ts";
import { listPages } from "./object-listing.ts";

const CLUSTER = "cluster";
const KEYS = Array.from(
  { length: 2 * LIST_KEYS_MAX + 5 },
  (_, n) => `${CLUSTER}/data/1/1/${String(n).padStart(12, "0")}-${"0".repeat(16)}.records`,
);

/** All names of a store that lists so; time passes by itself. */
async function listed(list: ObjectStore["list"]): Promise<string[]> {
  const clock = new ManualClock();
  const found: string[] = [];
  const ticking = setInterval(() => clock.advance(0), 0);
  try {
    for await (const { objects } of listPages({ list } as ObjectStore, clock, `${CLUSTER}/data/`, CLUSTER))
      found.push(...objects.map(({ key }) => key));
  } finally {
    clearInterval(ticking);
  }
  return found;
}

test("all pages, one behind the other", async () => {
  const found = await listed((_, after, countMax) => Promise.resolve(KEYS.filter((key) => key > after).slice(0, countMax)));
  equal(found.length, KEYS.length);
  deepEqual(found, KEYS);
});

test("a store that begins anew with every page is refused, and not asked for ever", async () => {
  let asked = 0;
  const anew: ObjectStore["list"] = (_, _after, countMax) => {
    asked += 1;
    return Promise.resolve(KEYS.slice(0, countMax));
  };
  await rejects(listed(anew), { name: "ObjectStoreError", code: "unavailable", message: /does not go on behind/ });
  equal(asked, 2);
});
