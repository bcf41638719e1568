import { crc32c } from "@tidemq/protocol/crc32c.ts";
import { assert } from "../../base/assert.ts";
import type { Timer } from "../../io/clock.ts";
import type { PeerBudget } from "../../io/peer-call.ts";
import { errorOf, outcomeOf, PEER_OK, PeerError, type PeerOutcome } from "../../io/peer-error.ts";
import type { PeerLimits } from "../../io/peer-limits.ts";
import type { PeerIdentity, PeerMessage, PeerStream, PeerStreamReader } from "../../io/peer-transport.ts";
import type { PeerFrame } from "./peer-link.ts";
import type { SimProcess } from "./process.ts";

/** As the real one has them: before each message. */
const PREFIX_BYTES = 5;

export type SimStreamParts = Readonly<{
  id: number;
  process: SimProcess;
  limits: PeerLimits;
  peer: PeerIdentity;
  counts: { sentBytes: number; receivedBytes: number; pendingBytes: number };
  /** Of the serving side; the calling side has none. */
  budget: PeerBudget | undefined;
  write: (frame: PeerFrame) => void;
  onOver: () => void;
}>;

type Outgoing = Readonly<{ message: PeerMessage; bytes: number; sum: number }>;
type Incoming = Readonly<{ bytes: Uint8Array }> | Readonly<{ end: PeerOutcome | undefined }>;

/** One end of a stream between simulated peers. */
export class SimPeerStream implements PeerStream {
  readonly #parts: SimStreamParts;
  readonly #isServing: boolean;
  #reader: PeerStreamReader | undefined;
  #outgoing: Outgoing[] = [];
  #incoming: Incoming[] = [];
  #pendingBytes = 0;
  /** Sent, and not yet taken by the other side's reader. */
  #untakenBytes = 0;
  /** Of a message larger than the window: what pends until the reader takes it. */
  #heldBackBytes = 0;
  #isFlushing = false;
  #isDelivering = false;
  #isPaused = false;
  #end: { readonly outcome: PeerOutcome | undefined; isSent: boolean } | undefined;
  #isOver = false;
  #deadline: Timer | undefined;

  constructor(parts: SimStreamParts) {
    this.#parts = parts;
    this.#isServing = parts.budget !== undefined;
  }

  get peer(): PeerIdentity {
    return this.#parts.peer;
  }

  get pendingBytes(): number {
    return this.#isOver ? Number.POSITIVE_INFINITY : this.#pendingBytes;
  }

