import { must } from "../../base/assert.ts";
import { QueueError } from "../../base/errors.ts";
import { ObjectStoreError } from "../../io/object-store.ts";
import {
  CLUSTER_KEY,
  CLUSTER_KEY_BYTES,
  type ClusterKey,
  decodeClusterKey,
  encodeClusterKey,
  logBeginKey,
} from "../../model/cluster-key.ts";
import { isClusterId } from "../../model/object-id.ts";
import { DAMAGED_READS_MAX } from "../limits.ts";
import { damagedObject } from "./checked-read.ts";
import type { PatientStore } from "./patient-store.ts";

/**
 * The cluster whose bucket it is; undefined: nobody's. Waits for outages to end.
 * @throws {QueueError} CORRUPT_METADATA, NEWER_FORMAT, SHUTTING_DOWN.
 */
export async function readClusterId(store: PatientStore): Promise<string | undefined> {
  return (await readKey(store, CLUSTER_KEY))?.clusterId;
}

/**
 * As above, with where the log begins. `isElsewhere`: it does not lie here.
 * @param store Rejects with whatever its reads do, besides `not-found` and `range`.
 */
export async function readClusterKey(store: Pick<PatientStore, "read">): Promise<ClusterKey | undefined> {
  const key = await readKey(store, CLUSTER_KEY);
  if (key?.isElsewhere !== true) return key;
  const begin = logBeginKey(key.clusterId);
  const brought = await readKey(store, begin);
  if (brought !== undefined && brought.clusterId !== key.clusterId) throw damagedObject(begin, "it is another cluster's");
  return brought ?? key;
}

/**
 * Makes the bucket this cluster's, unless it is another's by then. Waits for outages to end.
 * @param log Where its metadata log lies: controllers over the bucket do not start beside one that lies elsewhere.
 * @returns The id that stands there afterwards: whoever comes second takes the first one's.
 * @throws {QueueError} START_REFUSED: no id for a bucket; CORRUPT_METADATA, NEWER_FORMAT, SHUTTING_DOWN.
 */
export async function createClusterId(store: PatientStore, clusterId: string, log: "here" | "elsewhere" = "here"): Promise<string> {
  return (await createKey(store, CLUSTER_KEY, { clusterId, isElsewhere: log === "elsewhere", base: undefined })).clusterId;
}

/** Lets the log begin here behind this base, if it lay elsewhere or there was none. @returns What stands there afterwards. */
export async function createLogBegin(store: PatientStore, key: ClusterKey): Promise<ClusterKey> {
  const stands = await createKey(store, CLUSTER_KEY, key);
  if (stands.clusterId !== key.clusterId || !stands.isElsewhere) return stands;
  return createKey(store, logBeginKey(key.clusterId), key);
}

async function readKey(store: Pick<PatientStore, "read">, name: string): Promise<ClusterKey | undefined> {
  for (let reads = 0; reads < DAMAGED_READS_MAX; reads += 1) {
    const found = await readOnce(store, name);
    if (found === "missing") return undefined;
    if (found === undefined) continue; // bits may flip on the way
    if ("clusterId" in found) return found;
    throw new QueueError(
      "NEWER_FORMAT",
      `the metadata was written by newer software: start that version. key=${name} version=${found.newerVersion}`,
    );
  }
  throw damagedObject(name, "its checksum does not match");
}

async function createKey(store: PatientStore, name: string, key: ClusterKey): Promise<ClusterKey> {
  // A directory has no room for a file and a folder of one name.
  if (!isClusterId(key.clusterId) || key.clusterId === CLUSTER_KEY)
    throw new QueueError("START_REFUSED", `not an id for a cluster in object storage: ${JSON.stringify(key.clusterId)}`);
  if (await store.create(name, encodeClusterKey(key))) return key;
  return must(await readKey(store, name), "the id in a key that exists");
}

async function readOnce(store: Pick<PatientStore, "read">, name: string): Promise<ReturnType<typeof decodeClusterKey> | "missing"> {
  try {
    return decodeClusterKey(await store.read(name, 0, CLUSTER_KEY_BYTES));
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    if (error.code === "not-found") return "missing";
    if (error.code === "range") return undefined;
    throw error;
  }
}
