import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage, encodeMessage } from "@tidemq/protocol/codec.ts";
import { encodeResponseHeader } from "@tidemq/protocol/headers.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import type { VersionRange } from "@tidemq/protocol/version-range.ts";
import { QueueError } from "../base/errors.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import { RESPONSE_COPY_BYTES_MAX } from "../client-net/limits.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { KafkaParts } from "./kafka-parts.ts";
import { REQUEST_STRUCTS_MAX } from "./limits.ts";

/** One API: what `kafka/handlers/NN-name.ts` makes. */
export type ApiHandler = Readonly<{
  apiKey: number;
  /** Versions that are answered. */
  versions: VersionRange;
  /**
   * Starts a request, whose body is `bytes[bodyStart, end)`, valid within the call only.
   * @throws {ProtocolError} when the body breaks the protocol.
   */
  start(connection: ClientConnection, bytes: Uint8Array, bodyStart: number, end: number, version: number, correlationId: number): void;
}>;

/** A request as its handler sees it, beside its message. */
export type Call = Readonly<{ connection: ClientConnection; version: number; correlationId: number; startedMs: number }>;

/** An API that is decoded and encoded by its declaration. */
export type DeclaredApi<Q extends Message, R extends Message> = Readonly<{
  request: Q;
  response: R;
  /** May throw or reject with QueueError: `refuse` then makes the answer. */
  handle(request: MessageOf<Q>, call: Call): MessageInput<R> | Promise<MessageInput<R>>;
  /** Names an answer that every client gets alike, until `cache` is cleared; undefined: it is made for this request only. */
  cacheKey?(request: MessageOf<Q>, call: Call): string | undefined;
  cache?: AnswerCache;
  /** The whole request failed: every part of the answer says so. */
  refuse(request: MessageOf<Q>, code: number, message: string, call: Call): MessageInput<R>;
}>;

/** Size, correlation id, tagged fields. */
const HEADER_BYTES_MAX = 16;
const SIZE_BYTES = 4;

/** Answers are encoded here, then copied into the connection. */
const writer = new ByteWriter(4096);

export function declaredApi<Q extends Message, R extends Message>(parts: KafkaParts, api: DeclaredApi<Q, R>): ApiHandler {
  return {
    apiKey: api.request.apiKey,
    versions: api.request.versions,
    start(connection, bytes, bodyStart, end, version, correlationId) {
      const request = decodeMessage(api.request, version, new ByteReader(bytes, bodyStart, end, REQUEST_STRUCTS_MAX));
      const call: Call = { connection, version, correlationId, startedMs: parts.clock.monotonicMs() };
      runDeclared(parts, api, request, call);
    },
  };
}

function runDeclared<Q extends Message, R extends Message>(
  parts: KafkaParts,
  api: DeclaredApi<Q, R>,
  request: MessageOf<Q>,
  call: Call,
): void {
  const key = api.cacheKey?.(request, call);
  const known = key === undefined ? undefined : api.cache?.get(key);
  if (known !== undefined) return sendBody(parts, api, known, call);
  const failed = (thrown: unknown): void => {
    const [code, text] = failureOf(parts, thrown, api.request.name);
    answer(parts, api, api.refuse(request, code, text, call), call);
  };
  try {
    const answered = api.handle(request, call);
    if (answered instanceof Promise) {
      // What fails in the answer itself is a bug of ours: it may not become an unhandled rejection, nor be answered twice.
      answered
        .then((response) => answer(parts, api, response, call), failed)
        .catch((thrown: unknown) => abandon(parts, call.connection, thrown, api.request.name));
    } else {
      answer(parts, api, answered, call, key);
    }
  } catch (thrown) {
    failed(thrown);
  }
}

function answer<Q extends Message, R extends Message>(
  parts: KafkaParts,
  api: DeclaredApi<Q, R>,
  response: MessageInput<R>,
  call: Call,
  cacheKey?: string,
): void {
  writer.reset();
  encodeMessage(api.response, call.version, response, writer);
  const body = writer.finish();
  // A small answer is copied by the connection; a large one may not stay in the writer, which is used again.
  const kept = body.byteLength < RESPONSE_COPY_BYTES_MAX && cacheKey === undefined ? body : new Uint8Array(body);
  if (cacheKey !== undefined) api.cache?.put(cacheKey, kept);
  sendBody(parts, api, kept, call);
}

/** An answer whose body is encoded already. */
function sendBody<Q extends Message, R extends Message>(parts: KafkaParts, api: DeclaredApi<Q, R>, body: Uint8Array, call: Call): void {
  const { apiKey } = api.request;
  const header = new ByteWriter(HEADER_BYTES_MAX);
  header.int32(0);
  encodeResponseHeader(apiKey, call.version, call.correlationId, header);
  header.patchInt32(0, header.length - SIZE_BYTES + body.byteLength);
  parts.counters.answered(apiKey, parts.clock.monotonicMs() - call.startedMs);
  call.connection.respond([header.finish(), body]);
}

/**
 * Error number and text for the client. A known failure keeps its text; anything else is a bug: logged, and hidden.
 * A broken invariant ends the process.
 */
export function failureOf(parts: KafkaParts, thrown: unknown, what: string): readonly [code: number, text: string] {
  const cause = thrown instanceof QueueError ? thrown.cause : thrown;
  if (isInvariantViolation(cause)) parts.fatal(cause);
  const error = QueueError.from(thrown);
  if (error.code === "INTERNAL") logBug(parts, thrown, what);
  parts.counters.error(error.kafka);
  return [error.kafka, error.message];
}

/** Nothing sensible can be answered: the connection ends. */
export function abandon(parts: KafkaParts, connection: ClientConnection, thrown: unknown, what: string): void {
  if (isInvariantViolation(thrown)) parts.fatal(thrown);
  logBug(parts, thrown, what);
  connection.cutOff("an internal error; see the line before");
}

function logBug(parts: KafkaParts, thrown: unknown, what: string): void {
  const cause = thrown instanceof QueueError && thrown.cause !== undefined ? thrown.cause : thrown;
  const stack = cause instanceof Error ? cause.stack : String(cause);
  parts.log.error("a request failed because of a bug", { request: what, stack });
}

/** The packages each have a class of this name. */
export function isInvariantViolation(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === "InvariantViolation";
}
