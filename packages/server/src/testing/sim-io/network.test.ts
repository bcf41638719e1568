import { sleep } from "../../io/clock.ts";
import { networkContract } from "../contracts/network-contract.ts";
import { SimNetwork } from "./network.ts";
import { SimWorld } from "./sim-world.ts";

networkContract("simulated network", () => {
  const world = new SimWorld(1);
  const net = new SimNetwork(world);
  const [server, client] = [world.startProcess("server"), world.startProcess("client")];
  return {
    network: net.attach(server),
    host: "broker",
    connect: (to) => net.connect(client, "client", to),
    waitMs: (ms) => sleep(client.clock, ms),
    drive: (promise) => world.settle(promise),
    dispose: () => Promise.resolve(),
  };
});
