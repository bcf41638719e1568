import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../io/clock.ts";
import type { Address, Connection, ConnectionReader } from "../io/network.ts";
import type { Hold } from "../model/record-slices.ts";
import type { Log } from "../telemetry/log.ts";
import { AnswerSlots } from "./answer-slots.ts";
import type { ByteBudget, ByteCount, RoomWaiter } from "./byte-budget.ts";
import type { CutOffLog } from "./cut-off-log.ts";
import type { FrameHandler, PendingRequest } from "./frame-handler.ts";
import { FrameInput } from "./frame-input.ts";
import type { FramePool } from "./frame-pool.ts";
import { MUTE_MS_MAX, PENDING_RESPONSE_BYTES_MAX, PIPELINE_MAX, RESPONSE_COPY_BYTES_MAX } from "./limits.ts";
import type { NetCounters } from "./net-counters.ts";
import { PeerWatch, type Pressure } from "./peer-watch.ts";
import { type ChunkPool, ResponseQueue } from "./response-queue.ts";
import type { TurnQueue, TurnWork } from "./turn-queue.ts";

const HALF_REQUEST = "connection ended in the middle of a request";

/** What all connections share. */
export type ConnectionParts = Readonly<{
  handler: FrameHandler;
  clock: Clock;
  log: Log;
  frames: FramePool;
  chunks: ChunkPool;
  /** Of frames that arrive, and of answers that are not sent yet. */
  frameBytes: ByteBudget;
  answerBytes: ByteCount;
  cutOffs: CutOffLog;
  turns: TurnQueue;
  counters: NetCounters;
  /** The last word of a connection. */
  closed(connection: ClientConnection): void;
}>;

/**
 * One connection of a client: frames in, answers out, both in order. Requests that pipeline (produce) start as they
 * arrive; any other starts when everything before it is answered, and nothing starts before it is answered.
 *
 *   socket → FrameInput → handler.start → ResponseQueue → one write a turn → socket
 *
 * Reading stops while a request may not start: too many unanswered, too many answers not taken by the peer, no room in
 * the broker, throttled. What was read by then waits in one buffer.
 */
export class ClientConnection implements ConnectionReader, RoomWaiter, TurnWork {
  readonly id: number;
  readonly remote: Address;
  /** The address that the client reached. */
  readonly local: Address;
  /** Of the listener behind that address: the client is told where other brokers have the listener of this name. */
  readonly listenerName: string;
  /** What the client calls itself, in the request that was started last; set by the handler of frames. */
  clientId = "";
  /** What the client's software is, once it has said so; set by the handler of frames. */
  clientSoftware: Readonly<{ name: string; version: string }> | undefined;
  readonly #socket: Connection;
  readonly #parts: ConnectionParts;
  readonly #input: FrameInput;
  readonly #responses: ResponseQueue;

  readonly #slots = new AnswerSlots();
  /** Answers below this position may be sent. */
  #readyEnd = 0;

  #exclusive = false;
  #pending: PendingRequest | undefined;
  #open = true;
  #paused = false;
  #draining = false;
  #peerEnded = false;
  #ending = false;
  #queued = false;
  #muteTimer: Timer | undefined;

  #holds: Hold[] = [];
  #heldBytes = 0;
  #sentHolds: Hold[] = [];
  #sentHeldBytes = 0;

