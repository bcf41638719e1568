import { QueueError } from "../../base/errors.ts";
import type { ClusterState } from "../../cluster/cluster-state.ts";
import { PeerError } from "../../io/peer-error.ts";
import { BROKER_SESSION } from "../../peer-net/broker-session.ts";
import { decodeMessage, encodeMessage } from "../../peer-net/messages.ts";
import type { Peer } from "../../peer-net/peer.ts";
import { NamedPage, NamedRequest, NamedRequest_Kind } from "../../peer-net/proto/controller/broker.ts";
import type { NamedManifest, NamedObject, NamedObjects } from "../../tier/object-references.ts";
import { NAMED_WAIT_MS } from "../limits.ts";
import { manifestsOf, objectsOf } from "./named-page.ts";

/**
 * Everything that the metadata names, from controllers: a broker's own state has only what the broker serves
 * (docs/rfcs/0010-index-of-served-partitions.md). Each page may come from another controller. None is of an older state than this broker has
 * applied, nor than an earlier page: so what has left the objects when its page was made is in the manifests of the pages behind.
 */
export class RemoteNames implements NamedObjects {
  readonly #state: ClusterState;
  readonly #controllers: readonly Peer[];
  /** The one that answered last, or the next one. */
  #at = 0;
  /** The newest state that a page was of. */
  #index = 0;

  /** @param controllers In any order: each of them has everything. */
  constructor(state: ClusterState, controllers: readonly Peer[]) {
    this.#state = state;
    this.#controllers = controllers;
  }

  records(): AsyncGenerator<NamedObject> {
    return this.#walk(NamedRequest_Kind.KIND_OBJECTS, objectsOf);
  }

  manifests(): AsyncGenerator<NamedManifest> {
    return this.#walk(NamedRequest_Kind.KIND_MANIFESTS, manifestsOf);
  }

  async *#walk<T>(
    kind: NamedRequest_Kind,
    read: (page: NamedPage, after: number) => readonly Readonly<{ number: number; entry: T }>[],
  ): AsyncGenerator<T> {
    for (let after = 0, isComplete = false; !isComplete; ) {
      const page = await this.#page({ kind, after, indexMin: Math.max(this.#state.index, this.#index) });
      for (const { number, entry } of read(page, after)) {
        yield entry;
        after = number;
      }
      isComplete = page.complete;
    }
  }

  /** @throws {QueueError} PEER_UNAVAILABLE: no controller has an answer that counts. */
  async #page(request: NamedRequest): Promise<NamedPage> {
    let reason = "";
    for (const _ of this.#controllers) {
      try {
        return await this.#ask(this.#controllers[this.#at % this.#controllers.length] as Peer, request);
      } catch (error) {
        if (!(error instanceof PeerError || error instanceof QueueError)) throw error;
        reason = error.message;
        this.#at += 1;
      }
    }
    throw new QueueError("PEER_UNAVAILABLE", `no controller says what the metadata names. reason=${reason}`);
  }

  async #ask(controller: Peer, request: NamedRequest): Promise<NamedPage> {
    const answer = await controller.call(BROKER_SESSION.readNamed, encodeMessage(NamedRequest, request), NAMED_WAIT_MS);
    const page = decodeMessage(NamedPage, answer);
    if (page.clusterId !== this.#state.clusterId || page.index < request.indexMin)
      throw new QueueError("MALFORMED_FRAME", `a page of cluster ${page.clusterId} at index ${page.index} says nothing here`);
    this.#index = page.index;
    return page;
  }
}
