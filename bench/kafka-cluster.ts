import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../tools/free-port.ts";
import { type KafkaMember, type KafkaServer, startKafka } from "./kafka-server.ts";

const HEAP_MIB = 1_024;
/** What a team that wants its records kept sets, and what TideMQ has by default. */
const REPLICATED = {
  "default.replication.factor": "3",
  "min.insync.replicas": "2",
  "offsets.topic.replication.factor": "3",
};

/** Three Kafka servers, each broker and controller. */
export class KafkaCluster {
  readonly #folder = mkdtempSync(join(tmpdir(), "kafka-cluster-"));
  readonly #synced: boolean;
  #members: readonly KafkaMember[] = [];
  readonly #servers = new Map<number, KafkaServer>();

  constructor(synced: boolean) {
    this.#synced = synced;
  }

  async start(): Promise<void> {
    const ids = [1, 2, 3];
    const ports = await Promise.all(ids.map(async (id) => ({ id, port: await freePort(), controllerPort: await freePort() })));
    const voters = ports.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join();
    this.#members = ports.map((each) => ({ ...each, voters }));
    // None is left starting when another one has failed: `stop` would not know of it.
    const started = await Promise.allSettled(ids.map((id) => this.startOne(id)));
    for (const one of started) if (one.status === "rejected") throw one.reason;
  }

  async startOne(id: number): Promise<void> {
    const member = this.#members.find((each) => each.id === id) as KafkaMember;
    const folder = join(this.#folder, `${id}`);
    this.#servers.set(id, await startKafka({ synced: this.#synced, folder, heapMiB: HEAP_MIB, member, settings: REPLICATED }));
  }

  get processIds(): readonly number[] {
    return [...this.#servers.values()].map(({ processId }) => processId);
  }

  at(id: number): Readonly<{ host: string; port: number }> {
    return { host: "127.0.0.1", port: (this.#members.find((each) => each.id === id) as KafkaMember).port };
  }

  /** Its process, by `kill -9`. */
  async kill(id: number): Promise<void> {
    await this.#servers.get(id)?.kill();
    this.#servers.delete(id);
  }

  /** What one that does not run had on its disk is gone. */
  wipe(id: number): void {
    rmSync(join(this.#folder, `${id}`, "data"), { recursive: true });
  }

  /** In order, by SIGTERM. */
  async end(id: number): Promise<void> {
    await this.#servers.get(id)?.stop();
    this.#servers.delete(id);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((id) => this.end(id)));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
