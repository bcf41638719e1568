import { ByteReader } from "@tidemq/protocol/byte-reader.ts";
import { ByteWriter } from "@tidemq/protocol/byte-writer.ts";
import { decodeMessage } from "@tidemq/protocol/codec.ts";
import { encodeResponseFrame } from "@tidemq/protocol/headers.ts";
import type { Message, MessageInput, MessageOf } from "@tidemq/protocol/schema.ts";
import type { VersionRange } from "@tidemq/protocol/version-range.ts";
import { QueueError } from "../base/errors.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import { RESPONSE_COPY_BYTES_MAX } from "../client-net/limits.ts";
import type { KafkaParts } from "./kafka-parts.ts";

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
  /** The whole request failed: every part of the answer says so. */
  refuse(request: MessageOf<Q>, code: number, message: string, call: Call): MessageInput<R>;
}>;

/** Answers are encoded here, then copied into the connection. */
const writer = new ByteWriter(4096);

export function declaredApi<Q extends Message, R extends Message>(parts: KafkaParts, api: DeclaredApi<Q, R>): ApiHandler {
  return {
    apiKey: api.request.apiKey,
    versions: api.request.versions,
    start(connection, bytes, bodyStart, end, version, correlationId) {
      const request = decodeMessage(api.request, version, new ByteReader(bytes, bodyStart, end));
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
      answer(parts, api, answered, call);
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
): void {
  writer.reset();
  encodeResponseFrame(api.response, call.version, call.correlationId, response, writer);
  parts.counters.answered(api.request.apiKey, parts.clock.monotonicMs() - call.startedMs);
  const bytes = writer.finish();
  // A small answer is copied by the connection; a large one may not stay in the writer, which is used again.
  call.connection.respond([bytes.byteLength < RESPONSE_COPY_BYTES_MAX ? bytes : new Uint8Array(bytes)]);
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
