import { sleep } from "../../io/clock.ts";
import { PEER_LIMITS, type PeerLimits } from "../../io/peer-limits.ts";
import type { PeersUnderTest } from "../contracts/peer-transport-contract.ts";
import { SimPeerNetwork } from "./peer-transport.ts";
import { SimWorld } from "./sim-world.ts";

/** Two processes on two machines, for the contract. */
export function simulatedPeers(limits: PeerLimits = PEER_LIMITS): PeersUnderTest {
  const world = new SimWorld(1);
  const net = new SimPeerNetwork(world);
  const [server, client] = [world.startProcess("server"), world.startProcess("client")];
  return {
    server: net.attach(server, { host: "one", limits }),
    client: net.attach(client, { host: "two", limits }),
    host: "one",
    route: (to) => Promise.resolve({ host: to.host, port: to.port }),
    breakAll: () => net.links.forEach((link) => link.reset()),
    silence: () => net.links.forEach((link) => link.silence()),
    waitMs: (ms) => sleep(client.clock, ms),
    drive: (promise) => world.settle(promise, 20_000),
    dispose: () => Promise.resolve(),
  };
}
