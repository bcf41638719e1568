import type { PeerOutcome } from "../../io/peer-error.ts";
import type { SimPeerNetwork } from "./peer-transport.ts";
import type { SimProcess } from "./process.ts";

/** What one end tells the other about a stream, or about the connection. */
export type PeerFrame =
  | Readonly<{ kind: "open"; stream: number; path: string; deadlineMs: number | undefined }>
  | Readonly<{ kind: "message"; stream: number; bytes: Uint8Array }>
  /** Of the serving side with its outcome, of the calling side without. */
  | Readonly<{ kind: "end"; stream: number; outcome: PeerOutcome | undefined }>
  | Readonly<{ kind: "reset"; stream: number }>
  /** The reader has taken so many bytes. */
  | Readonly<{ kind: "credit"; stream: number; bytes: number }>
  | Readonly<{ kind: "ping" }>
  | Readonly<{ kind: "pong" }>
  | Readonly<{ kind: "gone" }>;

/** One end of a connection, in its process. */
export interface PeerLinkEnd {
  readonly process: SimProcess;
  readonly host: string;
  receive(frame: PeerFrame): void;
  /** The connection is over. More than once: no effect. */
  lost(): void;
}

/** Frames on their way to one end, in order. */
class Direction {
  readonly to: PeerLinkEnd;
  readonly fromHost: string;
  readonly frames: { readonly frame: PeerFrame; readonly arriveAtMs: number }[] = [];
  lastArrivalMs = 0;
  isScheduled = false;

  constructor(to: PeerLinkEnd, fromHost: string) {
    this.to = to;
    this.fromHost = fromHost;
  }
}

/** One connection between two processes: its two directions, and what happens to both. */
export class SimPeerLink {
  readonly #network: SimPeerNetwork;
  readonly #directions: readonly Direction[];
  #isSilent = false;

  constructor(network: SimPeerNetwork, left: PeerLinkEnd, right: PeerLinkEnd) {
    this.#network = network;
    this.#directions = [new Direction(left, right.host), new Direction(right, left.host)];
    for (const end of [left, right]) end.process.onCrash(() => this.#crashed(end));
  }

  send(from: PeerLinkEnd, frame: PeerFrame): void {
    const { random, faults } = this.#network;
    if (random.chance(faults.silenceRatio)) this.silence();
    if (random.chance(faults.resetRatio)) this.reset();
    if (frame.kind === "message") faults.damage?.(from.host, this.#otherEnd(from).host, frame.bytes);
    this.#push(from, frame);
  }

  /** This end is over: the other one learns of it behind what was sent before. */
  closeFrom(end: PeerLinkEnd): void {
    this.#push(end, { kind: "gone" });
    this.#network.links.delete(this);
  }

  /** Both ends learn of it, each after a delay; what is on its way is lost. */
  reset(): void {
    for (const direction of this.#directions) direction.frames.length = 0;
    for (const { to } of this.#directions) this.#push(this.#otherEnd(to), { kind: "gone" });
    this.#network.links.delete(this);
  }

  isOf(host: string): boolean {
    return this.#directions.some(({ fromHost }) => fromHost === host);
  }

  /** From now on nothing arrives any more, and nobody is told. */
  silence(): void {
    this.#isSilent = true;
  }

  /** A partition has healed. */
  goOn(): void {
    for (const direction of this.#directions) this.#pump(direction);
  }

  #crashed(end: PeerLinkEnd): void {
    if (this.#network.random.chance(this.#network.faults.silentCrashRatio)) this.silence();
    else this.closeFrom(end);
  }

  #push(from: PeerLinkEnd, frame: PeerFrame): void {
    if (this.#isSilent) return;
    const { world, random, faults } = this.#network;
    for (const direction of this.#directions) {
      if (direction.to === from) continue;
      direction.lastArrivalMs = Math.max(direction.lastArrivalMs, world.nowMs + random.withinMs(faults.delayMs));
      direction.frames.push({ frame, arriveAtMs: direction.lastArrivalMs });
      this.#pump(direction);
    }
  }

  /** One frame an event. Behind a partition frames wait, as a kernel sends them again and again. */
  #pump(direction: Direction): void {
    const [next] = direction.frames;
    if (next === undefined || direction.isScheduled || this.#network.isCut(direction.fromHost, direction.to.host)) return;
    direction.isScheduled = true;
    const { process } = direction.to;
    process.at(Math.max(next.arriveAtMs, process.world.nowMs), () => {
      direction.isScheduled = false;
      if (this.#isSilent) return;
      if (!this.#network.isCut(direction.fromHost, direction.to.host)) this.#deliver(direction);
      this.#pump(direction);
    });
  }

  #deliver(direction: Direction): void {
    const arrived = direction.frames.shift();
    if (arrived === undefined) return;
    this.#network.world.trace.text(`peer ${direction.to.host} ${arrived.frame.kind}`);
    if (arrived.frame.kind === "gone") direction.to.lost();
    else direction.to.receive(arrived.frame);
  }

  #otherEnd(end: PeerLinkEnd): PeerLinkEnd {
    return (this.#directions[0]?.to === end ? this.#directions[1] : this.#directions[0])?.to as PeerLinkEnd;
  }
}
