import { objectStoreContract } from "../contracts/object-store-contract.ts";
import { SimObjectStore } from "./object-store.ts";
import { SimWorld } from "./sim-world.ts";

for (const confirmsChecksum of [true, false]) {
  objectStoreContract(
    `simulated object store, confirms=${confirmsChecksum}`,
    () => {
      const world = new SimWorld(1);
      const store = new SimObjectStore(world, "bucket", { confirmsChecksum }).connect(world.startProcess("program"));
      return { store, drive: (promise) => world.settle(promise), dispose: () => Promise.resolve() };
    },
    confirmsChecksum,
  );
}
