import { join } from "node:path";
import type { Client, ClientOptions } from "@tidemq/client/client.ts";
import { openClient } from "@tidemq/client/real/open-client.ts";
import type { ClusterView } from "@tidemq/server/process/endpoints/cluster-view.ts";
import { freePort } from "../../tools/free-port.ts";
import { type HostPort, ServerProcess, temporaryFolder, until } from "../process/server-process.ts";
import type { Host } from "./host-network.ts";

/** A new broker fills its first files ahead, and waits for a controller; a busy machine takes its time. */
const START_MS_MAX = 60_000;
const CHANGE_MS_MAX = 30_000;
const ASK_MS_MAX = 3_000;
const FIRST_CONTROLLER = 101;
const SAME_NUMBER = 201;
const SMALL = ["--wal-file-size", "40MiB", "--wal-capacity", "240MiB", "--write-memory", "64MiB", "--read-memory", "16MiB"];
/** Small objects, soon: what is tested has something to do with the bucket. */
const UPLOADING = ["--upload-size", "1MiB", "--upload-age", "1s"];

type BrokerDescription = NonNullable<ClusterView["controllers"][number]["description"]>["brokers"][number];

/** What `GET /cluster` shows of one controller. */
type Description = NonNullable<ClusterView["controllers"][number]["description"]>;

export type ClusterOptions = Readonly<{
  controllers?: number;
  brokers?: number;
  /** A folder of the cluster's own when absent. */
  objectStorage?: string;
  /** Each broker says that it is on a host of its own, so that it may have copies of what others have. */
  separateHosts?: boolean;
  /** Of the brokers, in their order. */
  racks?: readonly string[];
  /** Where it runs; on this machine when absent. */
  hostOf?: (role: ClusterNode["role"], id: number) => Host;
  /** For every process, last. */
  flags?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}>;

/** One broker or controller, whether it runs or not. */
export class ClusterNode {
  readonly id: number;
  readonly role: "broker" | "controller";
  readonly args: readonly string[];
  readonly folder: string;
  readonly kafka: HostPort;
  readonly peer: HostPort;
  readonly http: HostPort;
  readonly host: Host | undefined;
  readonly #environment: Readonly<Record<string, string>>;
  #server: ServerProcess | undefined;

  constructor(plan: NodePlan, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.id = plan.id;
    this.role = plan.role;
    this.folder = plan.folder;
    this.kafka = plan.kafka;
    this.peer = plan.peer;
    this.http = plan.http;
    this.host = plan.host;
    this.args = args;
    this.#environment = environment;
  }

  /** Its process. @throws Error It does not run. */
  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error(`${this.role} ${this.id} does not run`);
    return this.#server;
  }

  get runs(): boolean {
    return this.#server !== undefined && !this.#server.hasEnded;
  }

  /** @returns Milliseconds from the start of the process to its banner. @throws {RefusedError} */
  async start(): Promise<number> {
    const world = { environment: this.#environment, startMsMax: START_MS_MAX, by: this.host?.command ?? [] };
    this.#server = await ServerProcess.run(this.args, world);
    return this.#server.startMs;
  }

  async kill(): Promise<void> {
    if (this.runs) await this.server.kill();
  }

  /** Ends it in order. @returns Its exit code. */
  end(): Promise<number> {
    return this.server.end("SIGTERM");
  }
}

type NodePlan = Readonly<{
  id: number;
  role: ClusterNode["role"];
  folder: string;
  kafka: HostPort;
  peer: HostPort;
  http: HostPort;
  host: Host | undefined;
}>;

