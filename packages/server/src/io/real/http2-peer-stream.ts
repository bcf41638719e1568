import type http2 from "node:http2";
import { assert } from "../../base/assert.ts";
import type { Clock, Timer } from "../clock.ts";
import type { PeerBudget } from "../peer-call.ts";
import { PeerError } from "../peer-error.ts";
import type { PeerLimits } from "../peer-limits.ts";
import type { PeerIdentity, PeerMessage, PeerStream, PeerStreamReader } from "../peer-transport.ts";
import { framed, MessageSplitter, messageBytes, PREFIX_BYTES } from "./grpc-framing.ts";
import type { MessagePool } from "./message-pool.ts";

/** Of all streams of a connection. */
export type PeerByteCounts = { sentBytes: number; receivedBytes: number; pendingBytes: number };

/** What the streams of a connection share. */
export type PeerStreamParts = Readonly<{
  clock: Clock;
  limits: PeerLimits;
  peer: PeerIdentity;
  counts: PeerByteCounts;
  /** Of what arrives and is not whole; undefined: only the message's limit counts. */
  budget: PeerBudget | undefined;
  /** Of the calling side: whom it calls it trusts with the length of a message that is still to come. */
  pool: MessagePool | undefined;
  /** A stream that closes because of this says nothing about itself. */
  isConnectionLost: () => boolean;
}>;

/**
 * One end of a gRPC stream over HTTP/2: framing, back-pressure and the order of events. How an end is told to the other side
 * is what the calling and the serving side differ in.
 */
export abstract class Http2PeerStream implements PeerStream {
  protected readonly raw: http2.Http2Stream;
  protected readonly parts: PeerStreamParts;
  #splitter: MessageSplitter;
  #reader: PeerStreamReader | undefined;
  #pendingBytes = 0;
  #budgetedBytes = 0;
  #isPaused = false;
  #isDelivering = false;
  #isEnding = false;
  #isOver = false;
  #hasEnd = false;
  #deadline: Timer | undefined;

  protected constructor(raw: http2.Http2Stream, parts: PeerStreamParts) {
    this.raw = raw;
    this.parts = parts;
    this.#splitter = new MessageSplitter(parts.limits.messageBytesMax);
  }

  /** A message is about to be written. */
  protected abstract beforeSend(): void;
  /** Everything that arrived is delivered, and nothing more comes. */
  protected abstract atEnd(reader: PeerStreamReader): void;
  /** Nothing that happens to the stream changes its end any more. */
  protected abstract isEndKnown(): boolean;
  /** Tells the other side that nothing more comes. */
  protected abstract writeEnd(error: unknown): void;
  /** Tells the other side that this one gives up. */
  protected abstract writeFailure(error: PeerError): void;
  /** The stream is gone, with whatever the other side said. */
  protected abstract atClose(): PeerError | undefined;

  get peer(): PeerIdentity {
    return this.parts.peer;
  }

