import { QueueError } from "../base/errors.ts";
import type { Address } from "../io/network.ts";
import { PEERS_MAX } from "./limits.ts";
import { Peer, type PeerHealth, type PeerParts } from "./peer.ts";

/** The peers of this process, by the id of their node. They come and go at run time; none is connected before it is needed. */
export class Peers {
  readonly #parts: PeerParts;
  readonly #peers = new Map<number, Peer>();

  constructor(parts: PeerParts) {
    this.#parts = parts;
  }

  /** The same peer again when nothing changed; at another address it is another one, and what was open is cut. */
  register(id: number, address: Address): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined && known.address.host === address.host && known.address.port === address.port) return known;
    if (known === undefined && this.#peers.size >= PEERS_MAX) throw new QueueError("OVERLOADED", `${PEERS_MAX} peers are registered`);
    known?.remove();
    const peer = new Peer(id, address, this.#parts);
    this.#peers.set(id, peer);
    return peer;
  }

  /** Cuts what is open. No error when there is none of this id. */
  remove(id: number): void {
    this.#peers.get(id)?.remove();
    this.#peers.delete(id);
  }

  get(id: number): Peer | undefined {
    return this.#peers.get(id);
  }

  /** By id. */
  health(): readonly PeerHealth[] {
    return [...this.#peers.values()].sort((a, b) => a.id - b.id).map((peer) => peer.health);
  }

  close(): void {
    for (const id of [...this.#peers.keys()]) this.remove(id);
  }
}
