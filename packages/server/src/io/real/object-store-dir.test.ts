import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { objectStoreContract } from "../../testing/contracts/object-store-contract.ts";
import { DirectoryObjectStore } from "./object-store-dir.ts";
import { ObjectWriter } from "./object-writer.ts";

/** Of 4 MiB, beside a write of fourteen steps: some twenty to fifty are seen, and thousands where reads go first. */
const READS_MAX = 1_000;

objectStoreContract(
  "directory of objects",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "objects-"));
    const store = new DirectoryObjectStore(join(folder, "bucket"), true);
    const dispose = async (): Promise<void> => {
      await store.close();
      await rm(folder, { recursive: true });
    };
    return { store, drive: (promise) => promise, dispose };
  },
  true,
);

test("the key is the path, and nothing else is left behind", async (t) => {
  const { store, root } = await openStore(t);
  await store.put("c/data/1", [Buffer.from("hello")]);
  await rejects(store.put("c/data/1", [Buffer.from("other")]), { code: "exists" });
  equal(await readFile(join(root, "c/data/1"), "utf8"), "hello");
  deepEqual(await readdir(join(root, ".temporary")), []);
});

test("a write that has time and those behind it are made all the same", async (t) => {
  const { store, root } = await openStore(t);
  const large = Buffer.alloc(3 * 1024 * 1024, "relaxed ");
  const paces = ["relaxed", "urgent", "relaxed"] as const;
  const stored = await Promise.all(paces.map((pace, n) => store.put(`c/${n}`, [large], pace)));
  for (const [n, { crc32c: sum }] of stored.entries()) {
    equal(sum, crc32c(large));
    ok((await readFile(join(root, `c/${n}`))).equals(large));
  }
});

test("a write ends though reads never do", async (t) => {
  const { store } = await openStore(t);
  const object = Buffer.from(new SharedArrayBuffer(4 * 1024 * 1024));
  await store.put("c/old", [object]);
  const target = new Uint8Array(new SharedArrayBuffer(object.byteLength));
  let reads = 0;
  let isStored = false;
  const readOn = async (): Promise<void> => {
    for (; !isStored && reads < READS_MAX; reads++) await store.read("c/old", 0, target.byteLength, target);
  };
  const readers = Array.from({ length: 16 }, readOn);
  await store.put("c/new", [object, object, object], "urgent").finally(() => (isStored = true));
  await Promise.all(readers);
  ok(reads < READS_MAX, "it had to wait until nobody read any more");
});

test("a directory that is gone is unavailable, not empty, and nothing is written in its place", async (t) => {
  const { store, root } = await openStore(t);
  await store.put("c/1", [Buffer.from("hello")]);
  await rename(root, `${root}.away`);
  const gone = { name: "ObjectStoreError", code: "unavailable" };
  const checkGone = async (): Promise<void> => {
    await rejects(store.read("c/1", 0, 5), gone);
    await rejects(store.put("c/2", [Buffer.from("x")]), gone);
    await rejects(store.head("c/1"), gone);
    await rejects(store.list("", "", 10), gone);
    await rejects(store.remove("c/1"), gone);
  };
  await checkGone();
  equal(existsSync(root), false);
  await mkdir(root); // the bare mount point
  await checkGone();
  deepEqual(readdirSync(root), []);
  await rm(root, { recursive: true });
  await rename(`${root}.away`, root);
  deepEqual(await store.list("", "", 10), ["c/1"]);
});

test("without leave to create it, a missing directory is unavailable until somebody makes it a store", async (t) => {
  const { root } = await openStore(t);
  const store = new DirectoryObjectStore(root, false);
  t.after(() => store.close());
  await rejects(store.list("", "", 1), { code: "unavailable" });
  const creator = new DirectoryObjectStore(root, true);
  t.after(() => creator.close());
  await creator.list("", "", 1);
  deepEqual(await store.list("", "", 1), []);
});

test("temporary files of the dead are deleted at the start, those of the living are not", async (t) => {
  const { store, root } = await openStore(t);
  await mkdir(join(root, ".temporary"), { recursive: true });
  const dead = spawnSync("true").pid;
  const names = [
    `${hostname()}.${process.pid}.1`,
    `${hostname()}.${dead}.7`,
    `${hostname()}.${process.ppid}.3`,
    "elsewhere.1.1",
    "elsewhere.1.2",
  ];
  for (const name of names) await writeFile(join(root, ".temporary", name), "x");
  await utimes(join(root, ".temporary", "elsewhere.1.1"), 0, 0);
  await store.list("", "", 1);
  deepEqual((await readdir(join(root, ".temporary"))).sort(), ["elsewhere.1.2", `${hostname()}.${process.ppid}.3`].sort());
});

