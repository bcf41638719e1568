import type { ClusterState } from "../../cluster/cluster-state.ts";
import type { Controller } from "../../controller/controller.ts";
import type { ObjectId } from "../../model/object-id.ts";
import type { ManifestPointer } from "../../model/object-range.ts";
import type { CollectionIndex, CommitBounds } from "../../tier/collection-round.ts";
import type { ObjectIds } from "../../tier/object-ids.ts";

/** What collecting asks of the metadata, answered by the controller that runs in this process. */
export class ClusterCollectionIndex implements CollectionIndex {
  readonly #state: ClusterState;
  readonly #controller: Controller;
  readonly #ids: ObjectIds;

  /** @param ids Of this process: it raises its own bound. */
  constructor(controller: Controller, ids: ObjectIds) {
    this.#state = controller.state;
    this.#controller = controller;
    this.#ids = ids;
  }

  raiseCommitBound(sequence: number): Promise<void> {
    return this.#controller.raiseCommitBound(this.#ids.broker, this.#ids.brokerEpoch, sequence);
  }

  commitBounds(): CommitBounds {
    return this.#state.commitBounds;
  }

  records(): Iterable<Readonly<{ id: ObjectId; objectBytes: number }>> {
    return this.#state.objects.values();
  }

  *manifests(): Generator<Readonly<{ pointer: ManifestPointer; logStart: number }>> {
    for (const { manifest, logStart } of this.#state.partitions.values()) if (manifest !== undefined) yield { pointer: manifest, logStart };
  }
}
