import { equal } from "node:assert/strict";
import { test } from "node:test";
import { TokenBucket } from "./token-bucket.ts";

test("a full bucket gives a burst at once, then the rate", () => {
  const bucket = new TokenBucket(1000, 500, 0);
  equal(bucket.take(0, 500), 0);
  equal(bucket.take(0, 100), 100);
  equal(bucket.take(100, 100), 100);
  equal(bucket.take(200, 0), 0);
});

test("a unit larger than the bucket waits until it is full, and leaves a debt", () => {
  const bucket = new TokenBucket(1000, 500, 0);
  equal(bucket.take(0, 100), 0);
  equal(bucket.take(0, 3000), 100);
  equal(bucket.take(0, 100), 2700);
});

test("those who come later wait longer, so the order is kept", () => {
  const bucket = new TokenBucket(1000, 100, 0);
  const waits = Array.from({ length: 5 }, () => bucket.take(0, 1000));
  equal(waits.join(), "0,1000,2000,3000,4000");
});

test("over a long time no more than the rate passes, whatever the units", () => {
  const bucket = new TokenBucket(1_000_000, 250_000, 5);
  let nowMs = 5;
  let bytes = 0;
  for (let n = 1; n <= 1000; n++) {
    const unit = (n * 7919) % 900_001;
    nowMs += bucket.take(nowMs, unit);
    bytes += unit;
  }
  const allowed = 250_000 + (nowMs - 5) * 1000;
  equal(bytes <= allowed + 900_001, true, `${bytes} bytes of ${allowed}`);
  equal(bytes >= allowed - 900_001, true, `${bytes} bytes of ${allowed}`);
});

test("idle time fills it, but not beyond the burst", () => {
  const bucket = new TokenBucket(1000, 500, 0);
  equal(bucket.take(0, 500), 0);
  equal(bucket.take(60_000, 500), 0);
  equal(bucket.take(60_000, 1), 1);
});
