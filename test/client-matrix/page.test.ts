import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { cellOf, faults, page } from "./page.ts";
import type { Outcome, Result } from "./results.ts";

const PASS: Outcome = { kind: "pass", words: "" };
const NONE: Outcome = { kind: "none", words: "" };
const failed = (words: string): Outcome => ({ kind: "fail", words });
const result = (check: string, outcome: Outcome): Result => ({ version: "a 1.0", checks: new Map([[check, outcome]]) });

test("a failure is TideMQ's unless Kafka shares it, or it is not built", () => {
  deepEqual(cellOf("seek", failed("late"), PASS), { text: "**fails**", note: "late", isFault: true });
  deepEqual(cellOf("seek", failed("late"), undefined), { text: "**fails**", note: "late", isFault: true });
  deepEqual(cellOf("seek", failed("late"), failed("too late")), { text: "fails the same on Kafka", note: "too late", isFault: false });
  deepEqual(cellOf("transactions", failed("refused"), PASS), { text: "not built yet", isFault: false });
});

test("what passes, and what is not there", () => {
  deepEqual(cellOf("seek", PASS, PASS), { text: "pass", isFault: false });
  deepEqual(cellOf("seek", PASS, failed("late")), { text: "pass; Kafka: fails", note: "late", isFault: false });
  equal(cellOf("seek", NONE, NONE).text, "–");
  equal(cellOf("seek", undefined, undefined).text, "–");
});

test("the page has a row for each check, and the words of failures below", () => {
  const columns = [{ name: "a", tidemq: result("seek", failed("topic 1234567 | late")), kafka: result("seek", PASS) }];
  const text = page(columns, "4.3.1");
  match(text, /^\| a \| a 1\.0 \|$/m);
  match(text, /^\| seek \| \*\*fails\*\* \[1\] \|$/m);
  match(text, /^1\. a, seek: topic N {3}late$/m);
  deepEqual(faults(columns), ["a, seek: topic 1234567 | late"]);
});