/** Brokers and controllers as processes on this machine, over one bucket. */
export class RealCluster {
  readonly folder = temporaryFolder();
  readonly objectStorage: string;
  controllers: readonly ClusterNode[] = [];
  brokers: readonly ClusterNode[] = [];
  readonly #options: ClusterOptions;
  readonly #clients: Client[] = [];

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.objectStorage = options.objectStorage ?? `dir:${join(this.folder, "bucket")}`;
  }

  /** Serves when it resolves. */
  static async start(options: ClusterOptions = {}): Promise<RealCluster> {
    const cluster = new RealCluster(options);
    const { controllers = 3, brokers = 2 } = options;
    cluster.controllers = await Promise.all(Array.from({ length: controllers }, (_, n) => cluster.newController(FIRST_CONTROLLER + n)));
    cluster.brokers = await Promise.all(Array.from({ length: brokers }, (_, n) => cluster.newBroker(n + 1, cluster.#place(n))));
    try {
      await Promise.all([...cluster.controllers, ...cluster.brokers].map((node) => node.start()));
      await cluster.whenReady();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.controllers, ...this.brokers];
  }

  get bootstrap(): string {
    return this.brokers.map(({ kafka }) => `${kafka.host}:${kafka.port}`).join(",");
  }

  #place(broker: number): readonly string[] {
    const rack = this.#options.racks?.[broker];
    return rack === undefined ? [] : ["--rack", rack];
  }

  /** One that does not run yet. `extra`: flags, which win. */
  async newController(id: number, extra: readonly string[] = []): Promise<ClusterNode> {
    const plan = await this.#plan("controller", id);
    const args = ["controller", ...this.#always(plan), ...extra];
    return new ClusterNode(plan, args, this.#environment);
  }

  /** One that does not run yet. `extra`: flags, which win. */
  async newBroker(id: number, extra: readonly string[] = []): Promise<ClusterNode> {
    const plan = await this.#plan("broker", id);
    const controllers = this.controllers.map(({ peer }) => addressText(peer)).join(",");
    const own = ["--data", plan.folder, "--listen", addressText(plan.kafka), "--controllers", controllers, ...SMALL, ...UPLOADING];
    const host = this.#options.separateHosts === true ? ["--host-name", `host-${id}`] : [];
    return new ClusterNode(plan, ["broker", ...this.#always(plan), ...own, ...host, ...extra], this.#environment);
  }

  /** Other controllers at the addresses of those that were there, all of one other number; they do not run yet. */
  replaceControllers(): void {
    this.controllers = this.controllers.map(({ role, folder, kafka, peer, http, host }) => {
      const plan = { id: SAME_NUMBER, role, folder, kafka, peer, http, host };
      return new ClusterNode(plan, ["controller", ...this.#always(plan)], this.#environment);
    });
  }

  /** One that asks this broker first; closed with the cluster. */
  clientOf({ kafka }: ClusterNode): Client {
    return this.#open([kafka]);
  }

  /** Closed with the cluster. */
  client(options: Omit<ClientOptions, "bootstrap"> = {}): Client {
    return this.#open(
      this.brokers.map(({ kafka }) => kafka),
      options,
    );
  }

  /** A topic with three replicas, two of which have to be in sync. */
  async createReplicated(name: string, partitions: number): Promise<void> {
    await this.client().admin.createTopic({ name, partitions, replicationFactor: 3, configs: { "min.insync.replicas": "2" } });
  }

  #open(bootstrap: readonly HostPort[], options: Omit<ClientOptions, "bootstrap"> = {}): Client {
    const client = openClient({ ...options, bootstrap });
    this.#clients.push(client);
    return client;
  }

  /** Of the controllers that run: the one that says that it leads. `but`: is not asked. */
  async leader(but?: ClusterNode): Promise<ClusterNode> {
    let found: ClusterNode | undefined;
    await until(
      "a controller leads",
      async () => {
        for (const node of this.controllers) {
          if (node === but || !node.runs) continue;
          if ((await describe(node))?.leads === true) found = node;
        }
        return found !== undefined;
      },
      CHANGE_MS_MAX,
    );
    return found as unknown as ClusterNode;
  }

  /** What the leading controller knows of a broker. */
  async broker(id: number, but?: ClusterNode): Promise<BrokerDescription | undefined> {
    return (await describe(await this.leader(but)))?.brokers.find((broker) => broker.id === id);
  }

  /** Waits until a controller leads and every broker that runs is registered and not fenced. */
  async whenReady(but?: ClusterNode): Promise<void> {
    const wanted = this.brokers.filter(({ runs }) => runs).map(({ id }) => id);
    await until(
      "every broker is ready",
      async () => {
        const known = (await describe(await this.leader(but)))?.brokers ?? [];
        return wanted.every((id) => known.some((broker) => broker.id === id && !broker.fenced));
      },
      CHANGE_MS_MAX,
    );
  }

  /** Everything of it ends; what is frozen, too. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.abort();
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  get #environment(): Readonly<Record<string, string>> {
    return this.#options.environment ?? {};
  }

  async #plan(role: ClusterNode["role"], id: number): Promise<NodePlan> {
    const host = this.#options.hostOf?.(role, id);
    const [kafka, peer, http] = await Promise.all([freeAddress(host), freeAddress(host), freeAddress(host)]);
    return { id, role, folder: join(this.folder, `${role}-${id}`), kafka, peer, http, host };
  }

  #always({ id, peer, http }: NodePlan): readonly string[] {
    const places = ["--peer-listen", addressText(peer), "--http", addressText(http)];
    return ["--node-id", String(id), "--object-storage", this.objectStorage, ...places, ...(this.#options.flags ?? [])];
  }
}

/** What a controller says of itself and the brokers; undefined: nothing. */
export async function describe({ http }: ClusterNode): Promise<Description | undefined> {
  try {
    const answer = await fetch(`http://${addressText(http)}/cluster`, { signal: AbortSignal.timeout(ASK_MS_MAX) });
    return ((await answer.json()) as ClusterView).controllers[0]?.description;
  } catch {
    return undefined;
  }
}

/** `HOST:PORT`. */
export function addressText({ host, port }: HostPort): string {
  return `${host}:${port}`;
}

/** On another host nothing else has ports, either. */
async function freeAddress(host: Host | undefined): Promise<HostPort> {
  return { host: host?.address ?? "127.0.0.1", port: await freePort() };
}
