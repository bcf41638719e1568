import { withinTime } from "../io/backoff.ts";
import { type Clock, sleep } from "../io/clock.ts";
import { type ObjectStore, ObjectStoreError } from "../io/object-store.ts";
import { CLUSTER_KEY, metadataPrefix } from "../model/cluster-key.ts";
import { type ObjectId, type ObjectKind, parseObjectKey } from "../model/object-id.ts";
import { LIST_KEYS_MAX, STORE_READ_WAIT_MS } from "./limits.ts";

/** A key of this cluster's broker data. */
export type ListedObject = Readonly<{ key: string; id: ObjectId; kind: ObjectKind }>;

/** One answer to LIST. `metadata`: how many keys are of its metadata log. `others`: keys that nobody of this cluster ever makes. */
export type ListedPage = Readonly<{ objects: readonly ListedObject[]; metadata: number; others: readonly string[] }>;

/**
 * Every key under the prefix, page by page; what changes meanwhile may be there or not, and a store's list may be stale.
 * @throws ObjectStoreError
 */
export async function* listPages(store: ObjectStore, clock: Clock, prefix: string, clusterId: string): AsyncGenerator<ListedPage> {
  for (let after = ""; ; ) {
    const late = (): Error => new ObjectStoreError("unavailable", "no answer to a LIST");
    const keys = await withinTime(clock, store.list(prefix, after, LIST_KEYS_MAX), STORE_READ_WAIT_MS, late);
    if (keys.length > 0) yield pageOf(keys, clusterId);
    const last = keys.at(-1);
    if (last === undefined || keys.length < LIST_KEYS_MAX) return;
    if (last <= after) throw new ObjectStoreError("unavailable", `the store's list does not go on behind a name. after=${after}`);
    after = last;
    await sleep(clock, 0);
  }
}

function pageOf(keys: readonly string[], clusterId: string): ListedPage {
  const objects: ListedObject[] = [];
  const others: string[] = [];
  let metadata = 0;
  for (const key of keys) {
    const parsed = parseObjectKey(key);
    if (parsed?.clusterId === clusterId) objects.push({ key, id: parsed.id, kind: parsed.kind });
    else if (key === CLUSTER_KEY || key.startsWith(metadataPrefix(clusterId))) metadata += 1;
    else others.push(key);
  }
  return { objects, metadata, others };
}
