import { Buffer } from "node:buffer";
import { apiInfo, isFlexibleApi } from "@tidemq/protocol/api-keys.ts";
import { ProtocolError } from "@tidemq/protocol/protocol-error.ts";
import { must } from "../base/assert.ts";
import type { ClientConnection } from "../client-net/client-connection.ts";
import type { FrameHandler } from "../client-net/frame-handler.ts";
import { CONTROL_FRAME_BYTES_MAX, FRAME_BYTES_MAX } from "../client-net/limits.ts";
import { type ApiHandler, abandon } from "./api-handler.ts";
import { apiVersionsRange, refuseApiVersions } from "./handlers/18-api-versions.ts";
import type { KafkaParts } from "./kafka-parts.ts";

const PRODUCE = 0;
const FETCH = 1;
const API_VERSIONS = 18;
/** Key, version, correlation id. */
const HEADER_FIXED_BYTES = 8;

/**
 * Reads the header of each request and hands it to its API. Versions that are not served are answered as Kafka does: the
 * list of versions for ApiVersions, the end of the connection for anything else.
 */
export class RequestRouter implements FrameHandler {
  readonly #parts: KafkaParts;
  /** By API key. */
  readonly #handlers: (ApiHandler | undefined)[] = [];

  constructor(handlers: readonly ApiHandler[], parts: KafkaParts) {
    this.#parts = parts;
    for (const handler of handlers) this.#handlers[handler.apiKey] = handler;
    must(this.#handlers[API_VERSIONS], "ApiVersions");
  }

  frameBytesMax(apiKey: number): number {
    if (this.#handlers[apiKey] === undefined) return 0;
    return apiKey === PRODUCE ? FRAME_BYTES_MAX : CONTROL_FRAME_BYTES_MAX;
  }

  pipelines(apiKey: number): boolean {
    return apiKey === PRODUCE;
  }

  start(connection: ClientConnection, bytes: Uint8Array, start: number, end: number): void {
    const apiKey = readInt16(bytes, start);
    const version = readInt16(bytes, start + 2);
    const correlationId = readInt32(bytes, start + 4);
    const handler = this.#handlers[apiKey];
    if (handler === undefined || version < handler.versions.min || version > handler.versions.max) {
      return this.#refuseVersion(connection, apiKey, version, correlationId);
    }
    try {
      const bodyStart = bodyStartOf(bytes, start + HEADER_FIXED_BYTES, end, isFlexibleApi(apiKey, version));
      if (apiKey > FETCH) connection.clientId = clientIdOf(bytes, start + HEADER_FIXED_BYTES);
      handler.start(connection, bytes, bodyStart, end, version, correlationId);
    } catch (thrown) {
      const what = `${apiInfo(apiKey)?.name ?? apiKey} version ${version}`;
      if (thrown instanceof ProtocolError) connection.cutOff(`a malformed ${what} request: ${thrown.message}`);
      else abandon(this.#parts, connection, thrown, what);
    }
  }

  #refuseVersion(connection: ClientConnection, apiKey: number, version: number, correlationId: number): void {
    if (apiKey === API_VERSIONS && version > apiVersionsRange.max)
      return refuseApiVersions(this.#parts, connection, correlationId, this.#served());
    connection.cutOff(`a request of version ${version} of ${apiInfo(apiKey)?.name ?? `API ${apiKey}`}, which is not served`);
  }

  #served(): readonly ApiHandler[] {
    return this.#handlers.filter((handler) => handler !== undefined);
  }
}

/** Position behind the client id and, when flexible, the tagged fields, which nobody reads. */
function bodyStartOf(bytes: Uint8Array, at: number, end: number, flexible: boolean): number {
  if (end - at < 2) throw malformedHeader();
  const clientIdBytes = readInt16(bytes, at);
  const next = at + 2 + Math.max(clientIdBytes, 0);
  if (clientIdBytes < -1 || next > end) throw malformedHeader();
  if (!flexible) return next;
  if (next < end && bytes[next] === 0) return next + 1;
  return skipTaggedFields(bytes, next, end);
}

/** The header's form has been checked. */
function clientIdOf(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at + 2, Math.max(readInt16(bytes, at), 0)).toString();
}

function skipTaggedFields(bytes: Uint8Array, at: number, end: number): number {
  const position = { at };
  for (let left = readUvarint(bytes, position, end); left > 0; left -= 1) {
    readUvarint(bytes, position, end);
    position.at += readUvarint(bytes, position, end);
    if (position.at > end) throw malformedHeader();
  }
  return position.at;
}

function readUvarint(bytes: Uint8Array, position: { at: number }, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (position.at >= end) throw malformedHeader();
    const byte = bytes[position.at] as number;
    position.at += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw malformedHeader();
}

function malformedHeader(): ProtocolError {
  return new ProtocolError("MALFORMED", "malformed frame. problem=request header");
}

function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
}

function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}
