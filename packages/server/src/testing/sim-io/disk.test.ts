import { diskContract } from "../contracts/disk-contract.ts";
import { SimDisk } from "./disk.ts";
import { SimWorld } from "./sim-world.ts";

diskContract("simulated disk", () => {
  const world = new SimWorld(1);
  const disk = new SimDisk(world, "disk").mount(world.startProcess("program"));
  return { disk, drive: (promise) => world.settle(promise), dispose: () => Promise.resolve() };
});
