import type { Client } from "@tidemq/client/client.ts";
import type { Compression } from "@tidemq/protocol/compression.ts";
import { GroupLoad } from "./group-load.ts";
import { MEMBERS_OUT_MS } from "./group-member.ts";
import { OffsetActor } from "./offset-actor.ts";
import { ProducerActor, type ProducerLoad } from "./producer-actor.ts";
import { ReaderActor } from "./reader-actor.ts";
import { ReplicaReader } from "./replica-reader.ts";
import type { SimRun } from "./sim-run.ts";
import type { Target } from "./target.ts";

export type WorkloadOptions = Readonly<{
  topics: number;
  /** Partitions of each topic. */
  partitions: number;
  /** Of each partition. */
  replicas: number;
  /** Idempotent ones. */
  producers: number;
  /** Producers whose records may repeat. */
  plainProducers: number;
  /** Producers that ask the leader alone: what it had may be lost with it. */
  leaderProducers: number;
  /** From the end, and from the start. */
  tailers: number;
  scanners: number;
  /** From any of the brokers. */
  replicaReaders: number;
  /** Bytes of a value. */
  bytes: readonly [number, number];
  pauseMs: readonly [number, number];
  /** How long a producer tries. */
  deliveryTimeoutMs: number;
  /** By chance when absent. */
  compression?: Compression;
}>;

const USUAL: WorkloadOptions = {
  topics: 2,
  partitions: 3,
  replicas: 1,
  producers: 3,
  plainProducers: 1,
  leaderProducers: 0,
  tailers: 1,
  scanners: 1,
  replicaReaders: 0,
  bytes: [12, 3_000],
  pauseMs: [0, 40],
  deliveryTimeoutMs: 60_000,
};

const COMPRESSIONS: readonly Compression[] = [...Array<Compression>(8).fill("none"), "lz4", "gzip", "zstd", "snappy"];

/** Topics, producers and readers of a run. */
export class Workload {
  readonly producers: ProducerActor[] = [];
  readonly readers: ReaderActor[] = [];
  readonly targets: Target[] = [];
  readonly #sim: SimRun;
  readonly #offsets: OffsetActor[] = [];
  readonly #replicaReaders: ReplicaReader[] = [];
  readonly #groups: GroupLoad[] = [];
  readonly #clients: Client[] = [];
  readonly #running: Promise<void>[] = [];
  #options: WorkloadOptions = USUAL;

  constructor(sim: SimRun) {
    this.#sim = sim;
  }

  /** Makes the topics; the actors run from then on. */
  async begin(options: Partial<WorkloadOptions> = {}): Promise<void> {
    this.#options = { ...USUAL, ...options };
    if (this.#options.replicas > 1) this.#sim.leadersMayLag = true;
    const { topics, partitions, producers, plainProducers, leaderProducers, tailers, scanners, replicaReaders } = this.#options;
    const client = this.client();
    for (let topic = 0; topic < topics; topic++) await this.createTopic(client, `topic-${topic}`, partitions);
    for (let number = 0; number < producers; number++) this.addProducer(`producer-${number}`, true);
    for (let number = 0; number < plainProducers; number++) this.addProducer(`plain-${number}`, false);
    for (let number = 0; number < leaderProducers; number++) this.addProducer(`leader-${number}`, false, this.targets, 1);
    for (let number = 0; number < tailers; number++) this.addReader(`tailer-${number}`, "latest");
    for (let number = 0; number < scanners; number++) this.addReader(`scanner-${number}`, "earliest");
    for (let number = 0; number < replicaReaders; number++) this.#addReplicaReader(`replica-reader-${number}`);
    const offsets = new OffsetActor(this.#sim, "offsets", this.client(), this.targets);
    this.#offsets.push(offsets);
    this.#running.push(offsets.run());
  }

  client(): Client {
    const client = this.#sim.client();
    this.#clients.push(client);
    return client;
  }

  async createTopic(client: Client, name: string, partitions: number): Promise<void> {
    await client.admin.createTopic({ name, partitions, replicationFactor: this.#options.replicas });
    for (let partition = 0; partition < partitions; partition++) this.targets.push({ topic: name, partition });
  }

  addProducer(name: string, idempotent: boolean, targets: readonly Target[] = this.targets, acks: "all" | 1 = "all"): ProducerActor {
    const random = this.#sim.random.fork(`load ${name}`);
    const load: ProducerLoad = {
      idempotent,
      burst: [1, random.pick([1, 4, 12])],
      bytes: this.#options.bytes,
      pauseMs: this.#options.pauseMs,
      options: {
        acks,
        lingerMs: random.pick([0, 1, 5]),
        batchBytesMax: random.pick([1, 4, 16]) * 1024,
        compression: this.#options.compression ?? random.pick(COMPRESSIONS),
        deliveryTimeoutMs: this.#options.deliveryTimeoutMs,
        inFlightMax: random.between(1, 5),
      },
    };
    const actor = new ProducerActor(this.#sim, name, this.client(), targets, load);
    this.producers.push(actor);
    this.#running.push(actor.run());
    return actor;
  }

  addReader(name: string, from: "earliest" | "latest", targets: readonly Target[] = this.targets): ReaderActor {
    const random = this.#sim.random.fork(`load ${name}`);
    const backRatio = from === "earliest" ? random.pick([0, 0.002, 0.02]) : 0;
    const actor = new ReaderActor(this.#sim, name, this.client(), targets, { from, backRatio, restRatio: random.pick([0, 0.01]) });
    this.readers.push(actor);
    this.#running.push(actor.run());
    return actor;
  }

  #addReplicaReader(name: string): void {
    const actor = new ReplicaReader(this.#sim, name, this.client(), this.targets, this.#options.replicas);
    this.#replicaReaders.push(actor);
    this.#running.push(actor.run());
  }

  /** Until what died by itself has ended: nothing that is written before is a fault. */
  get calmMs(): number {
    return this.#groups.length === 0 ? 0 : MEMBERS_OUT_MS;
  }

  /** Members that read everything there is, as one group. */
  addGroup(groupId: string, members: number): void {
    this.#groups.push(new GroupLoad(this.#sim, groupId, members, this.targets, () => this.client()));
  }

  /** Readers whose machines failed too: they know nothing any more. */
  dropReaders(): void {
    for (const reader of this.readers.splice(0)) reader.stop();
  }

  /** Producers send no more; resolves when each record has been acknowledged or given up. Then readers end. */
  async end(): Promise<void> {
    for (const producer of this.producers) producer.stop();
    for (const producer of this.producers) await producer.settled();
    for (const group of this.#groups) await group.end();
    for (const actor of [...this.readers, ...this.#replicaReaders, ...this.#offsets]) actor.stop();
    await Promise.all(this.#running);
  }

  disconnect(): void {
    for (const client of this.#clients.splice(0)) client.abort();
  }
}
