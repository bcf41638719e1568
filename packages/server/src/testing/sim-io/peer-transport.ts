import { assert } from "../../base/assert.ts";
import { type Address, NetworkError } from "../../io/network.ts";
import { PeerBudget } from "../../io/peer-call.ts";
import { PeerError } from "../../io/peer-error.ts";
import { PEER_LIMITS, type PeerLimits } from "../../io/peer-limits.ts";
import type { PeerConnection, PeerListener, PeerServices, PeerTransport } from "../../io/peer-transport.ts";
import { SimPeerConnection, SimServedConnection } from "./peer-connection.ts";
import { SimPeerLink } from "./peer-link.ts";
import type { SimProcess } from "./process.ts";
import type { MsRange, SimRandom } from "./random.ts";
import type { SimWorld } from "./sim-world.ts";

/** Everything that can go wrong between peers, and how long things take. Changeable at any time; without faults by default. */
export type SimPeerFaults = {
  /** One way, each message. */
  delayMs: MsRange;
  /** Probability that an attempt to connect comes to nothing, for whatever reason. */
  refuseRatio: number;
  /** Probability, each message of a stream, that the connection is reset instead: whatever is on its way is lost. */
  resetRatio: number;
  /** Probability, each message of a stream, that the connection falls silent for ever, and nobody is told. */
  silenceRatio: number;
  /** Probability that the connections of a process that dies fall silent (its machine is gone) instead of being reset. */
  silentCrashRatio: number;
  /** Sees each message of a stream as it leaves, and may change bits of it: whoever gets it cannot tell. Undefined: nobody does. */
  damage: ((from: string, to: string, bytes: Uint8Array) => void) | undefined;
};

export const HEALTHY_PEERS: SimPeerFaults = {
  delayMs: [0.05, 0.5],
  refuseRatio: 0,
  resetRatio: 0,
  silenceRatio: 0,
  silentCrashRatio: 0,
  damage: undefined,
};

/** A simulated machine as the others see it. `name`: its certificate's, when all of them have one. */
export type SimPeerHost = Readonly<{ host: string; name?: string; limits?: PeerLimits }>;

/**
 * Messages between simulated processes. A partition holds messages back, as a kernel that sends them again does, until it heals
 * or keep-alive cuts the connection.
 */
export class SimPeerNetwork {
  readonly world: SimWorld;
  readonly faults: SimPeerFaults;
  readonly random: SimRandom;
  /** Open connections, oldest first: a scenario may reset or silence them. */
  readonly links = new Set<SimPeerLink>();
  readonly #listeners = new Map<string, SimPeerListener>();
  readonly #cuts = new Set<string>();
  /** Machines without power. */
  readonly #dark = new Set<string>();
  #portNumber = 40_000;

  constructor(world: SimWorld, faults: Partial<SimPeerFaults> = {}) {
    this.world = world;
    this.random = world.random.fork("peers");
    this.faults = { ...HEALTHY_PEERS, ...faults };
  }

  /** The transport as this process sees it: its machine has power. */
  attach(process: SimProcess, host: SimPeerHost): PeerTransport {
    this.#dark.delete(host.host);
    return new SimPeerTransport(this, process, host);
  }

  /** From now on nothing passes from one host to the other; the other way is not touched. */
  cut(fromHost: string, toHost: string): void {
    this.#cuts.add(`${fromHost}>${toHost}`);
  }

  heal(fromHost: string, toHost: string): void {
    this.#cuts.delete(`${fromHost}>${toHost}`);
    for (const link of this.links) link.goOn();
  }

