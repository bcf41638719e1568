import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { SimRandom } from "../../testing/sim-io/random.ts";
import { decodeText, encodeText, formatTimeout, framed, MessageSplitter, messageBytes, parseTimeout } from "./grpc-framing.ts";
import { PEER_POOLED_MESSAGE_BYTES_MIN } from "./limits.ts";
import { MessagePool } from "./message-pool.ts";

const frame = (message: readonly Uint8Array[]): Buffer => Buffer.concat(framed(message, messageBytes(message)));

test("a message stands behind five bytes, small ones in one write, large ones in the caller's memory", () => {
  deepEqual([...frame([Buffer.from("ab"), Buffer.from("c")])], [0, 0, 0, 0, 3, 97, 98, 99]);
  deepEqual([...frame([])], [0, 0, 0, 0, 0]);
  const large = Buffer.alloc(70_000, 1);
  const pieces = framed([large], large.length);
  equal(pieces.length, 2);
  ok(pieces[1] === large);
  deepEqual([...(pieces[0] as Uint8Array)], [0, 0, 1, 0x11, 0x70]);
});

for (const isLent of [false, true]) {
  test(`messages come out as they went in, however the bytes are cut${isLent ? ", in memory that is used again" : ""}`, () => {
    const pool = isLent ? new MessagePool() : undefined;
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SimRandom(seed);
      const messages = Array.from({ length: random.between(1, 20) }, () =>
        Buffer.from(random.bytes(random.between(0, 3) * random.between(0, 300))),
      );
      const bytes = Buffer.concat(messages.map((message) => frame([message])));
      const splitter = new MessageSplitter(10_000, pool);
      const found: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + random.between(0, random.chance(0.5) ? 7 : 500);
        splitter.push(bytes.subarray(at, end));
        at = Math.min(end, bytes.length);
        for (let message = splitter.next(); message !== undefined; message = splitter.next()) {
          found.push(isLent ? Uint8Array.from(message) : message);
          splitter.giveBack();
        }
      }
      ok(splitter.isBetween && splitter.heldBytes === 0, `seed ${seed}`);
      deepEqual(
        found.map((message) => Buffer.from(message)),
        messages,
        `seed ${seed}`,
      );
    }
    equal(pool?.pooledBytes, isLent ? PEER_POOLED_MESSAGE_BYTES_MIN : undefined);
  });
}

test("what is too large is refused from its prefix, what is compressed from its flag", () => {
  const splitter = new MessageSplitter(1000);
  splitter.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
  throws(() => splitter.next(), { code: "too-large" });
  const compressed = new MessageSplitter(1000);
  compressed.push(Buffer.from([1, 0, 0, 0, 0]));
  throws(() => compressed.next(), { code: "malformed" });
});

test("half a message is not between messages", () => {
  const splitter = new MessageSplitter(1000);
  ok(splitter.isBetween);
  splitter.push(Buffer.from([0, 0, 0, 0, 2]));
  equal(splitter.next(), undefined);
  ok(!splitter.isBetween);
  splitter.push(Buffer.from([1]));
  equal(splitter.next(), undefined);
  splitter.push(Buffer.from([2, 0]));
  deepEqual([...(splitter.next() as Uint8Array)], [1, 2]);
  ok(!splitter.isBetween);
});

test("durations: those of gRPC, and nothing else", () => {
  equal(parseTimeout(undefined), undefined);
  deepEqual(
    ["1H", "2M", "3S", "4m", "5u", "6n", "99999999m"].map(parseTimeout),
    [3_600_000, 120_000, 3000, 4, 0.005, 0.000006, 99_999_999],
  );
  for (const bad of ["", "1", "m", "-1m", "1.5S", "123456789m", "1 m", "1h"]) throws(() => parseTimeout(bad), { code: "malformed" }, bad);
  deepEqual([0.2, 50, 1e8, 1e15].map(formatTimeout), ["1m", "50m", "100000S", "99999999S"]);
});

test("texts survive; damaged ones do no harm", () => {
  for (const text of ["", "plain", "100 % of it", "line\nfeed\r", "é – 日本 🦆", "%41"]) {
    match(encodeText(text));
    equal(decodeText(encodeText(text)), text);
  }
  equal(decodeText("%zz 100%"), "%zz 100%");
});

function match(encoded: string): void {
  ok(/^[ -~]*$/.test(encoded), encoded);
}
