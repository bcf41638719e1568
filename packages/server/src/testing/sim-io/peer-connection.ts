import { InvariantViolation, must } from "../../base/assert.ts";
import type { Address } from "../../io/network.ts";
import { callOver, type PeerBudget, serveCall } from "../../io/peer-call.ts";
import { PeerError } from "../../io/peer-error.ts";
import { PeerKeepAlive } from "../../io/peer-keep-alive.ts";
import type { PeerLimits } from "../../io/peer-limits.ts";
import type { PeerConnection, PeerIdentity, PeerMessage, PeerServices, PeerStream, StreamHandler } from "../../io/peer-transport.ts";
import { refusedStream } from "../../io/refused-stream.ts";
import type { PeerFrame, PeerLinkEnd, SimPeerLink } from "./peer-link.ts";
import { SimPeerStream } from "./peer-stream.ts";
import type { SimProcess } from "./process.ts";

/** A kernel takes so much at once, and it does not pend any more: a dead line with a few small messages on it is no busy one. */
const SOCKET_BUFFER_BYTES = 64 * 1024;

/** What both ends of a connection have. */
abstract class SimPeerEnd implements PeerLinkEnd {
  readonly process: SimProcess;
  readonly host: string;
  readonly peer: PeerIdentity;
  readonly counts = { sentBytes: 0, receivedBytes: 0, pendingBytes: 0 };
  protected readonly limits: PeerLimits;
  protected readonly streams = new Map<number, SimPeerStream>();
  protected readonly keepAlive: PeerKeepAlive;
  #link: SimPeerLink | undefined;
  #isClosed = false;
  #answered: (() => void) | undefined;

  constructor(process: SimProcess, host: string, peer: PeerIdentity, limits: PeerLimits) {
    this.process = process;
    this.host = host;
    this.peer = peer;
    this.limits = limits;
    const ping = (answered: () => void): void => {
      this.#answered = answered;
      this.write({ kind: "ping" });
    };
    this.keepAlive = new PeerKeepAlive(process.clock, limits.pingMs, {
      ping,
      receivedBytes: () => this.counts.receivedBytes,
      pendingBytes: () => Math.max(0, this.counts.pendingBytes - SOCKET_BUFFER_BYTES),
      silent: () => this.cut(),
    });
  }

  protected abstract opened(id: number, path: string, deadlineMs: number | undefined): void;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  attach(link: SimPeerLink): void {
    this.#link = link;
  }

  receive(frame: PeerFrame): void {
    if (this.#isClosed) return;
    if (frame.kind === "ping") return this.write({ kind: "pong" });
    if (frame.kind === "pong") return this.#answered?.();
    if (frame.kind === "open") return this.opened(frame.stream, frame.path, frame.deadlineMs);
    if (frame.kind !== "gone") this.streams.get(frame.stream)?.receive(frame);
  }

  lost(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.keepAlive.stop();
    for (const stream of [...this.streams.values()]) stream.lost();
    this.closed();
  }

  /** Ends the connection from here. */
  cut(): void {
    if (this.#isClosed) return;
    this.#link?.closeFrom(this);
    this.lost();
  }

  protected closed(): void {}

  protected makeStream(id: number, budget: PeerBudget | undefined): SimPeerStream {
    const { process, limits, peer, counts } = this;
    const write = (frame: PeerFrame): void => this.write(frame);
    const onOver = (): void => void this.streams.delete(id);
    const stream = new SimPeerStream({ id, process, limits, peer, counts, budget, write, onOver });
    this.streams.set(id, stream);
    return stream;
  }

  protected write(frame: PeerFrame): void {
    if (!this.#isClosed) must(this.#link, "link").send(this, frame);
  }
}

/** The calling end. */
export class SimPeerConnection extends SimPeerEnd implements PeerConnection {
  readonly #streamsMax: number;
  readonly #onClosed: (() => void)[] = [];
  #streamNumber = 0;

  constructor(process: SimProcess, host: string, peer: PeerIdentity, limits: PeerLimits, streamsMax: number) {
    super(process, host, peer, limits);
    this.#streamsMax = Math.min(limits.streamsMax, streamsMax);
  }

  get sentBytes(): number {
    return this.counts.sentBytes;
  }

  get receivedBytes(): number {
    return this.counts.receivedBytes;
  }

  get rttMs(): number | undefined {
    return this.keepAlive.rttMs;
  }

  call(path: string, request: PeerMessage, deadlineMs: number): Promise<Uint8Array> {
    const withinMs = Math.min(deadlineMs, this.limits.callMsMax);
    return callOver((to, accept, ms) => this.open(to, accept, ms), path, request, withinMs);
  }

  open(path: string, accept: StreamHandler, deadlineMs?: number): PeerStream {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusedStream(this.process.clock, this.peer, accept, refusal);
    this.#streamNumber += 1;
    this.write({ kind: "open", stream: this.#streamNumber, path, deadlineMs });
    const stream = this.makeStream(this.#streamNumber, undefined);
    stream.begin(accept(stream), deadlineMs);
    return stream;
  }

  onClosed(run: () => void): void {
    if (this.isClosed) this.process.clock.nextTurn(run);
    else this.#onClosed.push(run);
  }

  close(): void {
    for (const stream of [...this.streams.values()]) stream.cancel();
    this.cut();
  }

  protected override opened(): void {}

  protected override closed(): void {
    for (const run of this.#onClosed.splice(0)) this.process.clock.nextTurn(run);
  }

  #refusal(): PeerError | undefined {
    if (this.isClosed) return new PeerError("unavailable", "the connection is closed");
    return this.streams.size < this.#streamsMax ? undefined : new PeerError("overloaded", `${this.#streamsMax} streams are open`);
  }
}

/** The serving end. */
export class SimServedConnection extends SimPeerEnd {
  readonly #services: PeerServices;
  readonly #budget: PeerBudget;

  constructor(
    process: SimProcess,
    at: Address,
    peer: PeerIdentity,
    limits: PeerLimits,
    serving: Readonly<{ services: PeerServices; budget: PeerBudget }>,
  ) {
    super(process, at.host, peer, limits);
    this.#services = serving.services;
    this.#budget = serving.budget;
  }

  protected override opened(id: number, path: string, deadlineMs: number | undefined): void {
    if (this.streams.size >= this.limits.streamsMax) return this.write({ kind: "reset", stream: id });
    const call = this.#services.calls.get(path);
    const handler = call === undefined ? this.#services.streams.get(path) : (served: PeerStream) => serveCall(served, call, this.#budget);
    const stream = this.makeStream(id, this.#budget);
    try {
      if (handler === undefined) throw new PeerError("unknown-path", `nothing is served at ${path}`);
      const { callMsMax } = this.limits;
      stream.begin(handler(stream), call === undefined ? deadlineMs : Math.min(deadlineMs ?? callMsMax, callMsMax));
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      stream.end(error);
    }
  }
}
