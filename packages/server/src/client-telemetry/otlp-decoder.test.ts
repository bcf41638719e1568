import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import fc from "fast-check";
import { otlpMetrics } from "../testing/otlp-encoder.ts";
import { ATTRIBUTES_MAX, POINTS_MAX } from "./limits.ts";
import { decodeMetrics } from "./otlp-decoder.ts";

test("golden: a gauge of a whole number and a delta, with attributes of every kind", () => {
  const attribute = (key: string, value: string) => `3a${hexLength(`0a01${key}12${hexLength(value)}`)}`;
  // a = "x", b = true, c = -1, d = 0.5
  const pairs = `${attribute("61", "0a0178")}${attribute("62", "1001")}${attribute("63", "18ffffffffffffffffff01")}${attribute("64", "21000000000000e03f")}`;
  const gauge = `0a0167${"2a"}${hexLength(`0a${hexLength(`31feffffffffffffff${pairs}`)}`)}`;
  const sum = `0a0173${"3a"}${hexLength(`0a0921000000000000044010011801`)}`;
  const scope = `12${hexLength(`12${hexLength(gauge)}12${hexLength(sum)}`)}`;
  deepEqual(decodeMetrics(Buffer.from(`0a${hexLength(scope)}`, "hex")), {
    points: [
      { name: "g", attributes: "a=x,b=true,c=-1,d=0.5", value: -2, isDelta: false },
      { name: "s", attributes: "", value: 2.5, isDelta: true },
    ],
    unread: 0,
  });
});

test("a client's own attributes stand in front; other kinds are counted, and so is what is too much", () => {
  const one = { name: "m", value: 1, attributes: { z: "1", a: "2" } };
  deepEqual(decodeMetrics(otlpMetrics([one, { name: "h", value: 2, kind: "histogram" }], { group_id: "g" })), {
    points: [{ name: "m", attributes: "group_id=g,a=2,z=1", value: 1, isDelta: false }],
    unread: 1,
  });
  const many = decodeMetrics(otlpMetrics(Array.from({ length: POINTS_MAX + 5 }, (_, value) => ({ name: "m", value }))));
  deepEqual([many.points.length, many.unread], [POINTS_MAX, 5]);
});

test("long texts are cut", () => {
  const { points } = decodeMetrics(otlpMetrics([{ name: "n".repeat(5000), value: 1, attributes: { a: "v".repeat(5000) } }]));
  deepEqual([points[0]?.name.length, points[0]?.attributes.length], [256, 512]);
});

test("what was cut off a text is not kept in memory with the rest", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const pushes = 50;
  const pushed = otlpMetrics([{ name: "n".repeat(900_000), value: 1 }]);
  collect();
  const beforeBytes = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: pushes }, () => decodeMetrics(pushed));
  collect();
  const keptBytes = process.memoryUsage().heapUsed - beforeBytes;
  ok(keptBytes < 5_000_000, `${keptBytes} bytes for ${kept.length} short names`);
});

test("a character across the cut does not change what is before it", () => {
  const { points } = decodeMetrics(otlpMetrics([{ name: `n${"\u20ac".repeat(300)}`, value: 1 }]));
  equal(points[0]?.name, `n${"\u20ac".repeat(255)}`);
});

test("fuzz: changed or shortened bytes are refused or read, nothing else", () => {
  const whole = otlpMetrics(
    [
      { name: "m", value: 1, attributes: { a: "b" } },
      { name: "s", value: 2, kind: "sum", temporality: "delta" },
    ],
    { client_rack: "r" },
  );
  let refused = 0;
  const changes = fc.array(fc.record({ at: fc.nat(whole.byteLength - 1), byte: fc.nat(255) }), { maxLength: 3 });
  fc.assert(
    fc.property(changes, fc.nat(whole.byteLength), (list, length) => {
      const bytes = Buffer.from(whole);
      for (const { at, byte } of list) bytes[at] = byte;
      try {
        decodeMetrics(bytes.subarray(0, list.length === 0 ? length : undefined));
      } catch (error) {
        ok(error instanceof ProtocolError, String(error));
        refused += 1;
      }
    }),
    { numRuns: 3000, seed: 71 },
  );
  ok(refused > 500, `${refused}`);
  throws(() => decodeMetrics(Buffer.from("0a05", "hex")), ProtocolError);
  throws(() => decodeMetrics(Buffer.from(`08${"ff".repeat(10)}01`, "hex")), /more than 64 bits/);
  equal(decodeMetrics(Buffer.alloc(0)).points.length, 0);
});

test("many attributes are passed over, not sorted for each point", () => {
  const attributes = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, "v"]));
  const many = Array.from({ length: 500 }, (_, value) => ({ name: "m", value }));
  const { points } = decodeMetrics(otlpMetrics([{ name: "own", value: 1, attributes }, ...many], attributes));
  equal(points.length, 501);
  equal(points[0]?.attributes.split(",").length, 2 * ATTRIBUTES_MAX);
  equal(points[500]?.attributes.split(",").length, ATTRIBUTES_MAX);
});

/** Its length in front. */
function hexLength(hex: string): string {
  const length = hex.length / 2;
  return (length < 128 ? [length] : [(length % 128) + 128, length >> 7]).map((byte) => byte.toString(16).padStart(2, "0")).join("") + hex;
}
