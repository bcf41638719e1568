import { ObjectStoreError, type ObjectStoreErrorCode } from "../../object-store.ts";
import type { ObjectCall } from "../object-messages.ts";

/** What was asked, for messages and for the question whether it may have been done all the same. */
export type CallContext = Readonly<{
  call: ObjectCall["kind"];
  key: string;
  /** `s3://bucket/prefix` */
  place: string;
  /** What a person should look at when the store refuses the credentials. */
  credentialsAdvice: string;
}>;

/** An answer that is no success. `code`: the service's own word. Its message is never shown: some quote signatures and keys. */
export type RefusedAnswer = Readonly<{ status: number; code: string }>;

const EXPIRED = "the credentials are temporary and have expired, or are none: renew them";

/** By the service's own word, where that says more than the status. */
const BY_CODE: Readonly<Record<string, readonly [ObjectStoreErrorCode, string]>> = {
  NoSuchBucket: ["denied", "there is no such bucket: create it, or correct --object-storage"],
  ContainerNotFound: ["denied", "there is no such container: create it, or correct --object-storage"],
  ContainerBeingDeleted: ["unavailable", "the container is being deleted"],
  InvalidBucketName: ["denied", "this is no name of a bucket: correct --object-storage"],
  PermanentRedirect: ["denied", "the bucket lies elsewhere: set --s3-region or --s3-endpoint to its own"],
  AuthorizationHeaderMalformed: ["denied", "the region is wrong: set --s3-region to the bucket's own"],
  RequestTimeTooSkewed: ["denied", "the clocks of this machine and of the store differ: correct this machine's"],
  ConditionalRequestConflict: ["unavailable", "another write of the same key is under way"],
  OperationAborted: ["unavailable", "another change is under way"],
  BlobAlreadyExists: ["exists", "the key is taken"],
  ExpiredToken: ["denied", EXPIRED],
  TokenRefreshRequired: ["denied", EXPIRED],
  InvalidToken: ["denied", EXPIRED],
  BadDigest: ["unavailable", "the store received other bytes than were sent"],
  XAmzContentChecksumMismatch: ["unavailable", "the store received other bytes than were sent"],
  Md5Mismatch: ["unavailable", "the store received other bytes than were sent"],
  QuotaExceeded: ["full", "the quota is used up"],
  XMinioStorageFull: ["full", "the store is full"],
  SlowDown: ["unavailable", "the store asks for fewer requests"],
  ServerBusy: ["unavailable", "the store asks for fewer requests"],
};

/** Errors from before anything of the request was sent. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ERR_TLS_\w+|\w*CERT\w*|UNABLE_TO_\w+)$/;

/** The service's own word or number, as far as it is one. */
export function refusal(context: CallContext, { status, code }: RefusedAnswer): ObjectStoreError {
  const known = BY_CODE[code];
  if (known !== undefined) return storeError(context, known[0], `${known[1]}. answer=${status} ${code}`);
  if (status === 404 && !isAbsence(context, code))
    return storeError(
      context,
      "denied",
      `this is no such bucket, or no object store: check the endpoint. answer=${status} ${wordOf(code)}`,
    );
  return storeError(context, codeOfStatus(context, status), `${adviceOfStatus(context, status)}. answer=${status} ${wordOf(code)}`);
}

/** No answer: the connection was not made, or broke. `code`: of the system's error. */
export function noConnection(context: CallContext, code: string): ObjectStoreError {
  const notSent = NOT_SENT.test(code);
  return storeError(
    context,
    notSent || !isWrite(context) ? "unavailable" : "unknown",
    `${notSent ? "not reached" : "the connection broke"}. reason=${wordOf(code)}`,
  );
}

/** The time for the call is over. */
export function noAnswerInTime(context: CallContext, ms: number): ObjectStoreError {
  return storeError(context, isWrite(context) ? "unknown" : "unavailable", `no answer within ${ms} ms`);
}

export function noCredentials(context: CallContext): ObjectStoreError {
  return storeError(context, "denied", `no credentials were found: ${context.credentialsAdvice}`);
}

/** Any other: text that is not the service's. */
export function storeError({ place, key }: CallContext, code: ObjectStoreErrorCode, text: string): ObjectStoreError {
  return new ObjectStoreError(code, `${place}: ${text}${key === "" ? "" : ` key=${key}`}`);
}

function codeOfStatus(context: CallContext, status: number): ObjectStoreErrorCode {
  if (status === 401 || status === 403 || status === 501 || (status >= 300 && status < 400)) return "denied";
  if (status === 404) return "not-found";
  if (status === 412 && context.call === "put") return "exists";
  if (status === 416) return "range";
  if (status === 507) return "full";
  // It was told to go away before it began, or the request was none: nothing was done.
  if (status === 503 || status < 500) return "unavailable";
  return isWrite(context) ? "unknown" : "unavailable";
}

/** That an object is missing is a strong word: only the service's own counts. The answer to a HEAD can have none. */
function isAbsence({ call }: CallContext, code: string): boolean {
  return ABSENT.test(code) || (code === "" && call === "head");
}

const ABSENT = /^(NoSuchKey|BlobNotFound|notFound)$/;

function adviceOfStatus({ credentialsAdvice }: CallContext, status: number): string {
  if (status === 401 || status === 403) return `the store refuses the credentials: ${credentialsAdvice}`;
  if (status >= 300 && status < 400) return "the store sends elsewhere: set the endpoint or the region to the bucket's own";
  if (status === 404) return "no such object";
  if (status === 412) return "the key is taken";
  if (status === 416) return "the object is shorter";
  if (status === 501) return "the store lacks what is needed: it must create an object only once (If-None-Match)";
  if (status === 503 || status === 429) return "the store is busy or away";
  return "the store cannot do it";
}

/** Whether a lost answer leaves open what was done. */
function isWrite({ call }: CallContext): boolean {
  return call === "put" || call === "remove";
}

/** A word of the service, never a sentence: sentences may quote what is secret. */
function wordOf(code: string): string {
  return /^((read|write) )?[\w.-]{1,64}$/.test(code) ? code : "";
}
