import { assert } from "../base/assert.ts";
import type { ClusterState } from "../cluster/cluster-state.ts";
import type { NamedManifest, NamedObject, NamedObjects } from "../tier/object-references.ts";

/** Everything that the metadata names, where the whole state is. */
export class StateNames implements NamedObjects {
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    assert(state.keptBy === undefined, "the state of one broker does not name everything");
    this.#state = state;
  }

  records(): Iterable<NamedObject> {
    return this.#state.objects.values();
  }

  *manifests(): Generator<NamedManifest> {
    for (const { manifest, logStart } of this.#state.partitions.values()) if (manifest !== undefined) yield { pointer: manifest, logStart };
  }
}
