import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import type { ApiVersionsResponse } from "@tidemq/protocol/messages/18-api-versions.ts";
import type { Api } from "./apis.ts";
import { brokerError, ClientError } from "./errors.ts";

type Range = Readonly<{ min: number; max: number }>;

/** What one broker said that it speaks. */
export class BrokerVersions {
  readonly #ranges = new Map<number, Range>();

  /** @throws {ClientError} When the answer is an error; UNSUPPORTED_VERSION is the connection's to handle. */
  constructor(answer: ApiVersionsResponse) {
    if (answer.errorCode !== ErrorCode.NONE) throw brokerError(answer.errorCode, "negotiate versions");
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) this.#ranges.set(apiKey, { min: minVersion, max: maxVersion });
  }

  /**
   * The newest version that both sides know, at most `versionMax`.
   *
   * @throws {ClientError} UNSUPPORTED_BY_BROKER when there is none.
   */
  choose(api: Api, versionMax = Number.MAX_SAFE_INTEGER): number {
    const theirs = this.#ranges.get(api.key);
    const ours = api.request.versions;
    if (theirs === undefined) throw new ClientError("UNSUPPORTED_BY_BROKER", `the broker does not know the request ${api.name}`);
    const version = Math.min(theirs.max, ours.max, versionMax);
    if (version < theirs.min || version < ours.min) {
      const both = `the broker speaks ${theirs.min}–${theirs.max}, this client ${ours.min}–${Math.min(ours.max, versionMax)}`;
      throw new ClientError("UNSUPPORTED_BY_BROKER", `no common version of the request ${api.name}: ${both}`);
    }
    return version;
  }

  knows(api: Api): boolean {
    return this.#ranges.has(api.key);
  }

  /** Key → versions, both included. */
  get ranges(): ReadonlyMap<number, Range> {
    return this.#ranges;
  }
}
