import { type ObjectStore, ObjectStoreError } from "../io/object-store.ts";
import { CLUSTER_KEY, CLUSTER_KEY_BYTES, decodeClusterKey } from "../model/cluster-key.ts";

/** The character behind `/`: what sorts after every key of a cluster, and before those of the next. */
const BEHIND_SLASH = "0";

type Listing = Pick<ObjectStore, "list" | "read">;

/** Bits may flip on the way. */
const DAMAGED_READS_MAX = 5;

/**
 * A key that is not of this cluster, if the bucket (or the directory) has one: whoever starts there with another cluster's
 * objects beside its own has most likely taken the wrong place, or lost its data folder. Two LISTs of two keys each; the key
 * that says whose the bucket is may lie before or behind the cluster's own.
 *
 * @throws ObjectStoreError when the store does not answer: then nothing is known.
 */
export async function foreignKey(store: Listing, clusterId: string): Promise<string | undefined> {
  const before = await store.list("", "", 2);
  const behind = await store.list("", `${clusterId}${BEHIND_SLASH}`, 2);
  const isOther = (key: string): boolean => key !== CLUSTER_KEY && !key.startsWith(`${clusterId}/`);
  const other = before.find(isOther) ?? behind.find(isOther);
  if (other !== undefined) return other;
  if (!before.includes(CLUSTER_KEY) && !behind.includes(CLUSTER_KEY)) return undefined;
  return (await isOfCluster(store, clusterId)) ? undefined : CLUSTER_KEY;
}

/** What newer software wrote there, or damage, is nobody's that is known here. */
async function isOfCluster(store: Listing, clusterId: string): Promise<boolean> {
  for (let reads = 0; reads < DAMAGED_READS_MAX; reads += 1) {
    const key = await readKey(store);
    if (key === "missing") return true;
    if (key !== undefined) return "clusterId" in key && key.clusterId === clusterId;
  }
  return false;
}

async function readKey(store: Listing): Promise<ReturnType<typeof decodeClusterKey> | "missing"> {
  try {
    return decodeClusterKey(await store.read(CLUSTER_KEY, 0, CLUSTER_KEY_BYTES));
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    if (error.code === "not-found") return "missing"; // a stale list still names it
    if (error.code === "range") return undefined;
    throw error;
  }
}
