import { assert } from "../../base/assert.ts";
import { type Address, type Connection, type Listener, type Network, NetworkError } from "../../io/network.ts";
import { SimLink } from "./connection.ts";
import type { SimProcess } from "./process.ts";
import type { MsRange, SimRandom } from "./random.ts";
import type { SimWorld } from "./sim-world.ts";

/** Everything that can go wrong, and how long things take. Changeable at any time; without faults by default. */
export type SimNetworkFaults = {
  /** One way, per segment. */
  delayMs: MsRange;
  /** Bytes that a reader gets at once. */
  chopBytes: readonly [number, number];
  /** What the sender's kernel takes before `pendingBytes` grows; also what may wait, unread, on the way. */
  windowBytes: number;
  /** Probability, per segment, that the connection is reset instead. */
  resetRatio: number;
  /** Probability, per segment, that the connection falls silent for ever: nothing arrives, nobody is told. */
  silenceRatio: number;
  /** Probability that a connection attempt is refused. */
  refuseRatio: number;
  /** Probability that the connections of a crashed process fall silent (its machine is gone) instead of being reset. */
  silentCrashRatio: number;
};

export const HEALTHY_NETWORK: SimNetworkFaults = {
  delayMs: [0.02, 0.2],
  chopBytes: [1, 64 * 1024],
  windowBytes: 256 * 1024,
  resetRatio: 0,
  silenceRatio: 0,
  refuseRatio: 0,
  silentCrashRatio: 0,
};

/** Byte streams between simulated processes. Hosts are names; every process that shares a host shares its ports. */
export class SimNetwork {
  readonly world: SimWorld;
  readonly faults: SimNetworkFaults;
  readonly random: SimRandom;
  /** Open connections, oldest first: a scenario may reset or silence them. */
  readonly links = new Set<SimLink>();
  readonly #listeners = new Map<string, SimListener>();
  #portNumber = 30_000;

  constructor(world: SimWorld, faults: Partial<SimNetworkFaults> = {}) {
    this.world = world;
    this.random = world.random.fork("network");
    this.faults = { ...HEALTHY_NETWORK, ...faults };
  }

  /** The network as this process sees it. */
  attach(process: SimProcess): Network {
    return {
      listen: (host, port, accept) =>
        process.call(0, () => this.#listen(process, { host, port: port === 0 ? this.freePort() : port }, accept)),
    };
  }

  /** A client's end of a new connection; rejects with `NetworkError` when nobody listens there. */
  connect(process: SimProcess, from: string, to: Address): Promise<Connection> {
    return process.call(this.random.withinMs(this.faults.delayMs) * 2, () => {
      const listener = this.#listeners.get(keyOf(to));
      if (listener?.process.alive !== true || this.random.chance(this.faults.refuseRatio)) {
        throw new NetworkError("unavailable", `nobody listens on ${keyOf(to)}`);
      }
      const remote = { host: from, port: this.freePort() };
      const link = new SimLink(this, { process, local: remote, remote: to }, { process: listener.process, local: to, remote });
      this.links.add(link);
      listener.process.after(this.random.withinMs(this.faults.delayMs), () => listener.accept(link.right));
      return link.left;
    });
  }

  /** Whether somebody accepts connections there. */
  isListened(at: Address): boolean {
    return this.#listeners.get(keyOf(at))?.process.alive === true;
  }

  freePort(): number {
    this.#portNumber += 1;
    return this.#portNumber;
  }

  #listen(process: SimProcess, address: Address, accept: (connection: Connection) => void): Listener {
    const key = keyOf(address);
    if (this.isListened(address)) throw new NetworkError("in-use", `${key} is in use`);
    const listener = new SimListener(process, address, accept, () => {
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    });
    this.#listeners.set(key, listener);
    return listener;
  }
}

class SimListener implements Listener {
  readonly process: SimProcess;
  readonly host: string;
  readonly port: number;
  readonly accept: (connection: Connection) => void;
  readonly #remove: () => void;

  constructor(process: SimProcess, address: Address, accept: (connection: Connection) => void, remove: () => void) {
    this.process = process;
    this.host = address.host;
    this.port = address.port;
    this.accept = accept;
    this.#remove = remove;
  }

  close(): Promise<void> {
    this.#remove();
    return this.process.call(0, () => {});
  }
}

function keyOf(address: Address): string {
  assert(address.port > 0, "a port is a positive number");
  return `${address.host}:${address.port}`;
}
