import { Admin } from "./admin.ts";
import { Cluster, type ClusterOptions, type ClusterParts } from "./cluster.ts";
import { Consumer } from "./consumer.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import { Coordinators } from "./coordinators.ts";
import { GroupAdmin } from "./group-admin.ts";
import { GroupConsumer } from "./group-consumer.ts";
import { type GroupConsumerOptions, groupOptions } from "./group-consumer-options.ts";
import { Producer } from "./producer.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { ReplicaAdmin } from "./replica-admin.ts";
import type { Address } from "./transport.ts";

/** Told to brokers in ApiVersions. */
export const SOFTWARE = { name: "tidemq-client", version: "0.1.0" } as const;

export type ClientOptions = Partial<Omit<ClusterOptions, "bootstrap" | "software">> & Readonly<{ bootstrap: readonly Address[] }>;

const DEFAULTS: Omit<ClusterOptions, "bootstrap"> = {
  clientId: "tidemq",
  software: SOFTWARE,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  operationTimeoutMs: 60_000,
  bootstrapTimeoutMs: 30_000,
  unknownTopicMs: 5_000,
  metadataAgeMsMax: 300_000,
  backOff: { firstMs: 50, longestMs: 1_000 },
};

/** One client of one cluster: producers, consumers and admin share what it knows of the cluster. */
export class Client {
  readonly cluster: Cluster;
  readonly admin: Admin;
  readonly replicas: ReplicaAdmin;
  readonly groups: GroupAdmin;
  readonly #coordinators: Coordinators;
  readonly #producers = new Set<Producer>();
  readonly #consumers = new Set<Consumer>();
  readonly #groupConsumers = new Set<GroupConsumer>();
  #consumersMade = 0;

  /** Connects with the first request. @throws {ClientError} INVALID_ARGUMENT */
  constructor(options: ClientOptions, parts: ClusterParts) {
    this.cluster = new Cluster({ ...DEFAULTS, ...options }, parts);
    this.admin = new Admin(this.cluster);
    this.replicas = new ReplicaAdmin(this.cluster);
    this.#coordinators = new Coordinators(this.cluster);
    this.groups = new GroupAdmin(this.cluster, this.#coordinators);
  }

  producer(options: Partial<ProducerOptions> = {}): Producer {
    const producer = new Producer(this.cluster, options, () => void this.#producers.delete(producer));
    this.#producers.add(producer);
    return producer;
  }

  consumer(options: Partial<ConsumerOptions> = {}): Consumer {
    this.#consumersMade += 1;
    const ended = (): void => void this.#consumers.delete(consumer);
    const consumer = new Consumer(this.cluster, `fetch-${this.#consumersMade}`, options, ended);
    this.#consumers.add(consumer);
    return consumer;
  }

  /** A member of a group; it joins with `subscribe`. */
  groupConsumer(groupId: string, options: Partial<GroupConsumerOptions> = {}): GroupConsumer {
    const parts = { cluster: this.cluster, coordinators: this.#coordinators, consumer: this.consumer(options) };
    const consumer = new GroupConsumer(parts, groupId, groupOptions(options), () => void this.#groupConsumers.delete(consumer));
    this.#groupConsumers.add(consumer);
    return consumer;
  }

  /** Delivers what producers still have, takes members out of their groups, ends consumers, closes connections. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#groupConsumers].map((consumer) => consumer.close()));
    for (const consumer of this.#consumers) consumer.close();
    await Promise.all([...this.#producers].map((producer) => producer.close()));
    this.cluster.close();
  }

  /** Closes at once; records that are not delivered yet fail. */
  abort(): void {
    for (const consumer of this.#groupConsumers) consumer.abort();
    for (const consumer of this.#consumers) consumer.close();
    for (const producer of this.#producers) producer.abort();
    this.cluster.close();
  }
}
