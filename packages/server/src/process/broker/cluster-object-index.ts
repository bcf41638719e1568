import { isAcceptedLoss } from "../../cluster/accepted-losses.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import { findRange } from "../../cluster/object-queries.ts";
import type { Controller } from "../../controller/controller.ts";
import type { ManifestPointer, ObjectRange } from "../../model/object-range.ts";
import type { CommitManifestRequest, CommitReply, CommitRequest, ManifestVerdict, ObjectIndex } from "../../tier/object-index.ts";

/** What the tier asks of the metadata, answered by the controller that runs in this process. */
export class ClusterObjectIndex implements ObjectIndex {
  readonly #state: ClusterState;
  readonly #controller: Controller;
  readonly #brokerId: number;

  constructor(controller: Controller, brokerId: number) {
    this.#state = controller.state;
    this.#controller = controller;
    this.#brokerId = brokerId;
  }

  find(partitionId: number, offset: number): ObjectRange | ManifestPointer | undefined {
    return findRange(this.#state, partitionId, offset);
  }

  unmerged(partitionId: number): readonly ObjectRange[] {
    return this.#state.partitions.get(partitionId)?.ranges.all() ?? [];
  }

  unmergedCount(partitionId: number): number {
    return this.#state.partitions.get(partitionId)?.ranges.count ?? 0;
  }

  manifestOf(partitionId: number): ManifestPointer | undefined {
    return this.#state.partitions.get(partitionId)?.manifest;
  }

  logStartOf(partitionId: number): number {
    return this.#state.partitions.get(partitionId)?.logStart ?? 0;
  }

  isLossAccepted(partitionId: number, from: number, to: number): boolean {
    const partition = this.#state.partitions.get(partitionId);
    return partition !== undefined && isAcceptedLoss(partition, from, to);
  }

  async commit(request: CommitRequest): Promise<CommitReply> {
    const verdicts = await this.#controller.commitObject(this.#brokerId, request.ranges);
    const taken = (at: number): boolean => verdicts[at]?.accepted === true;
    return {
      accepted: request.ranges.filter((_, at) => taken(at)),
      refused: request.ranges.filter((_, at) => !taken(at)),
    };
  }

  commitManifest(request: CommitManifestRequest): Promise<ManifestVerdict> {
    return this.#controller.commitManifest(this.#brokerId, request);
  }
}
