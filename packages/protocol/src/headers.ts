import { isFlexibleApi } from "./api-keys.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { encodeMessage } from "./codec.ts";
import type { Message, MessageInput } from "./schema.ts";

const API_VERSIONS_KEY = 18;

/** What precedes the body of every request. `clientId` is null when the client gave none. */
export type RequestHeader = Readonly<{ apiKey: number; apiVersion: number; correlationId: number; clientId: string | null }>;

/**
 * Reads the header of a request; the reader then stands at the body.
 * Works for unknown keys and future versions too (an unknown key is read as header version 1), so that both can be refused politely.
 *
 * @throws {ProtocolError} MALFORMED
 */
export function decodeRequestHeader(reader: ByteReader): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.nullableString(); // never compact, whatever the header's version
  if (isFlexibleApi(apiKey, apiVersion)) reader.skipTaggedFields();
  return { apiKey, apiVersion, correlationId, clientId };
}

/** Header version 2 (with an empty section of tagged fields) when the request is flexible, else 1. */
export function encodeRequestHeader(header: RequestHeader, writer: ByteWriter): void {
  writer.int16(header.apiKey);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  writer.string(header.clientId);
  if (isFlexibleApi(header.apiKey, header.apiVersion)) writer.uvarint(0);
}

/** Header version of a response: 1 when it is flexible, but always 0 for ApiVersions, whose reader does not know yet what the broker speaks. */
export function responseHeaderVersion(apiKey: number, apiVersion: number): 0 | 1 {
  return apiKey !== API_VERSIONS_KEY && isFlexibleApi(apiKey, apiVersion) ? 1 : 0;
}

/** Reads the header of a response to that request. @returns The correlation id. */
export function decodeResponseHeader(apiKey: number, apiVersion: number, reader: ByteReader): number {
  const correlationId = reader.int32();
  if (responseHeaderVersion(apiKey, apiVersion) === 1) reader.skipTaggedFields();
  return correlationId;
}

export function encodeResponseHeader(apiKey: number, apiVersion: number, correlationId: number, writer: ByteWriter): void {
  writer.int32(correlationId);
  if (responseHeaderVersion(apiKey, apiVersion) === 1) writer.uvarint(0);
}

/** Appends a whole request: size, header, body. */
export function encodeRequestFrame<M extends Message>(
  declaration: M,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  value: MessageInput<M>,
  writer: ByteWriter,
): void {
  const mark = writer.mark;
  const start = writer.length;
  writer.int32(0);
  encodeRequestHeader({ apiKey: declaration.apiKey, apiVersion, correlationId, clientId }, writer);
  encodeMessage(declaration, apiVersion, value, writer);
  writer.patchInt32(mark, writer.length - start - 4);
}

/** Appends a whole response: size, header, body. */
export function encodeResponseFrame<M extends Message>(
  declaration: M,
  apiVersion: number,
  correlationId: number,
  value: MessageInput<M>,
  writer: ByteWriter,
): void {
  const mark = writer.mark;
  const start = writer.length;
  writer.int32(0);
  encodeResponseHeader(declaration.apiKey, apiVersion, correlationId, writer);
  encodeMessage(declaration, apiVersion, value, writer);
  writer.patchInt32(mark, writer.length - start - 4);
}
