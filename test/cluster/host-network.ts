import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";

/** Of 198.18.0.0/15, which is set aside for tests of networks. */
const NETWORKS = 256;
/** A link address that nobody has. */
const NOBODY = "02:00:00:00:ff:ff";
const FIRST_HOST = 11;
const IN_A_NAMESPACE = "ip link add pair0 type veth peer name pair1 && ip link add switch0 type bridge";

/** Why hosts of their own cannot be made here; undefined where they can. */
export const WITHOUT_HOSTS = whyNoHosts();

function whyNoHosts(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/proc/self/ns/net")) return "needs network namespaces: Linux, and root to make them";
  for (const name of ["unshare", "nsenter", "setpriv", "ip"])
    if (spawnSync(name, ["-V"]).error !== undefined) return `${name} is not installed (Debian: apt-get install util-linux iproute2)`;
  const { status, stderr } = spawnSync("unshare", ["--net", "sh", "-c", IN_A_NAMESPACE], { encoding: "utf8" });
  return status === 0 ? undefined : `needs network namespaces, which this machine does not make: ${stderr.trim()}`;
}

/** A host: what is started by `command` runs there, and ends when this process ends, however that ends. */
export type Host = Readonly<{ address: string; command: readonly string[] }>;

/**
 * Hosts on one switch, as network namespaces, and cuts between them, in one direction or in both, that nobody is told of: what is sent goes
 * to a link address that nobody has.
 *
 *     this process ── switch ─┬─ host 0
 *     .1, and .2 for a bucket ├─ host 1
 *                             └─ …
 *
 * Namespaces have no names: each lives as long as a process in it, and those end with this one. So nothing stays behind.
 */
export class HostNetwork {
  /** This process's, for clients and for a server of object storage. */
  readonly client: string;
  readonly bucket: string;
  readonly hosts: readonly Host[];
  readonly #holders: readonly Holder[];
  readonly #cuts = new Set<string>();

  private constructor(network: string, holders: readonly Holder[]) {
    this.client = `${network}.1`;
    this.bucket = `${network}.2`;
    this.#holders = holders;
    this.hosts = holders.slice(1).map(({ within }, n) => ({
      address: `${network}.${FIRST_HOST + n}`,
      command: [...within, "setpriv", "--pdeathsig", "KILL"],
    }));
  }

  static async open(hosts: number): Promise<HostNetwork> {
    const holders = await Promise.all(Array.from({ length: hosts + 1 }, () => Holder.start()));
    const [hub, ...rest] = holders as [Holder, ...Holder[]];
    const name = `tidemq${process.pid}`;
    const network = freeNetwork();
    const made = new HostNetwork(network, holders);
    hub.ip("link add switch0 type bridge", "link set switch0 up");
    ip([], `link add ${name} type veth peer name outside netns ${hub.pid}`);
    hub.ip("link set outside master switch0 up");
    ip([], `addr add ${made.client}/24 dev ${name}`, `addr add ${made.bucket}/24 dev ${name}`, `link set ${name} up`);
    for (const [n, host] of rest.entries()) {
      hub.ip(`link add host${n} type veth peer name eth0 netns ${host.pid}`, `link set host${n} master switch0 up`);
      host.ip("link set lo up", `addr add ${made.hosts[n]?.address}/24 dev eth0`, "link set eth0 up");
    }
    return made;
  }

  /** From now on what `from` sends to these addresses is lost. */
  lose(from: Host, to: readonly string[]): void {
    this.#holderOf(from).ip(...to.map((address) => `neigh replace ${address} lladdr ${NOBODY} nud permanent dev eth0`));
    for (const address of to) this.#cuts.add(`${from.address} ${address}`);
  }

  /** Nothing goes between these two sides. */
  cut(some: readonly Host[], others: readonly Host[]): void {
    for (const one of some) this.lose(one, others.map(addressOf));
    for (const other of others) this.lose(other, some.map(addressOf));
  }

  heal(): void {
    for (const cut of this.#cuts) {
      const [from, to] = cut.split(" ");
      const host = this.hosts.find(({ address }) => address === from);
      if (host !== undefined) this.#holderOf(host).ip(`neigh del ${to} dev eth0`);
    }
    this.#cuts.clear();
  }

  close(): void {
    for (const holder of this.#holders) holder.end();
  }

  #holderOf(host: Host): Holder {
    return this.#holders[1 + this.hosts.indexOf(host)] as Holder;
  }
}

/** A process that does nothing but hold a network namespace, until its input ends. */
class Holder {
  readonly within: readonly string[];
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.within = ["nsenter", `--net=/proc/${child.pid}/ns/net`, "--"];
  }

  static async start(): Promise<Holder> {
    const child = spawn("unshare", ["--net", "sh", "-c", "echo holds; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    for (const part of [child, child.stdin, child.stdout]) (part as unknown as { unref(): void }).unref();
    return new Holder(child);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  ip(...commands: readonly string[]): void {
    ip(this.within, ...commands);
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

function ip(within: readonly string[], ...commands: readonly string[]): void {
  const [program, ...args] = [...within, "ip", "-batch", "-"];
  const { status, stderr } = spawnSync(program, args, { input: commands.join("\n"), encoding: "utf8" });
  if (status !== 0) throw new Error(`ip: ${commands.join("; ")}: ${stderr}`);
}

/** The first three numbers of addresses that nobody on this machine has. */
function freeNetwork(): string {
  const taken = readFileSync("/proc/net/fib_trie", "utf8");
  for (let n = 0; n < NETWORKS; n += 1) {
    const network = `198.18.${(process.pid + n) % NETWORKS}`;
    if (!taken.includes(`${network}.`)) return network;
  }
  throw new Error("no network is free");
}

function addressOf({ address }: Host): string {
  return address;
}