test("cold reads come in between the steps of a put", async (t) => {
  const { store } = await openStore(t);
  await store.put("small", [Buffer.from("hello")]);
  let isPutDone = false;
  const large = new Uint8Array(new SharedArrayBuffer(32 * 1024 * 1024));
  const put = store.put("large", [large]).then(() => {
    isPutDone = true;
  });
  let readsBefore = 0;
  while (!isPutDone && readsBefore < 5) {
    await store.read("small", 0, 5);
    if (!isPutDone) readsBefore += 1;
  }
  ok(readsBefore >= 5, `${readsBefore} reads`);
  await put;
});

test("an object of any length has exactly its bytes, in memory of both kinds", async (t) => {
  const { store, root } = await openStore(t);
  const bytes = Buffer.from(new Uint8Array(3 * 1024 * 1024 + 77).map((_, at) => at * 31 + (at >> 9)));
  const shared = Buffer.from(new SharedArrayBuffer(bytes.byteLength));
  bytes.copy(shared);
  for (const length of [1, 4095, 4096, 4097, 1024 * 1024, 1024 * 1024 + 1, 2 * 1024 * 1024 - 1, bytes.byteLength]) {
    const [a, b] = [Math.floor(length / 3), Math.floor(length / 2)];
    const pieces = [shared.subarray(0, a), bytes.subarray(a, b), shared.subarray(b, length)];
    deepEqual(await store.put(`k/${length}`, pieces), { bytes: length, crc32c: crc32c(bytes.subarray(0, length)) });
    ok((await readFile(join(root, `k/${length}`))).equals(bytes.subarray(0, length)), `${length}`);
  }
  deepEqual(await readdir(join(root, ".temporary")), []);
});

test("without direct writes objects are the same", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "objects-"));
  t.after(() => rm(folder, { recursive: true }));
  const bytes = Buffer.from(new Uint8Array(6 * 1024 * 1024 + 5).map((_, at) => at * 7));
  for (const direct of [false, true]) {
    const writer = new ObjectWriter();
    if (direct) writer.probe(join(folder, "probe"));
    const steps = writer.write(join(folder, `${direct}`), "k", [bytes.subarray(0, 10), bytes.subarray(10)]);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    deepEqual(step.value, { bytes: bytes.byteLength, crc32c: crc32c(bytes) });
    ok((await readFile(join(folder, `${direct}`))).equals(bytes));
  }
  deepEqual((await readdir(folder)).sort(), ["false", "true"]);
});

test("a part of a large buffer travels without the rest", async (t) => {
  const { store } = await openStore(t);
  const large = Buffer.alloc(64 * 1024 * 1024, 7);
  const startedMs = performance.now();
  for (let n = 0; n < 20; n++) await store.put(`k/${n}`, [large.subarray(n, n + 10)]);
  ok(performance.now() - startedMs < 2_000);
});

test("a key below an object is refused, and a folder is no object", async (t) => {
  const { store } = await openStore(t);
  await store.put("c/1", [Buffer.from("x")]);
  await rejects(store.put("c/1/2", [Buffer.from("x")]), { name: "ObjectStoreError", code: "unavailable" });
  equal(await store.head("c"), undefined);
  await rejects(store.read("c", 0, 0), { code: "not-found" });
  await rejects(store.put("c", [Buffer.from("x")]), { code: "exists" });
  await rejects(store.read("c/1/2", 0, 1), { code: "not-found" });
});

test("folders go with the last object in them, and come back with the next", async (t) => {
  const { store, root } = await openStore(t);
  for (const key of ["c/data/1/1/a", "c/data/1/2/a", "c/data/1/2/b"]) await store.put(key, [Buffer.from("x")]);
  await store.remove("c/data/1/1/a");
  deepEqual(await readdir(join(root, "c/data/1")), ["2"]);
  await store.remove("c/data/1/2/a");
  await store.remove("c/data/1/2/b");
  deepEqual(
    (await readdir(root)).filter((name) => !name.startsWith(".")),
    [],
  );
  await store.put("c/data/1/1/b", [Buffer.from("x")]);
  deepEqual(await store.list("", "", 10), ["c/data/1/1/b"]);
});

test("pages of a long list", async (t) => {
  const { store } = await openStore(t);
  const keys = Array.from({ length: 450 }, (_, n) => `c/${String(n).padStart(4, "0")}`);
  for (const key of keys) await store.put(key, []);
  const pages: string[] = [];
  for (let after = ""; ; ) {
    const page = await store.list("c/", after, 100);
    pages.push(...page);
    if (page.length < 100) break;
    after = page.at(-1) ?? "";
  }
  deepEqual(pages, keys);
  equal((await store.list("c/", "", 100)).length, 100);
  for (const key of keys.slice(50)) await store.remove(key);
  deepEqual(await store.list("c/", "", 100), keys.slice(0, 50));
});

async function openStore(t: TestContext): Promise<{ store: DirectoryObjectStore; root: string }> {
  const folder = await mkdtemp(join(tmpdir(), "objects-"));
  const root = join(folder, "bucket");
  const store = new DirectoryObjectStore(root, true);
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { store, root };
}
