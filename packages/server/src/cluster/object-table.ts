import { assert } from "../base/assert.ts";
import type { ObjectId } from "../model/object-id.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { ObjectState } from "./range-list.ts";

/** The entry of an object that one more range lies in. */
export function referObject(state: ClusterState, id: ObjectId, objectBytes: number): ObjectState {
  const key = state.objectKeyOf(id);
  let object = state.objects.get(key);
  if (object === undefined) {
    object = { number: state.objectNumberNext, id, objectBytes, ranges: 0, savedIn: state.snapshotNumber };
    state.objectNumberNext += 1;
    state.objects.set(key, object);
  }
  object.ranges += 1;
  return object;
}

/**
 * Takes back one range each. An object without any leaves the table: it may still be in manifests, so this alone is
 * no reason to delete it from the bucket.
 */
export function releaseObjects(state: ClusterState, objects: readonly ObjectState[]): void {
  for (const object of objects) {
    assert(object.ranges > 0, "an object is released as often as it was referred to");
    object.ranges -= 1;
    if (object.ranges > 0) continue;
    state.observer?.beforeObject(object);
    state.objects.delete(state.objectKeyOf(object.id));
  }
}
