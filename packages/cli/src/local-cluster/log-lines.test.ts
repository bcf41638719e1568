import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { LINE_CHARS_MAX } from "./limits.ts";
import { LineCutter, prefixed, readableLine } from "./log-lines.ts";

test("lines come whole, however they were cut, and the last one without an end", () => {
  const lines: string[] = [];
  const cutter = new LineCutter((line) => lines.push(line));
  const bytes = Buffer.from("first\nzwölf\n\nlast");
  for (const byte of bytes) cutter.take(Buffer.from([byte]));
  deepEqual(lines, ["first", "zwölf", ""]);
  cutter.end();
  cutter.end();
  deepEqual(lines, ["first", "zwölf", "", "last"]);
});

test("a line without end does not grow for ever", () => {
  const lines: string[] = [];
  const cutter = new LineCutter((line) => lines.push(line));
  cutter.take(Buffer.alloc(2 * LINE_CHARS_MAX + 1, "x"));
  deepEqual(
    lines.map((line) => line.length),
    [LINE_CHARS_MAX, LINE_CHARS_MAX],
  );
});

test("the log is shown for people, anything else as it is", () => {
  const line = '{"level":"warn","time":"2026-11-28T12:34:56.789Z","broker":2,"reason":"no way","msg":"it is gone"}';
  equal(readableLine(line), '12:34:56.789 warn  it is gone broker=2 reason="no way"');
  for (const other of ["stopped", "{no json", '{"a":1}', ""]) equal(readableLine(other), other);
});

test("a name in front, in colours on a terminal", () => {
  equal(prefixed("broker-1", 10, 0, false, "text"), "broker-1   | text");
  equal(prefixed("broker-1", 10, 0, true, "text"), "\u001b[36mbroker-1   |\u001b[0m text");
});
