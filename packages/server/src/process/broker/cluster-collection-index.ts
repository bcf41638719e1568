import type { ClusterState } from "../../cluster/cluster-state.ts";
import type { Controller } from "../../controller/controller.ts";
import type { CollectionIndex, CommitBounds } from "../../tier/collection-round.ts";
import type { ObjectIds } from "../../tier/object-ids.ts";
import type { NamedObjects } from "../../tier/object-references.ts";

/** What collecting asks of the metadata: bounds are in the state of this process, what is named may be known elsewhere only. */
export class ClusterCollectionIndex implements CollectionIndex {
  readonly #state: ClusterState;
  readonly #controller: Controller;
  readonly #ids: ObjectIds;
  readonly #named: NamedObjects;

  /** @param ids Of this process: it raises its own bound. @param named By no older state than this process has applied. */
  constructor(controller: Controller, ids: ObjectIds, named: NamedObjects) {
    this.#state = controller.state;
    this.#controller = controller;
    this.#ids = ids;
    this.#named = named;
  }

  raiseCommitBound(sequence: number): Promise<void> {
    return this.#controller.raiseCommitBound(this.#ids.broker, this.#ids.brokerEpoch, sequence);
  }

  commitBounds(): CommitBounds {
    return this.#state.commitBounds;
  }

  records(): ReturnType<NamedObjects["records"]> {
    return this.#named.records();
  }

  manifests(): ReturnType<NamedObjects["manifests"]> {
    return this.#named.manifests();
  }
}
