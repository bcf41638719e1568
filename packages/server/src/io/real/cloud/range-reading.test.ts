import { deepEqual, equal, rejects } from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { CallContext } from "./cloud-errors.ts";
import { readRange } from "./range-reading.ts";

const CONTEXT: CallContext = { call: "read", key: "c/1", place: "s3://b", credentialsAdvice: "set them" };
const RANGE = { start: 3, end: 7 };

function read(contentRange: string | undefined, body: Readable, target?: Uint8Array): Promise<Uint8Array> {
  return readRange(CONTEXT, RANGE, contentRange, body, target, new AbortController().signal);
}

function bodyOf(...chunks: readonly string[]): Readable {
  return Readable.from(
    chunks.map((chunk) => Buffer.from(chunk)),
    { objectMode: false },
  );
}

test("the bytes of the range, whatever the chunks are", async () => {
  const target = new Uint8Array(new SharedArrayBuffer(4));
  equal(await read("bytes 3-6/10", bodyOf("d", "ef", "g"), target), target);
  equal(Buffer.from(target).toString(), "defg");
  equal(Buffer.from(await read("bytes 3-6/*", bodyOf("defg"))).toString(), "defg");
});

test("that the object is shorter is said only when the answer says how long it is", async () => {
  await rejects(read("bytes 3-4/5", bodyOf("de")), { code: "range" });
  for (const half of ["bytes 3-4/10", "bytes 3-4/7", "bytes 3-4/*"]) await rejects(read(half, bodyOf("de")), { code: "unavailable" }, half);
});

test("another range, or none, is no answer", async () => {
  for (const other of ["bytes 0-6/10", "bytes 3-9/10", "bytes 4-6/10", "items 3-6/10", undefined]) {
    const body = bodyOf("abcdefghij");
    await rejects(read(other, body), { code: "unavailable" }, other);
    equal(body.destroyed, true);
  }
});

test("more bytes or fewer than the range says are no answer", async () => {
  await rejects(read("bytes 3-6/10", bodyOf("def")), { code: "unavailable", message: /ended after 3 of 4/ });
  const long = bodyOf("defg", "h");
  await rejects(read("bytes 3-6/10", long), { code: "unavailable", message: /longer/ });
  deepEqual([long.destroyed], [true]);
});
