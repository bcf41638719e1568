import { ErrorCode } from "@tidemq/protocol/error-codes.ts";
import { API, type Api, type BodyFor, type ResponseBody } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import type { RequestOptions } from "./connection.ts";
import { brokerError, type ClientError } from "./errors.ts";
import { GROUPS_MAX } from "./limits.ts";

const KEY_TYPE_GROUP = 0;
/** First version of FindCoordinator that asks for many keys at once. */
const VERSION_WITH_MANY_KEYS = 4;
/** Connections for coordinators: a waiting fetch shall not hold up a heartbeat. */
const LANE = "group";

type FindCoordinator = ResponseBody<typeof API.findCoordinator>;

/** Finds the broker that coordinates a group, and remembers it until that turns out to be wrong. */
export class Coordinators {
  readonly #cluster: Cluster;
  /** Group → node. */
  readonly #known = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Node id of the group's coordinator. @throws {ClientError} COORDINATOR_NOT_AVAILABLE (retriable), INVALID_GROUP_ID, … */
  async find(groupId: string): Promise<number> {
    const known = this.#known.get(groupId);
    if (known !== undefined) return known;
    const connection = await this.#cluster.anyConnection();
    const answer = await connection.request(API.findCoordinator, (version) =>
      version >= VERSION_WITH_MANY_KEYS
        ? { keyType: KEY_TYPE_GROUP, coordinatorKeys: [groupId] }
        : { keyType: KEY_TYPE_GROUP, key: groupId },
    );
    const nodeId = nodeOf(answer, groupId);
    if (!this.#cluster.metadata.brokers.has(nodeId)) await this.#cluster.refresh();
    if (this.#known.size >= GROUPS_MAX) this.#known.clear();
    this.#known.set(groupId, nodeId);
    return nodeId;
  }

  /** The next request about this group looks for its coordinator anew. */
  forget(groupId: string): void {
    this.#known.delete(groupId);
  }

  /**
   * Sends a request about one group to its coordinator, once.
   *
   * @param read Makes something of the answer; throws the error that it carries.
   */
  async once<A extends Api, T>(
    groupId: string,
    api: A,
    body: BodyFor<A>,
    read: (response: ResponseBody<A>) => T,
    options?: RequestOptions,
  ): Promise<T> {
    const connection = await this.#cluster.connection(await this.find(groupId), LANE).catch((error: ClientError) => {
      this.forget(groupId);
      throw error;
    });
    try {
      return read(await connection.request(api, body, options));
    } catch (error) {
      if (meansSomewhereElse(error as ClientError)) this.forget(groupId);
      throw error;
    }
  }

  /** As `once`, again and again while `isRetriable` says so; by default whatever calls itself retriable. */
  request<A extends Api, T>(
    groupId: string,
    api: A,
    body: BodyFor<A>,
    read: (response: ResponseBody<A>) => T,
    options?: RequestOptions & Readonly<{ isRetriable?: (error: ClientError) => boolean }>,
  ): Promise<T> {
    return this.#cluster.retry(() => this.once(groupId, api, body, read, options), options?.isRetriable);
  }
}

function nodeOf(answer: FindCoordinator, groupId: string): number {
  const found = answer.coordinators.find((one) => one.key === groupId) ?? answer;
  if (found.errorCode !== ErrorCode.NONE)
    throw brokerError(found.errorCode, `find the coordinator of group ${groupId}`, found.errorMessage);
  return found.nodeId;
}

/** Whether the coordinator is another one, or not reachable where it was. */
function meansSomewhereElse(error: ClientError): boolean {
  const code = error.kafkaCode;
  if (code === ErrorCode.NOT_COORDINATOR || code === ErrorCode.COORDINATOR_NOT_AVAILABLE) return true;
  return error.code === "CONNECTION_CLOSED" || error.code === "REQUEST_TIMED_OUT";
}
