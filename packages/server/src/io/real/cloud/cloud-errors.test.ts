import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { errorWord } from "./cloud-calls.ts";
import { type CallContext, noAnswerInTime, noConnection, refusal } from "./cloud-errors.ts";

function context(call: CallContext["call"]): CallContext {
  return { call, key: "c/1", place: "s3://b", credentialsAdvice: "set them" };
}

test("answers, by what was asked", () => {
  const codes = (status: number, code: string) =>
    (["put", "read", "head", "list"] as const).map((call) => refusal(context(call), { status, code }).code);
  const cases: readonly (readonly [number, string, readonly string[]])[] = [
    [403, "AccessDenied", ["denied", "denied", "denied", "denied"]],
    [401, "", ["denied", "denied", "denied", "denied"]],
    [301, "PermanentRedirect", ["denied", "denied", "denied", "denied"]],
    [400, "AuthorizationHeaderMalformed", ["denied", "denied", "denied", "denied"]],
    [404, "NoSuchBucket", ["denied", "denied", "denied", "denied"]],
    [404, "NoSuchKey", ["not-found", "not-found", "not-found", "not-found"]],
    [404, "", ["denied", "denied", "not-found", "denied"]],
    [404, "XAdminUserNotFound", ["denied", "denied", "denied", "denied"]],
    [409, "ConditionalRequestConflict", ["unavailable", "unavailable", "unavailable", "unavailable"]],
    [409, "BlobAlreadyExists", ["exists", "exists", "exists", "exists"]],
    [412, "PreconditionFailed", ["exists", "unavailable", "unavailable", "unavailable"]],
    [416, "InvalidRange", ["range", "range", "range", "range"]],
    [429, "", ["unavailable", "unavailable", "unavailable", "unavailable"]],
    [500, "InternalError", ["unknown", "unavailable", "unavailable", "unavailable"]],
    [503, "SlowDown", ["unavailable", "unavailable", "unavailable", "unavailable"]],
    [400, "ExpiredToken", ["denied", "denied", "denied", "denied"]],
    [501, "NotImplemented", ["denied", "denied", "denied", "denied"]],
    [504, "", ["unknown", "unavailable", "unavailable", "unavailable"]],
    [507, "", ["full", "full", "full", "full"]],
  ];
  for (const [status, code, expected] of cases) deepEqual(codes(status, code), expected, `${status} ${code}`);
});

test("that an object is gone is believed of the service alone", () => {
  const codeOf = (code: string) => refusal(context("remove"), { status: 404, code }).code;
  deepEqual(["NoSuchKey", "BlobNotFound", "notFound"].map(codeOf), ["not-found", "not-found", "not-found"]);
  equal(codeOf(""), "denied");
});

test("what a person can do about it is said", () => {
  match(
    refusal(context("put"), { status: 403, code: "AccessDenied" }).message,
    /^s3:\/\/b: the store refuses the credentials: set them\. answer=403 AccessDenied key=c\/1$/,
  );
  match(refusal(context("put"), { status: 404, code: "NoSuchBucket" }).message, /create it, or correct --object-storage/);
  match(refusal(context("read"), { status: 301, code: "PermanentRedirect" }).message, /--s3-region/);
});

test("a sentence of the store's is never shown, only words", () => {
  const secret = "AKIA0000 signature=abc";
  doesNotMatch(refusal(context("put"), { status: 400, code: secret }).message, /AKIA|abc/);
  doesNotMatch(noConnection(context("put"), secret).message, /AKIA|abc/);
});

test("without an answer: a put may have been done, unless nothing was sent", () => {
  equal(noConnection(context("put"), "ECONNREFUSED").code, "unavailable");
  equal(noConnection(context("put"), "ENOTFOUND").code, "unavailable");
  equal(noConnection(context("put"), "DEPTH_ZERO_SELF_SIGNED_CERT").code, "unavailable");
  equal(noConnection(context("put"), "ECONNRESET").code, "unknown");
  equal(noConnection(context("remove"), "EPIPE").code, "unknown");
  equal(noConnection(context("read"), "ECONNRESET").code, "unavailable");
  for (const lost of ["read ETIMEDOUT", "write EHOSTUNREACH"]) equal(noConnection(context("put"), lost).code, "unknown");
  equal(noAnswerInTime(context("put"), 5).code, "unknown");
  equal(noAnswerInTime(context("list"), 5).code, "unavailable");
});

test("the word of an error is that of the system, however deep", () => {
  const system = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  equal(errorWord(system), "ECONNREFUSED");
  equal(errorWord(new Error("send failed", { cause: system })), "ECONNREFUSED");
  equal(errorWord(Object.assign(new Error("x", { cause: system }), { code: "REQUEST_SEND_ERROR" })), "ECONNREFUSED");
  equal(errorWord(new AggregateError([system], "all failed")), "ECONNREFUSED");
  equal(errorWord(new TypeError("secret")), "TypeError");
  const lost = (syscall: string) => errorWord(Object.assign(new Error("lost"), { code: "ETIMEDOUT", syscall }));
  deepEqual(["connect", "read", "write"].map(lost), ["ETIMEDOUT", "read ETIMEDOUT", "write ETIMEDOUT"]);
});
