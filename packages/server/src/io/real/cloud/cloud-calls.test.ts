// Goal: whatever a library does, a call ends, and says what may have become of it.
import { equal, rejects } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ObjectStoreError } from "../../object-store.ts";
import type { CloudBucket } from "./bucket.ts";
import { CallTurns } from "./call-turns.ts";
import { CloudCalls } from "./cloud-calls.ts";
import { ObjectBody } from "./object-body.ts";

const LIMITS = { readMs: 100, writeMs: 200, endMs: 50 };
const BODY = new ObjectBody([Buffer.from("x")]);

/** Calls of a bucket with this `head` and `put`. */
function callsOf(act: (signal: AbortSignal) => Promise<never>, turns = 24): CloudCalls {
  const bucket = { put: (_key, _body, signal) => act(signal), head: (_key, signal) => act(signal) } as Partial<CloudBucket> as CloudBucket;
  return new CloudCalls(Promise.resolve({ bucket, place: "s3://b", credentialsAdvice: "" }), new CallTurns(turns), LIMITS);
}

const never = (): Promise<never> => new Promise(() => undefined);

/** Lets what is due happen. */
async function pass(t: TestContext, ms: number): Promise<void> {
  await new Promise(setImmediate);
  t.mock.timers.tick(ms);
  await new Promise(setImmediate);
}

test("one whose library does not heed its time ends soon after it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const calls = callsOf(never);
  let ended = 0;
  const read = rejects(calls.head("k"), { code: "unavailable", message: /no answer within 100 ms/ }).then(() => (ended += 1));
  const write = rejects(calls.put("k", BODY), { code: "unknown", message: /no answer within 200 ms/ }).then(() => (ended += 1));
  await pass(t, 100);
  await pass(t, 49);
  equal(ended, 0, "it may clean up");
  await pass(t, 1);
  equal(ended, 1);
  await pass(t, 50);
  await pass(t, 50);
  await Promise.all([read, write]);
});

test("it keeps its turn as long as it lasts: no more are under way than allowed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let begun = 0;
  const calls = callsOf(() => {
    begun += 1;
    return never();
  }, 1);
  const first = rejects(calls.head("k"), { code: "unavailable" });
  await pass(t, 100);
  await pass(t, 50);
  await first;
  const second = rejects(calls.head("k"), { code: "unavailable" });
  await pass(t, 100);
  await pass(t, 50);
  await second;
  equal(begun, 1);
});

test("what the store had decided before the time was over counts", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const calls = callsOf(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new ObjectStoreError("exists", "the key is taken")));
      }),
  );
  const put = rejects(calls.put("k", BODY), { code: "exists" });
  await pass(t, 200);
  await put;
});

test("a call that is over takes along what it left open", async () => {
  let left: AbortSignal | undefined;
  const calls = callsOf((signal) => {
    left = signal;
    return Promise.reject(new ObjectStoreError("unavailable", "answered before it was read"));
  });
  await rejects(calls.put("k", BODY), { code: "unavailable" });
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  equal(left?.aborted, true);
});