  isCut(fromHost: string, toHost: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${fromHost}>${toHost}`);
  }

  /** Nobody is told, and who dials gets no answer, until a process is started there. Its processes end with it. */
  losePower(host: string): void {
    this.#dark.add(host);
    for (const link of this.links) if (link.isOf(host)) link.silence();
  }

  isDark(host: string): boolean {
    return this.#dark.has(host);
  }

  freePort(): number {
    this.#portNumber += 1;
    return this.#portNumber;
  }

  listenerAt(address: Address): SimPeerListener | undefined {
    const listener = this.#listeners.get(keyOf(address));
    return listener?.process.alive === true ? listener : undefined;
  }

  add(listener: SimPeerListener): void {
    if (this.listenerAt(listener) !== undefined) throw new NetworkError("in-use", `${keyOf(listener)} is in use`);
    this.#listeners.set(keyOf(listener), listener);
  }

  remove(listener: SimPeerListener): void {
    if (this.#listeners.get(keyOf(listener)) === listener) this.#listeners.delete(keyOf(listener));
  }
}

class SimPeerTransport implements PeerTransport {
  readonly #network: SimPeerNetwork;
  readonly #process: SimProcess;
  readonly #at: SimPeerHost;
  readonly #limits: PeerLimits;

  constructor(network: SimPeerNetwork, process: SimProcess, at: SimPeerHost) {
    this.#network = network;
    this.#process = process;
    this.#at = at;
    this.#limits = at.limits ?? PEER_LIMITS;
  }

  listen(host: string, port: number, services: PeerServices): Promise<PeerListener> {
    return this.#process.call(0, () => {
      const address = { host, port: port === 0 ? this.#network.freePort() : port };
      const listener = new SimPeerListener(this.#network, this.#process, address, this.#at.name, this.#limits, services);
      this.#network.add(listener);
      return listener;
    });
  }

  async connect(to: Address): Promise<PeerConnection> {
    const { random, faults } = this.#network;
    const roundTripMs = random.withinMs(faults.delayMs) * 2;
    const isRefused = random.chance(faults.refuseRatio);
    if (this.#isUnreachable(to)) await this.#process.call(this.#limits.firstBytesMs, () => this.#give(to, "no answer"));
    return this.#process.call(roundTripMs, () => {
      const listener = this.#network.listenerAt(to);
      if (isRefused || this.#isUnreachable(to)) return this.#give(to, "comes to nothing");
      if (listener === undefined) return this.#give(to, "nobody listens", true);
      if (listener.connections >= listener.limits.connectionsMax) return this.#give(to, "closed at once");
      return this.#connect(listener);
    });
  }

  #isUnreachable({ host }: Address): boolean {
    return this.#network.isDark(host) || this.#network.isCut(this.#at.host, host) || this.#network.isCut(host, this.#at.host);
  }

  #give(to: Address, why: string, isNobodyThere = false): never {
    throw new PeerError("unavailable", `${to.host}:${to.port}: ${why}`, { isNobodyThere });
  }

  #connect(listener: SimPeerListener): PeerConnection {
    const areNamed = listener.name !== undefined && this.#at.name !== undefined;
    const from = { address: { host: this.#at.host, port: this.#network.freePort() }, name: areNamed ? this.#at.name : undefined };
    const served = listener.accept(from);
    const peer = { address: { host: listener.host, port: listener.port }, name: areNamed ? listener.name : undefined };
    const connection = new SimPeerConnection(this.#process, this.#at.host, peer, this.#limits, listener.limits.streamsMax);
    const link = new SimPeerLink(this.#network, connection, served);
    this.#network.links.add(link);
    connection.attach(link);
    served.attach(link);
    return connection;
  }
}

class SimPeerListener implements PeerListener {
  readonly process: SimProcess;
  readonly host: string;
  readonly port: number;
  readonly name: string | undefined;
  readonly limits: PeerLimits;
  readonly #network: SimPeerNetwork;
  readonly #services: PeerServices;
  readonly #budget: PeerBudget;
  readonly #connections = new Set<SimServedConnection>();

  constructor(
    network: SimPeerNetwork,
    process: SimProcess,
    address: Address,
    name: string | undefined,
    limits: PeerLimits,
    services: PeerServices,
  ) {
    this.#network = network;
    this.process = process;
    this.host = address.host;
    this.port = address.port;
    this.name = name;
    this.limits = limits;
    this.#services = services;
    this.#budget = new PeerBudget(limits.inFlightBytesMax);
  }

  get connections(): number {
    for (const old of this.#connections) if (old.isClosed) this.#connections.delete(old);
    return this.#connections.size;
  }

  accept(from: { readonly address: Address; readonly name: string | undefined }): SimServedConnection {
    const connection = new SimServedConnection(this.process, this, from, this.limits, { services: this.#services, budget: this.#budget });
    this.#connections.add(connection);
    return connection;
  }

  close(): Promise<void> {
    this.#network.remove(this);
    for (const connection of this.#connections) connection.cut();
    return this.process.call(0, () => {});
  }
}

function keyOf(address: Address): string {
  assert(address.port > 0, "a port is a positive number");
  return `${address.host}:${address.port}`;
}
