import { assert, must } from "../../base/assert.ts";
import type { Address, Connection, ConnectionReader } from "../../io/network.ts";
import type { SimNetwork } from "./network.ts";
import type { SimProcess } from "./process.ts";

const SHARED_BUFFER_BYTES = 64 * 1024;

export type LinkEnd = Readonly<{ process: SimProcess; local: Address; remote: Address }>;

/** One connection: its two ends, and what happens to both. */
export class SimLink {
  readonly network: SimNetwork;
  readonly left: SimConnection;
  readonly right: SimConnection;
  #silent = false;

  constructor(network: SimNetwork, left: LinkEnd, right: LinkEnd) {
    this.network = network;
    this.left = new SimConnection(this, left);
    this.right = new SimConnection(this, right);
    for (const end of [this.left, this.right]) end.process.onCrash(() => this.#processDied(end));
  }

  get isSilent(): boolean {
    return this.#silent;
  }

  otherEnd(end: SimConnection): SimConnection {
    return end === this.left ? this.right : this.left;
  }

  /** Both ends learn of it, each after a delay. */
  reset(): void {
    for (const end of [this.left, this.right]) this.#resetLater(end);
  }

  /** From now on nothing arrives any more, and nobody is told: a cable is cut, a machine is gone. */
  silence(): void {
    this.#silent = true;
  }

  endClosed(): void {
    if (this.left.isClosed && this.right.isClosed) this.network.links.delete(this);
  }

  /** The other end closed without reading everything, or was killed. */
  resetOther(end: SimConnection): void {
    this.#resetLater(this.otherEnd(end));
  }

  #resetLater(end: SimConnection): void {
    if (this.#silent) return;
    end.process.after(this.network.random.withinMs(this.network.faults.delayMs), () => end.close("reset by the peer"));
  }

  #processDied(end: SimConnection): void {
    if (end.isClosed) return;
    end.markClosed();
    if (this.network.random.chance(this.network.faults.silentCrashRatio)) this.silence();
    else this.resetOther(end);
  }
}

/** Bytes on the way in one direction: taken from the sender by its kernel, not yet read. */
type Segment = { readonly bytes: Uint8Array; read: number; readonly arriveAtMs: number; readonly isEnd: boolean };

/** One end. The direction towards it lies in `#incoming`. */
export class SimConnection implements Connection {
  readonly process: SimProcess;
  readonly remote: Address;
  readonly local: Address;
  readonly #link: SimLink;
  readonly #shared = new Uint8Array(SHARED_BUFFER_BYTES);
  #reader: ConnectionReader | undefined;
  /** Given to `write`, not yet taken by the kernel. The caller's memory, not a copy. */
  #outgoing: Uint8Array[] = [];
  #pendingBytes = 0;
  #incoming: Segment[] = [];
  #incomingBytes = 0;
  #lastArrivalMs = 0;
  #readScheduled = false;
  #paused = false;
  #ending = false;
  #endSent = false;
  #endReceived = false;
  #closed = false;
  #closeReason: string | undefined;