  begin(reader: PeerStreamReader, deadlineMs: number | undefined): void {
    this.#reader = reader;
    if (deadlineMs === undefined || this.#isOver) return;
    const late = (): void => this.#fail(new PeerError("deadline", `no end within ${deadlineMs} ms`));
    this.#deadline = this.#parts.process.clock.after(deadlineMs, late);
  }

  send(message: PeerMessage): void {
    assert(this.#end === undefined || this.#isOver, "nothing is sent after end()");
    if (this.#isOver) return;
    const { messageBytesMax, pendingBytesMax } = this.#parts.limits;
    const bytes = Buffer.concat(message);
    if (bytes.length > messageBytesMax) throw new PeerError("too-large", `a message of ${bytes.length} bytes`);
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes.length > pendingBytesMax)
      throw new PeerError("overloaded", `${this.#pendingBytes} bytes pend`);
    this.#outgoing.push({ message, bytes: bytes.length, sum: crc32c(bytes) });
    this.#pend(bytes.length + PREFIX_BYTES);
    this.#parts.counts.sentBytes += bytes.length + PREFIX_BYTES;
    this.#flushLater();
  }

  end(error?: unknown): void {
    if (this.#end !== undefined || this.#isOver) return;
    const outcome = this.#isServing ? (error === undefined ? PEER_OK : outcomeOf(error)) : undefined;
    this.#end = { outcome, isSent: false };
    this.#flushLater();
  }

  cancel(): void {
    this.#fail(new PeerError("cancelled", "cancelled on this side"));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#parts.process.clock.nextTurn(() => this.#deliver());
  }

  receive(frame: PeerFrame): void {
    if (this.#isOver) return;
    switch (frame.kind) {
      case "message":
        return this.#arrived(frame.bytes);
      case "end":
        this.#incoming.push({ end: frame.outcome });
        return this.#deliver();
      case "reset":
        return this.#finish(new PeerError("cancelled", "cancelled by the peer"));
      case "credit":
        this.#untakenBytes -= frame.bytes;
        this.#flush();
        return;
      default:
        return;
    }
  }

  /** The connection is over. A server that has said its last word does not mind. */
  lost(): void {
    this.#finish(this.#isServing && this.#end?.isSent === true ? undefined : new PeerError("lost", "the connection broke"));
  }

  #arrived(bytes: Uint8Array): void {
    this.#parts.counts.receivedBytes += bytes.byteLength + PREFIX_BYTES;
    if (this.#end !== undefined && this.#isServing) return;
    if (bytes.byteLength > this.#parts.limits.messageBytesMax)
      return this.#fail(new PeerError("too-large", `a message of ${bytes.byteLength} bytes`));
    if (this.#parts.budget?.take(bytes.byteLength) === false)
      return this.#fail(new PeerError("overloaded", "too many bytes of requests are in flight"));
    this.#incoming.push({ bytes });
    this.#deliver();
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (!this.#isPaused && !this.#isOver) {
      const next = this.#incoming.shift();
      if (next === undefined) break;
      if ("bytes" in next) this.#deliverMessage(next.bytes);
      else this.#deliverEnd(next.end);
    }
    this.#isDelivering = false;
  }

  #deliverMessage(bytes: Uint8Array): void {
    this.#parts.budget?.give(bytes.byteLength);
    this.#parts.write({ kind: "credit", stream: this.#parts.id, bytes: bytes.byteLength });
    if (this.#end === undefined || !this.#isServing) this.#reader?.message(bytes);
    // Whoever kept it all the same reads what no sender wrote.
    if (this.#reader?.isLent === true) bytes.fill(0xdb);
  }

  #deliverEnd(outcome: PeerOutcome | undefined): void {
    if (outcome !== undefined) this.#finish(errorOf(outcome));
    else if (this.#end === undefined) this.#reader?.ended();
  }

  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#parts.process.clock.nextTurn(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  /** What the window of the other side allows; one message always. */
  #flush(): void {
    if (this.#isOver) return;
    const before = this.#pendingBytes;
    if (this.#untakenBytes === 0) this.#passHeldBack();
    for (let next = this.#outgoing[0]; next !== undefined; next = this.#outgoing[0]) {
      if (this.#untakenBytes > 0 && this.#untakenBytes + next.bytes > this.#parts.limits.windowBytes) break;
      this.#outgoing.shift();
      this.#pass(next);
    }
    if (before > 0 && this.#pendingBytes === 0) this.#reader?.drained();
    if (this.#pendingBytes === 0) this.#passEnd();
  }

  #pass({ message, bytes, sum }: Outgoing): void {
    const copy = Uint8Array.from(Buffer.concat(message));
    assert(crc32c(copy) === sum, "a message changed while it was pending");
    this.#untakenBytes += bytes;
    this.#heldBackBytes = Math.max(0, bytes - this.#parts.limits.windowBytes);
    this.#pend(this.#heldBackBytes - bytes - PREFIX_BYTES);
    this.#parts.write({ kind: "message", stream: this.#parts.id, bytes: copy });
  }

  #passHeldBack(): void {
    this.#pend(-this.#heldBackBytes);
    this.#heldBackBytes = 0;
  }

  #passEnd(): void {
    if (this.#end === undefined || this.#end.isSent || this.#isOver) return;
    this.#end.isSent = true;
    this.#parts.write({ kind: "end", stream: this.#parts.id, outcome: this.#end.outcome });
    if (this.#isServing) this.#parts.process.clock.nextTurn(() => this.#finish(undefined));
  }

  /** Gives up. A caller is told why, unless somebody cancelled. */
  #fail(error: PeerError): void {
    if (this.#isOver) return;
    this.#stop();
    const isTold = this.#isServing && this.#end === undefined && error.code !== "cancelled";
    const stream = this.#parts.id;
    this.#parts.write(isTold ? { kind: "end", stream, outcome: outcomeOf(error) } : { kind: "reset", stream });
    this.#parts.process.clock.nextTurn(() => this.#reader?.closed(error));
  }

  #finish(error: PeerError | undefined): void {
    if (this.#isOver) return;
    this.#stop();
    this.#reader?.closed(error);
  }

  #pend(bytes: number): void {
    this.#pendingBytes += bytes;
    this.#parts.counts.pendingBytes += bytes;
  }

  #stop(): void {
    this.#isOver = true;
    this.#pend(-this.#pendingBytes);
    this.#outgoing = [];
    for (const one of this.#incoming) if ("bytes" in one) this.#parts.budget?.give(one.bytes.byteLength);
    this.#incoming = [];
    this.#deadline?.cancel();
    this.#parts.onOver();
  }
}
