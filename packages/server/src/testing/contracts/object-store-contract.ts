import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { ObjectStore, ObjectStoreErrorCode, PieceSums } from "../../io/object-store.ts";

/** An empty store, and `drive`, which makes its time pass until the promise settles (the identity for a real one). */
export type ObjectStoreUnderTest = Readonly<{
  store: ObjectStore;
  drive: <T>(promise: Promise<T>) => Promise<T>;
  dispose: () => Promise<void>;
}>;

/** What every ObjectStore must do while nothing fails. `confirms`: it returns checksums of its own. */
export function objectStoreContract(
  name: string,
  create: () => ObjectStoreUnderTest | Promise<ObjectStoreUnderTest>,
  confirms: boolean,
): void {
  const check = (what: string, run: (store: ObjectStore) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { store, drive, dispose } = await create();
      try {
        await drive(run(store));
      } finally {
        await dispose();
      }
    });
  };
  const sumOf = (bytes: Uint8Array): number | undefined => (confirms ? crc32c(bytes) : undefined);

  check("stores pieces one behind the other and confirms what it stored", async (store) => {
    const stored = await store.put("c/data/1", [bytes(1, 2), bytes(), bytes(3)]);
    deepEqual(stored, { bytes: 3, crc32c: sumOf(bytes(1, 2, 3)) });
    deepEqual([...(await store.read("c/data/1", 0, 3))], [1, 2, 3]);
    equal((await store.head("c/data/1"))?.bytes, 3);
  });

  check("takes pieces of shared memory", async (store) => {
    const shared = new Uint8Array(new SharedArrayBuffer(100)).map((_, at) => at);
    const view = new Uint8Array(shared.buffer);
    await store.put("k", [view.subarray(10, 20), bytes(1), view.subarray(90)]);
    deepEqual([...(await store.read("k", 0, 21))], [...view.subarray(10, 20), 1, ...view.subarray(90)]);
  });

  check("hashes the pieces of what it reads, or leaves that to the caller", async (store) => {
    await store.put("k", [bytes(0, 1, 2, 3, 4, 5)]);
    const sums: PieceSums = { lengths: [2, 3], crcs: undefined };
    const target = new Uint8Array(new SharedArrayBuffer(5));
    deepEqual([...(await store.read("k", 1, 6, target, sums))], [1, 2, 3, 4, 5]);
    if (sums.crcs !== undefined) deepEqual(sums.crcs, [crc32c(bytes(1, 2)), crc32c(bytes(3, 4, 5))]);
  });

  check("an empty object, and one of 9 MiB", async (store) => {
    deepEqual(await store.put("empty", []), { bytes: 0, crc32c: sumOf(bytes()) });
    deepEqual([...(await store.read("empty", 0, 0))], []);
    const large = new Uint8Array(9 * 1024 * 1024).map((_, at) => at * 31);
    deepEqual(await store.put("large", [large.subarray(0, 5_000_000), large.subarray(5_000_000)]), {
      bytes: large.length,
      crc32c: sumOf(large),
    });
    equal(Buffer.compare(await store.read("large", 4_000_000, 8_000_000), large.subarray(4_000_000, 8_000_000)), 0);
  });

  check("creates a key once, whoever comes second", async (store) => {
    await store.put("k", [bytes(1)]);
    await rejectsWith(store.put("k", [bytes(2)]), "exists");
    deepEqual([...(await store.read("k", 0, 1))], [1]);
    const race = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => store.put("race", [bytes(n)])));
    equal(race.filter((one) => one.status === "fulfilled").length, 1);
  });

  check("ranges are exact", async (store) => {
    await store.put("k", [bytes(1, 2, 3, 4)]);
    deepEqual([...(await store.read("k", 1, 3))], [2, 3]);
    deepEqual([...(await store.read("k", 4, 4))], []);
    await rejectsWith(store.read("k", 3, 5), "range");
    await rejectsWith(store.read("none", 0, 1), "not-found");
    equal(await store.head("none"), undefined);
  });

  check("lists by prefix, in order, in portions", async (store) => {
    for (const key of ["c/b/2", "c/a", "c/b/1", "d/1", "c/b/10", "c/b-x"]) await store.put(key, [bytes(1)]);
    deepEqual(await store.list("c/", "", 100), ["c/a", "c/b-x", "c/b/1", "c/b/10", "c/b/2"]);
    deepEqual(await store.list("c/b", "", 100), ["c/b-x", "c/b/1", "c/b/10", "c/b/2"]);
    deepEqual(await store.list("c/b/1", "", 100), ["c/b/1", "c/b/10"]);
    deepEqual(await store.list("c/", "", 2), ["c/a", "c/b-x"]);
    deepEqual(await store.list("c/", "c/b-x", 2), ["c/b/1", "c/b/10"]);
    deepEqual(await store.list("", "c/b/2", 100), ["d/1"]);
    deepEqual(await store.list("nothing/", "", 100), []);
  });

  check("removes", async (store) => {
    await store.put("c/k", [bytes(1)]);
    await store.remove("c/k");
    await store.remove("c/k");
    equal(await store.head("c/k"), undefined);
    deepEqual(await store.list("", "", 10), []);
  });

  check("refuses keys that are none", async (store) => {
    for (const key of ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/.b", "a b", "a\0", "ä", `${"x".repeat(513)}`]) {
      await rejectsWith(store.put(key, []), "invalid-key");
      await rejectsWith(store.read(key, 0, 0), "invalid-key");
      await rejectsWith(store.head(key), "invalid-key");
      await rejectsWith(store.remove(key), "invalid-key");
    }
    await rejectsWith(store.list("../", "", 1), "invalid-key");
  });

  check("many calls at once", async (store) => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.put(`k/${n}`, [new Uint8Array(n).fill(n)])));
    const read = await Promise.all(Array.from({ length: 50 }, (_, n) => store.read(`k/${n}`, 0, n)));
    read.forEach((one, n) => deepEqual([...one], new Array(n).fill(n)));
  });
}

async function rejectsWith(promise: Promise<unknown>, code: ObjectStoreErrorCode): Promise<void> {
  await rejects(promise, { name: "ObjectStoreError", code });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
