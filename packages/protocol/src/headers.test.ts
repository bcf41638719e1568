import { deepEqual, equal, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { APIS, ApiKey, apiInfo, isFlexibleApi } from "./api-keys.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decodeMessage } from "./codec.ts";
import { ERRORS, ErrorCode, errorInfo } from "./error-codes.ts";
import { decodeRequestHeader, decodeResponseHeader, encodeRequestFrame, encodeResponseFrame, responseHeaderVersion } from "./headers.ts";
import { metadataRequest } from "./messages/03-metadata.ts";
import { apiVersionsRequest, apiVersionsResponse } from "./messages/18-api-versions.ts";
import { ProtocolError } from "./protocol-error.ts";

function hex(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(1);
  write(writer);
  return Buffer.from(writer.finish()).toString("hex");
}

test("golden frames of requests", () => {
  equal(
    hex((writer) => encodeRequestFrame(metadataRequest, 1, 7, "me", { topics: null }, writer)),
    "00000010" + "0003" + "0001" + "00000007" + "00026d65" + "ffffffff",
  );
  equal(
    hex((writer) => encodeRequestFrame(apiVersionsRequest, 3, 8, null, { clientSoftwareName: "a", clientSoftwareVersion: "b" }, writer)),
    "00000010" + "0012" + "0003" + "00000008" + "ffff" + "00" + "0261" + "0262" + "00",
  );
});

test("an answer to ApiVersions has header version 0, whatever the version", () => {
  for (const version of [0, 3, 4, 99]) equal(responseHeaderVersion(ApiKey.ApiVersions, version), 0);
  equal(responseHeaderVersion(ApiKey.Metadata, 8), 0);
  equal(responseHeaderVersion(ApiKey.Metadata, 9), 1);
  equal(
    hex((writer) => encodeResponseFrame(apiVersionsResponse, 3, 9, { errorCode: 0, apiKeys: [] }, writer)),
    "0000000c" + "00000009" + "0000" + "01" + "00000000" + "00",
  );
});

test("a request header is read back, and the reader then stands at the body", () => {
  const writer = new ByteWriter();
  for (const version of [1, 12]) {
    writer.reset();
    encodeRequestFrame(metadataRequest, version, -5, "client", { topics: [] }, writer);
    const reader = new ByteReader(writer.finish(), 4);
    deepEqual(decodeRequestHeader(reader), { apiKey: 3, apiVersion: version, correlationId: -5, clientId: "client" });
    deepEqual(decodeMessage(metadataRequest, version, reader).topics, []);
  }
});

test("headers of unknown keys and future versions are read, so that they can be refused", () => {
  const future = new ByteReader(Buffer.from("0012" + "03e7" + "00000001" + "0001" + "78" + "01" + "05" + "01" + "aa", "hex"));
  deepEqual(decodeRequestHeader(future), { apiKey: 18, apiVersion: 999, correlationId: 1, clientId: "x" });
  equal(future.remaining, 0);
  const unknown = new ByteReader(Buffer.from("7000" + "0000" + "00000001" + "ffff", "hex"));
  deepEqual(decodeRequestHeader(unknown), { apiKey: 0x7000, apiVersion: 0, correlationId: 1, clientId: null });
  throws(() => decodeRequestHeader(new ByteReader(Buffer.from("0012", "hex"))), ProtocolError);
});

test("a response header is read back", () => {
  const reader = new ByteReader(Buffer.from("00000009" + "0105" + "01aa", "hex"));
  equal(decodeResponseHeader(ApiKey.Metadata, 9, reader), 9);
  equal(reader.remaining, 0);
  const old = new ByteReader(Buffer.from("00000009" + "0105", "hex"));
  equal(decodeResponseHeader(ApiKey.Metadata, 8, old), 9);
  equal(old.remaining, 2);
});

test("tables of APIs and errors have no two alike", () => {
  equal(new Set(APIS.map((api) => api.key)).size, APIS.length);
  equal(new Set(APIS.map((api) => api.name)).size, APIS.length);
  equal(apiInfo(ApiKey.Produce)?.name, "Produce");
  equal(apiInfo(4), undefined);
  equal(apiInfo(-1), undefined);
  equal(isFlexibleApi(17, 1), false);
  equal(new Set(ERRORS.map((error) => error.code)).size, ERRORS.length);
  equal(errorInfo(ErrorCode.NOT_LEADER_OR_FOLLOWER).retriable, true);
  deepEqual(errorInfo(9999).name, "UNKNOWN_ERROR_CODE_9999");
});
