import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import { CLUSTER_KEY, CLUSTER_KEY_BYTES, type ClusterKey, decodeClusterKey, encodeClusterKey } from "../../model/cluster-key.ts";
import { isClusterId } from "../../model/object-id.ts";
import { DAMAGED_READS_MAX } from "../limits.ts";
import { damagedObject } from "./checked-read.ts";
import type { PatientStore } from "./patient-store.ts";

/**
 * The cluster whose metadata lies in the bucket; undefined: nobody's does. Waits for outages to end.
 * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT, SHUTTING_DOWN.
 */
export async function readClusterId(store: PatientStore): Promise<string | undefined> {
  return (await readClusterKey(store))?.clusterId;
}

/** As above, with where the log begins. @param store Rejects with whatever its reads do, besides `not-found` and `range`. */
export async function readClusterKey(store: Pick<PatientStore, "read">): Promise<ClusterKey | undefined> {
  for (let reads = 0; reads < DAMAGED_READS_MAX; reads += 1) {
    const found = await readOnce(store);
    if (found === "missing") return undefined;
    if (found === undefined) continue; // bits may flip on the way
    if ("clusterId" in found) return found;
    throw new QueueError(
      "NEWER_FORMAT",
      `the metadata was written by newer software: start that version. key=${CLUSTER_KEY} version=${found.newerVersion}`,
    );
  }
  throw damagedObject(CLUSTER_KEY, "its checksum does not match");
}

/**
 * Makes the bucket this cluster's, unless it is another's by then. Waits for outages to end.
 * @returns The id that stands there afterwards: whoever comes second takes the first one's.
 * @throws {QueueError} START_REFUSED: no id for a bucket; CORRUPT_METADATA, NEWER_FORMAT, SHUTTING_DOWN.
 */
export async function createClusterId(store: PatientStore, clusterId: string): Promise<string> {
  return (await createClusterKey(store, { clusterId, base: undefined })).clusterId;
}

/** As above, with where the log begins. @returns What stands there afterwards. */
export async function createClusterKey(store: PatientStore, key: ClusterKey): Promise<ClusterKey> {
  // A directory has no room for a file and a folder of one name.
  if (!isClusterId(key.clusterId) || key.clusterId === CLUSTER_KEY)
    throw new QueueError("START_REFUSED", `not an id for a cluster in object storage: ${JSON.stringify(key.clusterId)}`);
  if (await store.create(CLUSTER_KEY, encodeClusterKey(key))) return key;
  return must(await readClusterKey(store), "the id in a key that exists");
}

async function readOnce(store: Pick<PatientStore, "read">): Promise<ReturnType<typeof decodeClusterKey> | "missing"> {
  try {
    return decodeClusterKey(await store.read(CLUSTER_KEY, 0, CLUSTER_KEY_BYTES));
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    if (error.code === "not-found") return "missing";
    if (error.code === "range") return undefined;
    throw error;
  }
}
