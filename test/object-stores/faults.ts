import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { crc32c } from "@tidemq/protocol/crc32c.ts";
import type { ObjectStoreError } from "@tidemq/server/io/object-store.ts";
import type { BucketPlace } from "@tidemq/server/io/real/cloud/bucket.ts";
import { CallTurns } from "@tidemq/server/io/real/cloud/call-turns.ts";
import { type CallLimits, CloudCalls } from "@tidemq/server/io/real/cloud/cloud-calls.ts";
import { ObjectBody } from "@tidemq/server/io/real/cloud/object-body.ts";
import { openBucket } from "@tidemq/server/io/real/cloud/open-bucket.ts";
import { until } from "../process/server-process.ts";
import { type Fault, FaultProxy } from "./fault-proxy.ts";
import type { StoreServer } from "./store-server.ts";

/** How one kind of store speaks. */
export type Dialect = Readonly<{
  /** The method of its put. */
  putMethod: "PUT" | "POST";
  /** "Come back later", as it says it. */
  busy: Fault;
  /** Its answer to a put, with another checksum than what it computed; undefined: another answer than ours is ignored. */
  otherChecksum: Fault;
  /** An answer of success that says nothing of what was stored. */
  emptyAnswer: Fault;
  /** What a store with other checksums confirms. */
  confirmsOther: number | undefined;
}>;

const LIMITS: CallLimits = { readMs: 5_000, writeMs: 5_000 };
const IMPATIENT: CallLimits = { readMs: 250, writeMs: 250 };
/** More than the buffers of a connection take. */
const HUGE = Buffer.from(new SharedArrayBuffer(48 * 1024 * 1024));
const LARGE = Buffer.from(new SharedArrayBuffer(3 * 1024 * 1024)).fill("0123456789");

/** Calls without the thread between, so that a test can be short of time. */
export function callsTo(place: BucketPlace, limits = LIMITS): CloudCalls {
  return new CloudCalls(openBucket(place), new CallTurns(24), limits);
}