  get pendingBytes(): number {
    return this.#isGone() ? Number.POSITIVE_INFINITY : this.#pendingBytes;
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  protected get isEnding(): boolean {
    return this.#isEnding;
  }

  /** The other side has ended, and its last message was whole. */
  protected get endedCleanly(): boolean {
    return this.#hasEnd && this.#splitter.isBetween;
  }

  send(message: PeerMessage): void {
    assert(!this.#isEnding || this.#isOver, "nothing is sent after end()");
    if (this.#isGone()) return;
    const { messageBytesMax, pendingBytesMax } = this.parts.limits;
    const bytes = messageBytes(message);
    if (bytes > messageBytesMax) throw new PeerError("too-large", `a message of ${bytes} bytes, at most ${messageBytesMax} are sent`);
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > pendingBytesMax)
      throw new PeerError("overloaded", `${this.#pendingBytes} bytes pend, at most ${pendingBytesMax} may`);
    this.beforeSend();
    this.#write(framed(message, bytes), bytes + PREFIX_BYTES);
  }

  end(error?: unknown): void {
    if (this.#isEnding || this.#isOver) return;
    this.#isEnding = true;
    this.writeEnd(error);
  }

  cancel(): void {
    this.fail(new PeerError("cancelled", "cancelled on this side"));
  }

  pause(): void {
    this.#isPaused = true;
    this.raw.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.parts.clock.nextTurn(() => this.#goOn());
  }

  /** From now on the reader is told. */
  protected begin(reader: PeerStreamReader, deadlineMs: number | undefined): void {
    this.#reader = reader;
    const { raw, parts } = this;
    if (reader.isLent === true) this.#splitter = new MessageSplitter(parts.limits.messageBytesMax, parts.pool);
    raw.on("data", (chunk: Buffer) => this.#arrived(chunk));
    raw.on("end", () => this.#ended());
    raw.on("aborted", () => this.parts.clock.nextTurn(() => this.#aborted()));
    raw.on("close", () => this.#rawClosed());
    if (deadlineMs !== undefined)
      this.#deadline = this.parts.clock.after(deadlineMs, () => this.fail(new PeerError("deadline", `no end within ${deadlineMs} ms`)));
    if (this.#isPaused) raw.pause();
  }

  /** Gives up: both directions end now, the reader hears of it in a later turn. */
  protected fail(error: PeerError): void {
    if (this.#isOver) return;
    this.#stop();
    this.writeFailure(error);
    this.parts.clock.nextTurn(() => this.#reader?.closed(error));
  }

  /** The stream is over, and the reader hears of it now. */
  protected finish(error: PeerError | undefined): void {
    if (this.#isOver) return;
    this.#stop();
    this.#reader?.closed(error);
  }

  /** Nothing that still arrives is looked at. */
  protected discard(): void {
    this.#isPaused = false;
    this.raw.resume();
  }

  #stop(): void {
    this.#isOver = true;
    this.parts.counts.pendingBytes -= this.#pendingBytes;
    this.#pendingBytes = 0;
    this.#deadline?.cancel();
    this.#budget(0);
  }

  #write(pieces: readonly Uint8Array[], bytes: number): void {
    this.#pendingBytes += bytes;
    this.parts.counts.pendingBytes += bytes;
    this.parts.counts.sentBytes += bytes;
    const last = pieces.length - 1;
    this.raw.cork();
    pieces.forEach((piece, at) => this.raw.write(piece, at === last ? () => this.#written(bytes) : undefined));
    this.raw.uncork();
  }

  #written(bytes: number): void {
    if (this.#isOver) return;
    this.#pendingBytes -= bytes;
    this.parts.counts.pendingBytes -= bytes;
    if (this.#pendingBytes === 0) this.#reader?.drained();
  }

  #arrived(chunk: Buffer): void {
    if (this.#isOver || this.isEndedHere()) return;
    this.parts.counts.receivedBytes += chunk.length;
    this.#splitter.push(chunk);
    this.#deliver();
    if (!this.#budget(this.#splitter.heldBytes)) this.fail(new PeerError("overloaded", "too many bytes of requests are in flight"));
  }

  /** The serving side hears nothing more once it has ended. */
  protected isEndedHere(): boolean {
    return false;
  }

  /** Whole messages, until the reader pauses; within one it may pause, send, end or cancel. */
  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (!this.#isPaused && !this.#isOver && !this.isEndedHere()) {
        const message = this.#splitter.next();
        if (message === undefined) break;
        this.#budget(this.#splitter.heldBytes);
        this.#reader?.message(message);
        this.#splitter.giveBack();
      }
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.fail(error);
    } finally {
      this.#isDelivering = false;
    }
  }

  #goOn(): void {
    if (this.#isPaused || this.#isOver) return;
    this.#deliver();
    this.#budget(this.#isOver ? 0 : this.#splitter.heldBytes);
    if (!this.#isPaused && !this.#isOver) this.raw.resume();
    if (this.#hasEnd) this.#ended();
  }

  /** Also when the runtime has not said so yet. */
  #isGone(): boolean {
    return this.#isOver || this.raw.destroyed || this.raw.closed;
  }

  /** Reset by the other side: the runtime waits for a reader that may be paused, and for an end that cannot be written any more. */
  #aborted(): void {
    if (this.isEndKnown()) return;
    this.finish(this.atClose());
    this.raw.destroy();
  }

  #rawClosed(): void {
    // A paused reader hears of a known end behind the messages that it has not taken yet.
    if (this.#isPaused && this.#hasEnd && this.isEndKnown()) return;
    this.finish(this.atClose());
  }

  #ended(): void {
    // A stream that was reset ends, too; its close says what happened.
    if (this.raw.aborted && !this.isEndKnown()) return;
    this.#hasEnd = true;
    if (this.#isPaused || this.#isOver || this.#reader === undefined) return;
    this.atEnd(this.#reader);
  }

  /** False: there is no room for so much. */
  #budget(bytes: number): boolean {
    const more = bytes - this.#budgetedBytes;
    const { budget } = this.parts;
    if (budget === undefined || more === 0) return true;
    if (more > 0 && !budget.take(more)) return false;
    if (more < 0) budget.give(-more);
    this.#budgetedBytes = bytes;
    return true;
  }
}
