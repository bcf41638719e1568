import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES, type ErrorCode, QueueError } from "../base/errors.ts";
import { errorOf, GrpcStatus, outcomeOf, PEER_ERRORS, PEER_OK, PeerError, type PeerErrorCode } from "./peer-error.ts";

test("every code of our table travels whole, beside a status that is an error", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const outcome = outcomeOf(new QueueError(code, `why ${code}`));
    ok(outcome.status > GrpcStatus.OK && outcome.status <= GrpcStatus.UNAUTHENTICATED, code);
    const error = errorOf(outcome);
    deepEqual([error?.code, error?.error, error?.message], ["refused", code, `why ${code}`]);
  }
});

test("errors of the transport keep their code; a refusal that is passed on stays the one it was", () => {
  for (const code of Object.keys(PEER_ERRORS) as PeerErrorCode[]) {
    if (code === "refused") continue;
    const error = errorOf(outcomeOf(new PeerError(code, "why")));
    deepEqual([error?.code, error?.mayHaveRun, error?.toQueueError().code], [code, PEER_ERRORS[code].mayHaveRun, PEER_ERRORS[code].error]);
  }
  const passedOn = errorOf(outcomeOf(new PeerError("refused", "no", { refusal: "NOT_CONTROLLER" })));
  deepEqual([passedOn?.code, passedOn?.error], ["refused", "NOT_CONTROLLER"]);
});

test("of an unknown error nothing is told, and of a long text not all", () => {
  const outcome = outcomeOf(new Error("secret"));
  deepEqual([outcome.error, outcome.message.includes("secret")], ["INTERNAL", false]);
  equal(outcomeOf(new QueueError("INTERNAL", "x".repeat(5_000))).message.length, 1_000);
});

test("foreign peers and newer ones are understood as far as they go", () => {
  equal(errorOf(PEER_OK), undefined);
  const code = (status: number, error = ""): readonly unknown[] => {
    const made = errorOf({ status, error, message: "" });
    return [made?.code, made?.error];
  };
  deepEqual(code(14), ["lost", "REQUEST_TIMED_OUT"]);
  deepEqual(code(12), ["unknown-path", "NOT_IMPLEMENTED"]);
  deepEqual(code(7), ["denied", "PEER_UNAVAILABLE"]);
  deepEqual(code(2), ["refused", "INTERNAL"]);
  deepEqual(code(8), ["refused", "OVERLOADED"]);
  deepEqual(code(99), ["refused", "INTERNAL"]);
  deepEqual(code(9, "SOMETHING_NEW"), ["refused", "INTERNAL"]);
  deepEqual(code(9, "toString"), ["refused", "INTERNAL"]);
});