  readonly #watch = new PeerWatch();
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(id: number, socket: Connection, listenerName: string, parts: ConnectionParts) {
    this.id = id;
    this.remote = socket.remote;
    this.local = socket.local;
    this.listenerName = listenerName;
    this.#socket = socket;
    this.#parts = parts;
    this.#responses = new ResponseQueue(parts.chunks);
    this.#input = new FrameInput(this, parts.handler, parts.frames);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Requests that are started and not answered. */
  get unanswered(): number {
    return this.#slots.count + (this.#exclusive ? 1 : 0);
  }

  // The socket's side.

  target(): Uint8Array | undefined {
    return this.#ending ? undefined : this.#input.target();
  }

  bytes(bytes: Uint8Array): void {
    if (!this.#open || this.#ending) return;
    this.#receivedBytes += bytes.byteLength;
    this.#parts.counters.bytesReceived += bytes.byteLength;
    this.#input.received(bytes);
    this.#pauseOrResume();
    this.#letGo();
  }

  drained(): void {
    if (!this.#open || this.#socket.pendingBytes > 0) return;
    this.#settle();
    if (this.#input.isBlocked) this.#queue();
    this.#endIfDone();
  }

  ended(): void {
    this.#peerEnded = true;
    if (this.#input.isInFrame) this.#parts.log.warn(HALF_REQUEST, this.#name());
    this.#endIfDone();
  }

  closed(reason: string | undefined): void {
    if (reason !== undefined && this.#open) {
      const fields = { ...this.#name(), reason };
      if (this.#input.isInFrame && !this.#peerEnded) this.#parts.log.warn(HALF_REQUEST, fields);
      else this.#parts.log.debug("connection ended abnormally", fields);
    }
    this.#tearDown();
  }

  // The handler's side.

  /** Memory for a small answer: write at `chunk[at]` after `reserve`, then `advance`. */
  get responses(): ResponseQueue {
    return this.#responses;
  }

  /** The answer that was just appended to `responses` belongs to the request that is being started; it waits for `finishSlot`. */
  openSlot(): number {
    return this.#slots.open(this.#responses.end);
  }

  /** The answer of this slot is complete: it is sent as soon as all before it are. */
  finishSlot(slot: number): void {
    if (!this.#open) return;
    const readyEnd = this.#slots.finish(slot);
    if (readyEnd < 0) return;
    this.#readyEnd = readyEnd;
    this.#queue();
  }

  /**
   * Answers the one request that was started and does not pipeline. Large answers are not copied: their pieces must not
   * change until the holds are released, which this connection does, whatever happens.
   */
  respond(pieces: readonly Uint8Array[], holds: readonly Hold[] = []): void {
    if (!this.#open) {
      for (const hold of holds) hold.release();
      return;
    }
    assert(this.#exclusive, "an answer without a request");
    let bytes = 0;
    for (const piece of pieces) bytes += piece.byteLength;
    if (bytes < RESPONSE_COPY_BYTES_MAX) {
      for (const piece of pieces) this.#responses.append(piece);
      for (const hold of holds) hold.release();
    } else {
      for (const piece of pieces) this.#responses.appendShared(piece);
      this.#keep(holds, bytes);
    }
    this.#readyEnd = this.#responses.end;
    this.#answered();
  }

  /** The request that was started is done and has no answer. */
  respondNothing(): void {
    if (this.#open) this.#answered();
  }

  /** The request that was started may wait for long: whoever waits is told when that is pointless. */
  waitFor(pending: PendingRequest): void {
    this.#pending = pending;
    if (this.#draining) pending.cancel();
  }

  /** Bytes that answers to all clients may still take. A large answer has to keep within it, or within what is indispensable. */
  get answerRoom(): number {
    return this.#parts.answerBytes.room;
  }

  /** Memory that is being filled for an answer counts before there is one; `releaseAnswer` in any case, before `respond`. */
  claimAnswer(bytes: number): void {
    this.#parts.answerBytes.claim(bytes);
  }

  releaseAnswer(bytes: number): void {
    this.#parts.answerBytes.release(bytes);
  }

  /** Runs `work` before this turn of the loop ends, and before answers are sent; at once when a group is durable. */
  beforeSending(work: TurnWork): void {
    this.#parts.turns.add(work);
  }

  /** Sends what is ready without waiting for the end of the turn. */
  sendNow(): void {
    if (this.#open) this.#flush();
  }

  /** Reads nothing for so long: the client was told so by the throttle time of an answer. */
  mute(delayMs: number): void {
    const muteMs = Math.min(delayMs, MUTE_MS_MAX);
    if (!this.#open || this.#muteTimer !== undefined || muteMs <= 0) return;
    this.#parts.counters.throttled += 1;
    this.#parts.counters.throttledMs += muteMs;
    this.#muteTimer = this.#parts.clock.after(muteMs, () => {
      this.#muteTimer = undefined;
      if (this.#open) this.#queue();
    });
    this.#input.block();
    this.#pauseOrResume();
  }

  /** The peer broke the protocol, or is too slow: one line in the log, and the end. */
  cutOff(reason: string): void {
    if (!this.#open) return;
    this.#parts.counters.connectionsCutOff += 1;
    this.#parts.cutOffs.cutOff(reason, this.#name());
    this.#destroy();
  }

  /** Ends without a word in the log, as acks=0 asks for after an error. */
  destroy(): void {
    if (this.#open) this.#destroy();
  }

  // The listener's side.

  /** Answers what was started, starts nothing more, ends. */
  drain(): void {
    this.#draining = true;
    this.#input.block();
    this.#pauseOrResume();
    this.#pending?.cancel();
    this.#endIfDone();
  }

  /** Called once per sweep: ends what stands still for too long. */
  sweep(idleSweepsMax: number, pressure: Pressure): void {
    if (!this.#open) return;
    const state = {
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      pendingBytes: this.#socket.pendingBytes,
      owesFrame: this.#input.isInFrame && !this.#paused,
      isOurTurn: this.#paused || this.unanswered > 0,
    };
    const verdict = this.#watch.judge(state, idleSweepsMax, pressure);
    if (verdict === "fine") return;
    if (verdict !== "idle") return this.cutOff(verdict.reason);
    this.#parts.counters.connectionsIdled += 1;
    this.#destroy();
  }

  // FrameInput's side.

  /** Nothing may start, whatever it is. */
  get isHeldBack(): boolean {
    return this.#draining || this.#muteTimer !== undefined;
  }

  /** Whether a request of this API may start now. */
  mayStart(apiKey: number): boolean {
    if (!this.#open || this.#exclusive || this.isHeldBack) return false;
    if (this.#socket.pendingBytes + this.#responses.bytes > PENDING_RESPONSE_BYTES_MAX) return false;
    const unanswered = this.#slots.count;
    if (unanswered === 0) return true;
    return unanswered < PIPELINE_MAX && this.#parts.handler.pipelines(apiKey);
  }

  /** Whether the buffer of a frame that arrives may grow. */
  mayGrow(): boolean {
    return this.#parts.frameBytes.admit(this);
  }

  start(bytes: Uint8Array, start: number, end: number, apiKey: number): void {
    this.#parts.counters.requestsStarted += 1;
    this.#exclusive = !this.#parts.handler.pipelines(apiKey);
    this.#parts.handler.start(this, bytes, start, end);
  }

  // The broker's side.

  roomFreed(): void {
    this.#queue();
  }

  turn(): void {
    if (this.#open && this.#input.isBlocked) {
      this.#input.resume();
      this.#pauseOrResume();
    }
    this.#queued = false;
    if (!this.#open) return;
    // What was held back by its own unsent answers goes on in the next turn: others come first.
    if (this.#flush() && this.#open && this.#input.isBlocked) this.#queue();
    this.#letGo();
  }

  #answered(): void {
    assert(this.#exclusive, "an answer without a request");
    this.#exclusive = false;
    this.#pending = undefined;
    this.#queue();
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#parts.turns.add(this);
  }

  /** Sends what is ready, in one write. Returns whether anything was. */
  #flush(): boolean {
    const bytes = this.#readyEnd - (this.#responses.end - this.#responses.bytes);
    if (bytes > 0) {
      this.#parts.counters.bytesSent += bytes;
      this.#sentBytes += bytes;
      this.#sendHolds();
      this.#socket.write(this.#responses.take(this.#readyEnd));
      if (this.#open && this.#socket.pendingBytes === 0) this.#settle();
    }
    this.#endIfDone();
    return bytes > 0;
  }

  /** Everything written is with the kernel. */
  #settle(): void {
    this.#responses.drained();
    if (this.#sentHeldBytes === 0) return;
    for (const hold of this.#sentHolds) hold.release();
    this.#sentHolds.length = 0;
    this.#parts.answerBytes.release(this.#sentHeldBytes);
    this.#sentHeldBytes = 0;
  }

  /** Who holds no frame needs no favour. */
  #letGo(): void {
    if (!this.#input.holdsBytes) this.#parts.frameBytes.settle(this);
  }

  #keep(holds: readonly Hold[], bytes: number): void {
    this.#parts.answerBytes.claim(bytes);
    this.#heldBytes += bytes;
    for (const hold of holds) {
      this.#holds.push(hold);
      hold.whenWanted(() => this.cutOff("the peer is too slow: the memory of the records it fetches is needed"));
    }
  }

  #sendHolds(): void {
    for (const hold of this.#holds) this.#sentHolds.push(hold);
    this.#holds.length = 0;
    this.#sentHeldBytes += this.#heldBytes;
    this.#heldBytes = 0;
  }

  #pauseOrResume(): void {
    const pauses = this.#input.isBlocked && !this.#ending;
    if (!this.#open || this.#paused === pauses) return;
    this.#paused = pauses;
    if (this.#paused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** After the peer's end, or when draining: nothing more will be started, so when all is sent it is over. */
  #endIfDone(): void {
    if (!this.#open || this.#ending || !(this.#draining || (this.#peerEnded && !this.#input.hasWholeFrame))) return;
    if (this.unanswered > 0 || this.#responses.bytes > 0 || this.#socket.pendingBytes > 0) return;
    this.#ending = true;
    this.#socket.end();
    this.#pauseOrResume(); // the peer's end is seen only by reading; what comes before it is dropped
  }

  #destroy(): void {
    this.#tearDown();
    this.#socket.destroy();
  }

  #tearDown(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#muteTimer?.cancel();
    this.#input.clear();
    this.#responses.clear();
    for (const hold of [...this.#holds, ...this.#sentHolds]) hold.release();
    this.#holds = [];
    this.#sentHolds = [];
    this.#parts.answerBytes.release(this.#heldBytes + this.#sentHeldBytes);
    this.#heldBytes = 0;
    this.#sentHeldBytes = 0;
    this.#parts.frameBytes.leave(this);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.cancel();
    this.#parts.closed(this);
  }

  #name(): { connection: number; remote: string } {
    return { connection: this.id, remote: `${this.remote.host}:${this.remote.port}` };
  }
}
