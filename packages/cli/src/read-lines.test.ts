import { deepEqual, rejects } from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { readLines } from "./read-lines.ts";

async function linesOf(chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const some of readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))))
    lines.push(...some.map((line) => line.toString("latin1")));
  return lines;
}

test("lines are cut wherever the chunks end, the last one without a line feed too", async () => {
  deepEqual(await linesOf(["a\nb", "b\n", "\n", "\r\nc", "", "\nd"]), ["a", "bb", "", "\r", "c", "d"]);
  deepEqual(await linesOf([]), []);
  deepEqual(await linesOf(["a\n"]), ["a"]);
  deepEqual(await linesOf(["a"]), ["a"]);
});

test("no byte is lost or added, however it is cut", async () => {
  const byte = fc.constantFrom(0x0a, 0x61, 0x00, 0xff, 0x0d);
  await fc.assert(
    fc.asyncProperty(fc.array(byte, { maxLength: 60 }), fc.array(fc.nat(59), { maxLength: 8 }), async (bytes, cuts) => {
      const all = Buffer.from(bytes);
      const at = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, i) => all.subarray(at[i], end));
      const text = all.toString("latin1");
      const expected = text === "" ? [] : (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
      deepEqual(await linesOf(chunks), expected);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("a line without an end is refused before it fills the memory", async () => {
  const chunk = Buffer.alloc(8 * 1024 * 1024, "x");
  await rejects(linesOf(Array.from({ length: 13 }, () => chunk)), /longer than/);
});
