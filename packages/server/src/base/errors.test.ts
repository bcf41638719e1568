import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ERRORS } from "@tidemq/protocol/error-codes.ts";
import { ERROR_CODES, type ErrorCode, httpStatusOf, kafkaErrorOf, QueueError } from "./errors.ts";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

test("what we call retriable, Kafka's clients retry", () => {
  for (const code of codes) {
    if (ERROR_CODES[code].kind !== "retry" && ERROR_CODES[code].kind !== "moved") continue;
    const info = ERRORS.find((error) => error.code === ERROR_CODES[code].kafka);
    ok(info?.retriable, `${code} maps to ${info?.name}, which clients do not retry`);
  }
});

test("every code has a known Kafka number other than 0 and an HTTP error status", () => {
  for (const code of codes) {
    ok(
      ERRORS.some((error) => error.code === kafkaErrorOf(code) && error.code !== 0),
      code,
    );
    ok(httpStatusOf(code) >= 400 && httpStatusOf(code) < 600, code);
    ok(ERROR_CODES[code].doc.endsWith("."), code);
  }
  equal(kafkaErrorOf(undefined), 0);
});

test("an unknown error keeps its cause and shows nothing of it", () => {
  const cause = new Error("secret");
  const wrapped = QueueError.from(cause);
  equal(wrapped.code, "INTERNAL");
  equal(wrapped.kind, "internal");
  equal(wrapped.cause, cause);
  ok(!wrapped.message.includes("secret"));
  const known = new QueueError("WAL_FULL", "wal full. used=1");
  equal(QueueError.from(known), known);
});
