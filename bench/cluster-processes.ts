import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "@tidemq/server/base/assert.ts";
import type { ClusterView } from "@tidemq/server/process/endpoints/cluster-view.ts";
import { freePort } from "../tools/free-port.ts";
import { type StartedProcess, startProcess } from "./tidemq-server.ts";

/** `object-storage` and what belongs to it. */
export type ClusterBucket = Readonly<{ flags: readonly string[]; environment: NodeJS.ProcessEnv }>;

type Member = {
  readonly kind: "broker" | "controller";
  readonly id: number;
  readonly ports: readonly [number, number];
  process?: StartedProcess;
};

const SMALL_LOG = ["--wal-capacity", "240MiB", "--wal-file-size", "40MiB"];

export type ClusterProcessesOptions = Readonly<{ bucket: (folder: string) => ClusterBucket; brokerFlags?: readonly string[] }>;

/** Three controllers and three brokers on this machine. */
export class ClusterProcesses {
  readonly folder = mkdtempSync(join(tmpdir(), "tidemq-cluster-"));
  readonly #bucket: ClusterBucket;
  readonly #brokerFlags: readonly string[];
  readonly #members: Member[] = [];

  constructor({ bucket, brokerFlags = SMALL_LOG }: ClusterProcessesOptions) {
    this.#bucket = bucket(this.folder);
    this.#brokerFlags = brokerFlags;
  }

  async start(): Promise<void> {
    for (const id of [101, 102, 103]) this.#members.push({ kind: "controller", id, ports: [await freePort(), await freePort()] });
    for (const id of [1, 2, 3]) this.#members.push({ kind: "broker", id, ports: [await freePort(), await freePort()] });
    for (const { kind, id } of this.#members) await this.startOne(kind, id);
  }

  /** Milliseconds from the start of the process until it is ready. */
  async startOne(kind: Member["kind"], id: number): Promise<number> {
    const member = this.#member(kind, id);
    const folder = join(this.folder, `${kind}-${id}`);
    mkdirSync(folder, { recursive: true });
    const [port, httpPort] = member.ports;
    const controllers = this.#members.filter((one) => one.kind === "controller").map(({ ports }) => `127.0.0.1:${ports[0]}`);
    const own =
      kind === "controller"
        ? ["--peer-listen", `127.0.0.1:${port}`]
        : [
            "--listen",
            `127.0.0.1:${port}`,
            ...(await brokerPlace(id, folder)),
            "--controllers",
            controllers.join(","),
            ...this.#brokerFlags,
          ];
    const flags = ["--node-id", `${id}`, ...own, ...this.#bucket.flags];
    member.process = await startProcess(kind, { flags, httpPort, folder, environment: this.#bucket.environment });
    return member.process.startMs;
  }

  process(kind: Member["kind"], id: number): StartedProcess {
    return must(this.#member(kind, id).process, "a process that runs");
  }

  /** Where clients reach a broker. */
  at(id: number): Readonly<{ host: string; port: number }> {
    return { host: "127.0.0.1", port: this.#member("broker", id).ports[0] };
  }

  async view(): Promise<ClusterView> {
    const [, httpPort] = this.#member("broker", 1).ports;
    return (await (await fetch(`http://127.0.0.1:${httpPort}/cluster`)).json()) as ClusterView;
  }

  /** Node id of the controller that leads. */
  async leader(): Promise<number> {
    const { controllers } = await this.view();
    const leading = controllers.map(({ description }) => description).filter((each) => each?.leads === true);
    return must(leading[0], "a controller that leads").nodeId;
  }

  async stop(): Promise<void> {
    for (const kind of ["broker", "controller"] as const)
      await Promise.all(this.#members.filter((member) => member.kind === kind).map(async ({ process }) => process?.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #member(kind: Member["kind"], id: number): Member {
    return must(
      this.#members.find((member) => member.kind === kind && member.id === id),
      "a member of the cluster",
    );
  }
}

/** Each counts as a machine of its own, so that it can have a replica. */
async function brokerPlace(id: number, folder: string): Promise<readonly string[]> {
  return ["--peer-listen", `127.0.0.1:${await freePort()}`, "--host-name", `host-${id}`, "--data", join(folder, "data")];
}
