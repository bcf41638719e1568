import { after, before, describe, test } from "node:test";
import { CloudObjectStore } from "@tidemq/server/io/real/object-store-cloud.ts";
import { objectStoreContract } from "@tidemq/server/testing/contracts/object-store-contract.ts";
import type { StoreServer } from "./store-server.ts";

/** A store through its own thread, as the program uses it, on a prefix of its own; with what this test put into the environment. */
function openStore(server: StoreServer, prefix: string, endpoint = server.endpoint): CloudObjectStore {
  Object.assign(process.env, server.environment);
  return new CloudObjectStore({ ...server.place, prefix, endpoint });
}

/** The contract of every object store, and what `more` adds, against one server. Skipped with `missing`, which says how to get it. */
export function storeSuite(
  name: string,
  missing: string | undefined,
  start: () => Promise<StoreServer>,
  confirms: boolean,
  more: (server: () => StoreServer) => void = () => undefined,
): void {
  if (missing !== undefined) {
    test(name, { skip: missing }, () => undefined);
    return;
  }
  describe(name, () => {
    let server: StoreServer;
    let count = 0;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());
    const create = () => {
      count += 1;
      const store = openStore(server, `contract/${count}/`);
      return { store, drive: <T>(promise: Promise<T>) => promise, dispose: () => store.close() };
    };
    objectStoreContract(name, create, confirms);
    more(() => server);
  });
}