  constructor(link: SimLink, end: LinkEnd) {
    this.#link = link;
    this.process = end.process;
    this.local = end.local;
    this.remote = end.remote;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  start(reader: ConnectionReader): void {
    assert(this.#reader === undefined, "a connection is started once");
    this.#reader = reader;
    if (this.#closed) this.process.after(0, () => reader.closed(this.#closeReason));
    else this.#scheduleRead();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleRead();
  }

  write(pieces: readonly Uint8Array[]): void {
    assert(!this.#ending, "nothing is written after end()");
    if (this.#closed) return;
    for (const piece of pieces) {
      if (piece.byteLength === 0) continue;
      this.#outgoing.push(piece);
      this.#pendingBytes += piece.byteLength;
    }
    this.#send();
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#send();
  }

  destroy(): void {
    if (this.#closed) return;
    // As a kernel does: unread bytes make it a reset, else it is an ordinary end.
    if (this.#incomingBytes > 0) this.#link.resetOther(this);
    else if (!this.#endSent) this.#link.otherEnd(this).#arrive(new Uint8Array(0), true);
    this.markClosed();
    this.process.after(0, () => this.#reader?.closed(undefined));
  }

  /** Tells the reader, in this turn. */
  close(reason: string | undefined): void {
    if (this.#closed) return;
    this.#closeReason = reason;
    this.markClosed();
    this.#reader?.closed(reason);
  }

  markClosed(): void {
    this.#closed = true;
    this.#outgoing = [];
    this.#pendingBytes = 0;
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#link.endClosed();
  }

  /** The kernel takes what the window allows. */
  #send(): void {
    const peer = this.#link.otherEnd(this);
    while (this.#outgoing.length > 0 && peer.#incomingBytes < this.#link.network.faults.windowBytes) {
      const segment = this.#takeOutgoing(this.#link.network.faults.windowBytes - peer.#incomingBytes);
      this.#pendingBytes -= segment.byteLength;
      peer.#arrive(segment, false);
    }
    if (!this.#ending || this.#pendingBytes > 0 || this.#endSent) return;
    this.#endSent = true;
    peer.#arrive(new Uint8Array(0), true);
    if (this.#endReceived) this.process.after(0, () => this.close(undefined));
  }

  /** As many bytes as there are, at most `room`: a copy, in one segment as a gathering write makes it. */
  #takeOutgoing(room: number): Uint8Array {
    const segment = new Uint8Array(Math.min(this.#pendingBytes, room));
    for (let filled = 0; filled < segment.byteLength; ) {
      const piece = must(this.#outgoing[0], "outgoing piece");
      const count = Math.min(piece.byteLength, segment.byteLength - filled);
      segment.set(piece.subarray(0, count), filled);
      filled += count;
      if (count === piece.byteLength) this.#outgoing.shift();
      else this.#outgoing[0] = piece.subarray(count);
    }
    return segment;
  }

  #arrive(bytes: Uint8Array, isEnd: boolean): void {
    const { network } = this.#link;
    if (network.random.chance(network.faults.silenceRatio)) this.#link.silence();
    if (network.random.chance(network.faults.resetRatio)) this.#link.reset();
    if (this.#closed) {
      // Nobody is there any more: the peer's kernel answers with a reset.
      if (!isEnd) this.#link.resetOther(this);
      return;
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, network.world.nowMs + network.random.withinMs(network.faults.delayMs));
    this.#incoming.push({ bytes, read: 0, arriveAtMs: this.#lastArrivalMs, isEnd });
    this.#incomingBytes += bytes.byteLength;
    this.#scheduleRead();
  }

  #scheduleRead(): void {
    const [segment] = this.#incoming;
    if (this.#readScheduled || this.#paused || this.#reader === undefined || segment === undefined) return;
    this.#readScheduled = true;
    this.process.at(Math.max(segment.arriveAtMs, this.process.world.nowMs), () => {
      this.#readScheduled = false;
      if (this.#closed || this.#paused || this.#link.isSilent) return;
      this.#read(must(this.#incoming[0], "incoming segment"));
      this.#scheduleRead();
    });
  }

  /** One piece of random size to the reader, then room for the sender. */
  #read(segment: Segment): void {
    const { network } = this.#link;
    const reader = must(this.#reader, "reader");
    if (segment.isEnd) return this.#readEnd(reader);
    const target = reader.target() ?? this.#shared;
    assert(target.byteLength > 0, "a target has room");
    const [low, high] = network.faults.chopBytes;
    const count = Math.min(segment.bytes.byteLength - segment.read, target.byteLength, network.random.between(low, high));
    target.set(segment.bytes.subarray(segment.read, segment.read + count));
    segment.read += count;
    this.#incomingBytes -= count;
    if (segment.read === segment.bytes.byteLength) this.#incoming.shift();
    network.world.trace.number(count);
    reader.bytes(target.subarray(0, count));
    if (target === this.#shared) this.#shared.fill(0xee, 0, count); // the contents were valid within `bytes` only
    const peer = this.#link.otherEnd(this);
    if (peer.#pendingBytes > 0) peer.process.after(network.random.withinMs(network.faults.delayMs), () => peer.#sendOn());
  }

  #readEnd(reader: ConnectionReader): void {
    this.#incoming.shift();
    this.#endReceived = true;
    reader.ended();
    if (this.#endSent) this.process.after(0, () => this.close(undefined));
  }

  /** The window opened. */
  #sendOn(): void {
    if (this.#closed || this.#pendingBytes === 0) return;
    this.#send();
    if (this.#pendingBytes === 0) this.#reader?.drained();
  }
}
