import { after, before, describe, test } from "node:test";
import type { ObjectStore } from "@tidemq/server/io/object-store.ts";
import { RealClock } from "@tidemq/server/io/real/clock.ts";
import { CloudObjectStore } from "@tidemq/server/io/real/object-store-cloud.ts";
import { RealRandom } from "@tidemq/server/io/real/random.ts";
import { ObjectMetadataLog } from "@tidemq/server/metadata-log/object/object-log.ts";
import { metadataLogContract } from "@tidemq/server/testing/contracts/metadata-log-contract.ts";
import { objectStoreContract } from "@tidemq/server/testing/contracts/object-store-contract.ts";
import { RecordingLog } from "@tidemq/server/testing/recording-log.ts";
import type { StoreServer } from "./store-server.ts";

type OpenStore = Readonly<{ store: ObjectStore; drive: <T>(promise: Promise<T>) => Promise<T>; dispose: () => Promise<void> }>;

const CLOCK = new RealClock();
const LOG_PARTS = { clock: CLOCK, random: new RealRandom(), logger: new RecordingLog(), clusterId: "cluster-1" };

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
    metadataLogSuite(name, create);
    more(() => server);
  });
}

/** The contract of every metadata log, in such a store. */
export function metadataLogSuite(name: string, create: () => OpenStore | Promise<OpenStore>): void {
  metadataLogContract(`metadata log in ${name}`, async () => {
    const { store, ...rest } = await create();
    return { ...rest, clock: CLOCK, open: () => Promise.resolve(new ObjectMetadataLog({ ...LOG_PARTS, store })) };
  });
}
