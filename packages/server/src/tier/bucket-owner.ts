import type { ObjectStore } from "../io/object-store.ts";

/** The character behind `/`: what sorts after every key of a cluster, and before those of the next. */
const BEHIND_SLASH = "0";

/**
 * A key that is not of this cluster, if the bucket (or the directory) has one: whoever starts there with another cluster's
 * objects beside its own has most likely taken the wrong place, or lost its data folder. Two LISTs of one key each.
 *
 * @throws ObjectStoreError when the store does not answer: then nothing is known.
 */
export async function foreignKey(store: ObjectStore, clusterId: string): Promise<string | undefined> {
  const [before] = await store.list("", "", 1);
  if (before !== undefined && !before.startsWith(`${clusterId}/`)) return before;
  const [behind] = await store.list("", `${clusterId}${BEHIND_SLASH}`, 1);
  return behind;
}