export function bodyOf(...pieces: readonly (Uint8Array | string)[]): ObjectBody {
  return new ObjectBody(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

/** What stores and networks do to a call, and what must come of it, against a real store behind a proxy. */
export function faultSuite(name: string, missing: string | undefined, start: () => Promise<StoreServer>, dialect: Dialect): void {
  if (missing !== undefined) {
    test(`${name}: faults`, { skip: missing }, () => undefined);
    return;
  }
  describe(`${name}: faults`, () => {
    let server: StoreServer;
    let proxy: FaultProxy;
    const calls = (limits = LIMITS): CloudCalls => callsTo({ ...server.place, prefix: "faults/", endpoint: proxy.endpoint }, limits);
    before(async () => {
      server = await start();
      Object.assign(process.env, server.environment);
      proxy = await FaultProxy.start(server.endpoint);
    });
    after(() => {
      proxy?.stop();
      server?.stop();
    });
    const { putMethod } = dialect;

    test("busy is told at once, and nothing is tried twice", async () => {
      proxy.fail(putMethod, dialect.busy, 5);
      await rejects(calls().put("busy", bodyOf("x")), { name: "ObjectStoreError", code: "unavailable" });
      equal(proxy.hits, 1);
      proxy.fail("GET", dialect.busy, 5);
      await rejects(calls().read("busy", 0, 1, undefined), { code: "unavailable" });
      await rejects(calls().list("", "", 10), { code: "unavailable" });
      equal(proxy.hits, 2);
    });

    test("an error of the store's inside leaves open what became of a put, and not of a read", async () => {
      proxy.fail(putMethod, { kind: "answer", status: 500 });
      await rejects(calls().put("inside", bodyOf("x")), { code: "unknown" });
      proxy.fail("GET", { kind: "answer", status: 502 });
      await rejects(calls().read("inside", 0, 1, undefined), { code: "unavailable" });
    });

    test("a put that was done but not answered is unknown, and found afterwards", async () => {
      proxy.fail(putMethod, { kind: "applied" });
      await rejects(calls(IMPATIENT).put("applied", bodyOf("x")), { code: "unknown", message: /no answer within 250 ms/ });
      equal((await calls().head("applied"))?.bytes, 1);
      await rejects(calls().put("applied", bodyOf("y")), { code: "exists" });
    });

    test("a call without an answer ends in time, and its connection is closed", async () => {
      await calls().put("silent", bodyOf("x"));
      const impatient = calls(IMPATIENT);
      for (const [method, call] of [
        ["GET", () => impatient.read("silent", 0, 1, undefined)],
        [putMethod, () => impatient.put("never", bodyOf(LARGE))],
        ["DELETE", () => impatient.remove("silent")],
      ] as const) {
        const openBefore = proxy.openCount;
        proxy.fail(method, { kind: "silent" });
        await rejects(call(), (error: ObjectStoreError) => error.code === (method === "GET" ? "unavailable" : "unknown"));
        await until("the connection is closed", () => proxy.openCount <= openBefore, 2_000);
      }
      equal(await calls().head("never"), undefined);
    });

    test("an answer before the body is read ends the request: nobody goes on sending", async () => {
      const openBefore = proxy.openCount;
      proxy.fail(putMethod, { kind: "early", status: 503 });
      await rejects(calls().put("early", bodyOf(HUGE)), { code: "unavailable" });
      equal(proxy.hits, 1);
      await until("the connection is closed", () => proxy.openCount <= openBefore, 2_000);
    });

    test("connections are kept from call to call", async () => {
      const kept = calls();
      await kept.put("kept", bodyOf(LARGE));
      const madeBefore = proxy.madeCount;
      for (let n = 0; n < 10; n += 1) {
        await kept.read("kept", 0, 100_000, undefined);
        await kept.head("kept");
        await kept.list("kept", "", 10);
        await kept.put(`kept-${n}`, bodyOf("x"));
        await kept.remove(`kept-${n}`);
      }
      ok(proxy.madeCount - madeBefore <= 3, `${proxy.madeCount - madeBefore} connections for 50 calls`);
    });

    test("a slow answer is taken", async () => {
      await calls().put("slow", bodyOf("slow"));
      proxy.fail("GET", { kind: "slow", ms: 100 });
      equal(Buffer.from(await calls().read("slow", 1, 3, undefined)).toString(), "lo");
    });

    test("a connection cut within a put leaves it unknown, and nothing is there", async () => {
      proxy.fail(putMethod, { kind: "cut-request", afterBytes: 1_000_000 });
      await rejects(calls().put("cut", bodyOf(LARGE)), { code: "unknown" });
      equal(await calls().head("cut"), undefined);
      deepEqual(await calls().put("cut", bodyOf(LARGE)), { bytes: LARGE.byteLength, crc32c: crc32c(LARGE) });
    });

    test("a connection cut within an answer is no short read, whatever the target holds", async () => {
      await calls().put("half", bodyOf(LARGE));
      const target = new Uint8Array(new SharedArrayBuffer(LARGE.byteLength));
      proxy.fail("GET", { kind: "cut-answer", afterBytes: 1_000_000 });
      await rejects(calls().read("half", 0, LARGE.byteLength, target), { code: "unavailable" });
      await calls().read("half", 0, LARGE.byteLength, target);
      equal(Buffer.compare(target, LARGE), 0);
    });

    test("another checksum than ours is never confirmed", async () => {
      proxy.fail(putMethod, dialect.otherChecksum);
      const stored = await calls().put("other", bodyOf("bytes"));
      equal(proxy.hits, 1);
      deepEqual(stored, { bytes: 5, crc32c: dialect.confirmsOther });
    });

    test("success without a word, and nothing there: nobody knows what became of the put", async () => {
      proxy.fail(putMethod, dialect.emptyAnswer);
      const put = calls().put("nothing", bodyOf("bytes"));
      if (putMethod === "PUT" && dialect.confirmsOther === undefined) return void (await put);
      await rejects(put, { code: "unknown" });
    });

    test("a store that is not there is unavailable at once, for puts too", async () => {
      const gone = callsTo({ ...server.place, endpoint: server.endpoint.replace(/:\d+/, ":1") });
      await rejects(gone.put("k", bodyOf("x")), { code: "unavailable", message: /ECONNREFUSED/ });
      await rejects(gone.read("k", 0, 1, undefined), { code: "unavailable" });
    });

    test("an unknown bucket is a mistake of a person, not an absent object", async () => {
      const wrong = callsTo({ ...server.place, bucket: "no-such-bucket" });
      await rejects(wrong.put("k", bodyOf("x")), { code: "denied", message: /no-such-bucket: there is no such/ });
      await rejects(wrong.list("", "", 1), { code: "denied" });
      await rejects(wrong.read("k", 0, 1, undefined), (error: ObjectStoreError) => error.code === "denied" || name === "fake-gcs-server");
    });

    test("an answer that something else gives is no absent object", async () => {
      const page =
        "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center></body>\r\n</html>\r\n";
      const answer: Fault = { kind: "answer", status: 404, headers: { "content-type": "text/html" }, body: page };
      await calls().put("k", bodyOf("x"));
      proxy.fail("GET", answer);
      await rejects(calls().read("k", 0, 1, undefined), { code: "denied" });
      proxy.fail("DELETE", answer);
      await rejects(calls().remove("k"), { code: "denied" });
      equal((await calls().head("k"))?.bytes, 1);
    });

    test("no more calls than allowed are under way, and those that wait have an end too", async () => {
      const few = new CloudCalls(openBucket({ ...server.place, prefix: "faults/", endpoint: proxy.endpoint }), new CallTurns(2), IMPATIENT);
      await few.put("turn", bodyOf("x"));
      proxy.fail("GET", { kind: "silent" }, 10);
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => few.read("turn", 0, 1, undefined)));
      ok(all.every(({ status }) => status === "rejected"));
      ok(proxy.hits <= 4, `${proxy.hits} requests`);
      proxy.fail("GET", { kind: "silent" }, 0);
      await few.read("turn", 0, 1, undefined);
    });
  });
}

/** What an error says must help, and must not contain any of the credentials. */
export async function rejectsDenied(promise: Promise<unknown>, advice: RegExp, secrets: readonly string[]): Promise<void> {
  await rejects(promise, (error: ObjectStoreError) => {
    equal(error.code, "denied", error.message);
    match(error.message, advice);
    for (const secret of secrets) doesNotMatch(`${error.message} ${error.stack} ${String(error.cause)}`, new RegExp(secret));
    return true;
  });
}

/** Runs with other variables; undefined: without them. */
export async function withEnvironment(changes: Readonly<Record<string, string | undefined>>, run: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    await run();
  } finally {
    for (const name of Object.keys(changes)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
