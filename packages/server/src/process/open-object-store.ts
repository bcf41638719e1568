import type { NodeConfig } from "../config/server-config.ts";
import { CloudObjectStore } from "../io/real/object-store-cloud.ts";
import { DirectoryObjectStore } from "../io/real/object-store-dir.ts";
import type { ThreadObjectStore } from "../io/real/object-store-thread.ts";

/** The store that the configuration names. @param isNew A folder that is missing is made. Buckets are never made. */
export function openObjectStore(config: NodeConfig, isNew: boolean): ThreadObjectStore {
  const { objectStorage: storage } = config;
  if (storage.kind === "dir") return new DirectoryObjectStore(storage.path, isNew);
  const endpoint = { s3: config.s3Endpoint, gs: config.gcsEndpoint, az: config.azureEndpoint }[storage.kind];
  const store = new CloudObjectStore({ ...storage, endpoint, region: config.s3Region, pathStyle: config.s3PathStyle });
  // Its library is loaded while the rest of the start goes on.
  store.warmUp();
  return store;
}
