import type { ByteReader } from "../byte-reader.ts";
import { decodeMessage } from "../codec.ts";
import { ErrorCode } from "../error-codes.ts";
import { array, bool, int16, int32, int64, type MessageOf, message, string } from "../schema.ts";

/** What the broker speaks. v3: flexible, with name and version of the client's software. */
export const apiVersionsRequest = message({
  name: "ApiVersionsRequest",
  apiKey: 18,
  kind: "request",
  versions: "0-4",
  flexible: "3+",
  fields: {
    clientSoftwareName: string({ versions: "3+", ignorable: true }),
    clientSoftwareVersion: string({ versions: "3+", ignorable: true }),
  },
});
export type ApiVersionsRequest = MessageOf<typeof apiVersionsRequest>;

/** Always sent with response header v0, because its reader does not know yet what the broker speaks. A too new version is answered in v0 with error 35. */
export const apiVersionsResponse = message({
  name: "ApiVersionsResponse",
  apiKey: 18,
  kind: "response",
  versions: "0-4",
  flexible: "3+",
  fields: {
    errorCode: int16(),
    apiKeys: array({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    supportedFeatures: array(
      {
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      },
      { versions: "3+", ignorable: true, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ versions: "3+", default: -1, ignorable: true, tag: 1 }),
    finalizedFeatures: array(
      {
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      },
      { versions: "3+", ignorable: true, tag: 2 },
    ),
    zkMigrationReady: bool({ versions: "3+", default: false, ignorable: true, tag: 3 }),
  },
});
export type ApiVersionsResponse = MessageOf<typeof apiVersionsResponse>;

/**
 * Reads the answer to an ApiVersions request of this version, as only this API needs: a broker that does not know the version
 * answers UNSUPPORTED_VERSION in the form of version 0, and names there the versions of ApiVersions that it speaks.
 *
 * @throws {ProtocolError} MALFORMED
 */
export function decodeApiVersionsResponse(version: number, reader: ByteReader): ApiVersionsResponse {
  const refused = reader.peekInt16() === ErrorCode.UNSUPPORTED_VERSION;
  return decodeMessage(apiVersionsResponse, refused ? 0 : version, reader);
}
