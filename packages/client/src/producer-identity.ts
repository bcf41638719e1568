import { API } from "./apis.ts";
import type { Cluster } from "./cluster.ts";
import { brokerError, ClientError } from "./errors.ts";
import { PRODUCER_EPOCH_MAX } from "./limits.ts";
import { retrying } from "./retry.ts";

export type Identity = Readonly<{ producerId: number; producerEpoch: number }>;

/**
 * The producer id and epoch of an idempotent producer. A partition whose sequence numbers have a gap that cannot be
 * filled goes on under the next epoch, from 0 (KIP-360); the brokers compare epochs per partition only.
 */
export class ProducerIdentity {
  readonly #cluster: Cluster;
  #current: Identity | undefined;
  #asking: Promise<Identity> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** undefined: not known yet, ask `obtain`. */
  get current(): Identity | undefined {
    return this.#current;
  }

  /** Asks a broker for an id, once. @throws {ClientError} With advice when the broker cannot or may not give one. */
  obtain(): Promise<Identity> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The next epoch; undefined when they are used up, or when the id itself is refused, and a new id must be obtained. */
  nextEpoch(): Identity | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    this.#current =
      current.producerEpoch < PRODUCER_EPOCH_MAX ? { producerId: current.producerId, producerEpoch: current.producerEpoch + 1 } : undefined;
    return this.#current;
  }

  /** The brokers do not accept this id any more. */
  discard(): void {
    this.#current = undefined;
  }

  async #ask(): Promise<Identity> {
    const cluster = this.#cluster;
    const identity = await retrying(cluster.retryParts, cluster.options.operationTimeoutMs, async () => {
      const connection = await cluster.anyConnection();
      if (!connection.versions.knows(API.initProducerId)) throw unsupported();
      const answer = await connection.request(API.initProducerId, { transactionalId: null, transactionTimeoutMs: 0 });
      if (answer.errorCode !== 0) throw brokerError(answer.errorCode, "obtain a producer id");
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    });
    this.#current = identity;
    return identity;
  }
}

function unsupported(): ClientError {
  return new ClientError("UNSUPPORTED_BY_BROKER", "the broker gives no producer ids", {
    next: "Open the producer with idempotence: false.",
  });
}
